"""Money, orders and events of the exchange under random orders, and over time."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.venues.simulator.exchange_desk import Desk
from venues.simulator import state_file
from venues.simulator.amounts import parse_units
from venues.simulator.matching import BUY, SELL

COUNT_CASE = Path(__file__).resolve().parents[4] / "shared/data/spec_cases/unfilled_order_count_example1.json"


def totals(desk: Desk) -> dict[str, int]:
    """Return what accounts and fees hold of each asset."""
    sums = desk.exchange.settlement.ledger.sums()
    return {asset: row["free"] + row["locked"] + row["fees"] for asset, row in sums.items()}


def random_request(desk: Desk, chance: random.Random) -> None:
    account, roll = chance.randrange(3), chance.random()
    side = chance.choice(("BUY", "SELL"))
    quantity = f"{chance.randint(1, 400) / 1000:.3f}"
    if roll < 0.55:
        price = f"{61800 + chance.randint(-300, 300) / 10:.2f}"
        tif = chance.choice(("GTC", "GTC", "GTC", "IOC", "FOK"))
        desk.limit(account, side, price, quantity, timeInForce=tif)
    elif roll < 0.65:
        order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT_MAKER", "quantity": quantity}
        desk.ask("order.place", account, **order, price=f"{61800 + chance.randint(-300, 300) / 10:.2f}")
    elif roll < 0.75:
        desk.market(account, side, quantity=quantity)
    elif roll < 0.8:
        desk.market(account, side, quoteOrderQty=str(chance.randint(10, 20_000)))
    elif desk.exchange.settlement.orders[account].open:
        victim = chance.choice(list(desk.exchange.settlement.orders[account].open))
        desk.ask("order.cancel", account, symbol="BTCUSDT", orderId=victim)


@pytest.mark.parametrize("seed", range(4))
def test_random_orders_among_accounts_neither_make_nor_lose_money(seed):
    desk, chance = Desk(seed=seed), random.Random(seed)
    before = totals(desk)
    for _ in range(500):
        desk.now_ns += 250_000_000
        random_request(desk, chance)
        desk.check()
    assert totals(desk) == before
    assert desk.heard.trades, "nothing traded: the test proves nothing"
    assert desk.exchange.settlement.ledger.sums()["BTC"]["fees"] > 0


def test_with_a_market_around_them_all_money_comes_from_or_goes_to_the_world():
    desk, chance = Desk(market=True), random.Random(5)
    for _ in range(300):
        desk.run(250)
        random_request(desk, chance)
        desk.check()
    makers = [t for one in desk.exchange.settlement.orders for t in one.trades if t.is_maker]
    assert makers, "the market never filled a resting order"


def test_a_symbols_trade_ids_have_no_gaps():
    desk = Desk(market=True)
    desk.run(20_000)
    for market in desk.exchange.markets.values():
        ids = [trade.trade_id for trade in market.tape.trades]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert market.tape.day().count == len(ids)


def test_the_same_seed_and_the_same_requests_give_the_same_exchange():
    def history(seed: int):
        desk, chance = Desk(seed=seed, market=True), random.Random(1)
        for _ in range(60):
            desk.run(100)
            random_request(desk, chance)
        return desk.heard.events, desk.heard.trades, desk.heard.depths

    assert history(3) == history(3)
    assert history(3) != history(4)


def test_published_changes_applied_to_a_snapshot_give_the_engines_book():
    desk, chance = Desk(market=True), random.Random(2)
    market = desk.exchange.market("BTCUSDT")
    desk.run(330)
    last_id = market.floor.update_id
    book = {BUY: dict(market.floor.levels(BUY, 5000)), SELL: dict(market.floor.levels(SELL, 5000))}
    desk.heard.depths.clear()
    for _ in range(40):
        random_request(desk, chance)
        desk.run(150)
    desk.exchange.advance(desk.now_ns + 100_000_000)
    first = True
    for symbol, interval_ms, update in desk.heard.depths:
        if symbol != "BTCUSDT" or interval_ms != 100 or update.last_id <= last_id:
            continue
        assert update.first_id <= last_id + 1 <= update.last_id if first else update.first_id == last_id + 1
        first, last_id = False, update.last_id
        for side, levels in ((BUY, update.bids), (SELL, update.asks)):
            for ticks, lots in levels:
                book[side].pop(ticks, None)
                if lots:
                    book[side][ticks] = lots
    assert not first
    assert last_id == market.floor.update_id
    for side in (BUY, SELL):
        assert book[side] == dict(market.floor.levels(side, 5000))


def test_an_accounts_events_tell_of_its_order_from_acceptance_to_fill():
    desk = Desk()
    desk.limit(0, "SELL", "61000", "0.002", newClientOrderId="ask")
    desk.limit(1, "BUY", "61000", "0.001", newClientOrderId="bid")
    assert desk.heard.reports(0) == [("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED")]
    assert desk.heard.reports(1) == [("NEW", "NEW"), ("TRADE", "FILLED")]
    fill = next(e for who, e in desk.heard.events if who == 0 and e.get("x") == "TRADE")
    assert (fill["c"], fill["l"], fill["z"], fill["L"], fill["n"], fill["N"], fill["m"], fill["w"]) == (
        "ask",
        "0.00100000",
        "0.00100000",
        "61000.00000000",
        "0.06100000",
        "USDT",
        True,
        True,
    )
    kinds = [e["e"] for who, e in desk.heard.events if who == 1]
    assert kinds == ["executionReport", "executionReport", "outboundAccountPosition"]
    position = [e for who, e in desk.heard.events if who == 0 and e["e"] == "outboundAccountPosition"][-1]
    balances = {row["a"]: (row["f"], row["l"]) for row in position["B"]}
    assert balances["BTC"] == ("9.99800000", "0.00100000")


def test_a_cancel_is_reported_under_its_own_id_with_the_original_beside_it():
    desk = Desk()
    desk.limit(0, "BUY", "60000", "0.001", newClientOrderId="original")
    answer = desk.ask(
        "order.cancel", 0, symbol="BTCUSDT", origClientOrderId="original", newClientOrderId="gone"
    ).result
    assert (answer["origClientOrderId"], answer["clientOrderId"], answer["status"]) == (
        "original",
        "gone",
        "CANCELED",
    )
    event = next(e for _, e in desk.heard.events if e.get("x") == "CANCELED")
    assert (event["c"], event["C"], event["X"]) == ("gone", "original", "CANCELED")
    assert desk.exchange.settlement.ledger.locked(0, "USDT") == 0


def test_price_improvement_is_given_back_at_once():
    desk = Desk()
    desk.limit(0, "SELL", "60000", "0.001")
    desk.limit(1, "BUY", "61000", "0.003")
    ledger = desk.exchange.settlement.ledger
    assert ledger.locked(1, "USDT") == parse_units("122")
    assert ledger.free(1, "USDT") == parse_units("1000000") - parse_units("182")


def test_a_deposit_is_told_as_a_balance_update():
    desk = Desk()
    desk.exchange.settlement.deposit(1, "USDT", parse_units("5"), desk.now_ns)
    assert [(who, e["e"]) for who, e in desk.heard.events] == [
        (1, "balanceUpdate"),
        (1, "outboundAccountPosition"),
    ]
    assert desk.heard.events[0][1]["d"] == "5.00000000"
    desk.check()


def test_unfilled_orders_are_counted_as_in_the_published_example():
    if not COUNT_CASE.exists():
        pytest.skip(f"{COUNT_CASE} is absent")
    expected = [count for _, count in json.loads(COUNT_CASE.read_text())["steps"]]
    desk, seen = Desk(), []

    def note() -> None:
        seen.append(desk.exchange.settlement.order_counts[0].windows[1].count)

    desk.limit(0, "BUY", "50000", "0.001")
    note()
    desk.limit(1, "SELL", "60000", "0.001")
    # B is counted before it fills as a taker; the example lists both moments.
    seen.append(seen[-1] + 1)
    desk.limit(0, "BUY", "60000", "0.003")
    note()
    desk.limit(0, "BUY", "50000", "0.001")
    note()
    desk.limit(1, "SELL", "60000", "0.001")
    note()
    desk.limit(1, "SELL", "60000", "0.001")
    note()
    desk.limit(1, "SELL", "60000", "0.001")
    seen.append(seen[-1] + 1)
    desk.market(0, "BUY", quantity="0.001")
    note()
    assert seen == expected


def test_too_many_orders_are_refused_per_account_until_the_interval_ends():
    desk = Desk()
    for _ in range(100):
        assert desk.limit(0, "BUY", "50000", "0.0002").status == 200
    refused = desk.limit(0, "BUY", "50000", "0.0002")
    assert (refused.status, refused.code) == (429, -1015)
    assert refused.text == "Too many new orders; current limit is 100 orders per 10 SECOND."
    assert desk.limit(1, "BUY", "50000", "0.0002").status == 200
    desk.now_ns += refused.retry_after_s * 1_000_000_000
    assert desk.limit(0, "BUY", "50000", "0.0002").status == 200


def test_weight_is_charged_by_address_refused_with_429_and_banned_with_418():
    desk = Desk()
    while (reply := desk.ask("depth", symbol="BTCUSDT", limit=5000)).status == 200:
        pass
    assert desk.dispatcher.limits("127.0.0.1").weight.count == 6000
    assert (reply.status, reply.code) == (429, -1003)
    assert 0 < reply.retry_after_s <= 60
    for _ in range(20):
        reply = desk.ask("ping")
    assert reply.status == 418
    assert reply.retry_after_s == 120
    desk.now_ns += 119_000_000_000
    assert desk.ask("ping").status == 418
    desk.now_ns += 2_000_000_000
    assert desk.ask("ping").status == 200


def test_orders_that_succeed_cost_no_weight_and_those_that_fail_do():
    desk = Desk()
    desk.limit(0, "BUY", "50000", "0.0002", newClientOrderId="a")
    desk.ask("order.cancel", 0, symbol="BTCUSDT", origClientOrderId="a")
    assert desk.dispatcher.limits("127.0.0.1").weight.count == 0
    desk.ask("order.cancel", 0, symbol="BTCUSDT", origClientOrderId="a")
    assert desk.dispatcher.limits("127.0.0.1").weight.count == 1


def test_a_saved_exchange_goes_on_where_it_was(tmp_path):
    desk, chance = Desk(market=True), random.Random(3)
    for _ in range(100):
        desk.run(100)
        random_request(desk, chance)
    path = state_file.state_path(tmp_path, 1)
    state_file.save(path, desk.exchange, desk.source)
    assert path.stat().st_mode & 0o777 == 0o600
    later = Desk(accounts=4)
    state = state_file.take(path)
    assert state is not None
    assert not path.exists(), "a state is taken once"
    state_file.restore(state, later.exchange, later.source, later.now_ns)
    for index in range(3):
        old, new = desk.exchange.settlement.orders[index], later.exchange.settlement.orders[index]
        assert (new.open, list(new.trades), dict(new.closed)) == (
            old.open,
            list(old.trades),
            dict(old.closed),
        )
    assert later.exchange.settlement.ledger.free(3, "USDT") == parse_units("1000000"), (
        "the added account has money"
    )
    old_floor, new_floor = desk.exchange.market("BTCUSDT").floor, later.exchange.market("BTCUSDT").floor
    assert new_floor.resting() == old_floor.resting()
    assert new_floor.update_id >= old_floor.update_id
    later.exchange.source = later.source
    for _ in range(100):
        later.run(100)
        random_request(later, chance)
        later.check()
