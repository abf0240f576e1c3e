"""Starts, breaks and doubts: what the exchange knows becomes ours, and nothing is released too early."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from risk.codes import Scope
from tests.trading.engine.conftest import settle, start_engine
from tests.trading.engine.engine_desk import (
    PRICE,
    START_NS,
    Clock,
    close_engine,
    intent,
    make_desk,
    open_engine,
    records_of,
)
from tests.trading.engine.scripted_venue import ScriptedVenue, fill, report
from trading.records import AccountStateChanged, BalanceChanged, DriftFound, FillApplied, OrderAdopted
from trading.types import OrderState
from venues.base import (
    Balance,
    FillSnapshot,
    OrderSnapshot,
    OrderType,
    Rejected,
    ReportKind,
    Side,
    TimeInForce,
    Unknown,
)


def snapshot(name: str, status: str = "NEW", filled: int = 0, account: int = 1, **facts) -> OrderSnapshot:
    told: dict[str, Any] = {
        "account": account, "symbol": "BTCUSDT", "client_order_id": name, "venue_order_id": 900,
        "side": Side.BUY, "type": OrderType.LIMIT, "tif": TimeInForce.GTC, "price_ticks": PRICE,
        "quantity_lots": 10, "filled_lots": filled, "status": status, "updated_ns": START_NS,
    }  # fmt: skip
    return OrderSnapshot(**(told | facts))


def trade(trade_id: int, lots: int, venue_order_id: int = 900, **facts) -> FillSnapshot:
    told: dict[str, Any] = {
        "account": 1, "symbol": "BTCUSDT", "trade_id": trade_id, "venue_order_id": venue_order_id,
        "side": Side.BUY, "price_ticks": PRICE, "lots": lots, "fee_units": 7, "fee_asset": "BNB",
        "maker": False, "event_ns": START_NS,
    }  # fmt: skip
    return FillSnapshot(**(told | facts))


async def tick(engine, clock, ms: int = 50) -> None:
    """Let time pass and the engine's tasks run."""
    engine.on_timer(clock.pass_ms(ms))
    await settle(engine)


def reserved(engine, account: int = 1) -> int:
    return int(engine.gate.position(account, 1)[1])


async def break_stream(engine, clock, account: int = 1) -> None:
    engine.on_account_live(account, False)
    assert not engine.account_ready(account)
    engine.on_account_live(account, True)
    await tick(engine, clock)


async def test_an_account_is_ready_only_once_it_is_reconciled(tmp_path):
    venue, clock = ScriptedVenue(), Clock()
    venue.money = [Balance("USDT", 10**15, 5), Balance("BTC", 7, 0)]
    engine = open_engine(tmp_path, venue, clock)
    await engine.start()
    assert not engine.account_ready(1)
    await tick(engine, clock)
    assert engine.account_ready(1)
    assert engine.gate.asset(1, engine.desk.assets["USDT"])[0] == 10**15 + 5
    balances = [
        (r.asset, r.total_units_after) for r in records_of(tmp_path, BalanceChanged) if r.account == 1
    ]
    assert balances == [("USDT", 10**15 + 5), ("BTC", 7)]
    assert records_of(tmp_path, DriftFound) == []
    await engine.background.stop()
    close_engine(engine)


async def test_an_exchange_that_does_not_answer_is_asked_again(engine, venue, clock):
    venue.query_error = Unknown("no answer")
    await break_stream(engine, clock)
    assert not engine.account_ready(1)
    venue.query_error = None
    await tick(engine, clock, 600)
    assert engine.account_ready(1)


async def test_an_order_that_the_exchange_will_not_talk_about_keeps_no_account_closed(engine, venue, clock):
    decision = engine.submit(intent(), clock())
    engine.on_order_report(report(decision, ReportKind.ACK))
    refused = Rejected("Order was canceled or expired with no executed qty over 90 days ago", -2026)
    venue.query_order = raising(refused)
    await break_stream(engine, clock)
    assert engine.account_ready(1)
    assert reserved(engine) == 10


def raising(error: Exception):
    async def query_order(*order):
        raise error

    return query_order


async def test_a_break_while_reconciling_leaves_the_account_closed(engine, venue, clock):
    engine.on_account_live(1, False)
    engine.on_account_live(1, True)
    engine.on_timer(clock.pass_ms(50))
    engine.on_account_live(1, False)
    await settle(engine)
    assert not engine.account_ready(1)
    engine.on_account_live(1, True)
    await tick(engine, clock)
    assert engine.account_ready(1)


async def test_fills_that_the_stream_lost_are_counted_once(engine, venue, clock, tmp_path):
    decision = engine.submit(intent(), clock())
    engine.on_order_report(report(decision, ReportKind.ACK))
    engine.on_order_report(fill(decision, 1, 3, 3))
    venue.trades = [trade(1, 3), trade(2, 4)]
    venue.open_list = [snapshot(decision.client_order_id, "PARTIALLY_FILLED", 7)]
    await break_stream(engine, clock)
    order = engine.ledger.orders[decision.client_order_id]
    assert (order.state, order.filled_lots) == (OrderState.PARTIALLY_FILLED, 7)
    assert engine.gate.position(1, 1) == (7, 3, 0)
    assert len(records_of(tmp_path, FillApplied)) == 2
    engine.on_order_report(fill(decision, 2, 4, 7))
    assert engine.gate.position(1, 1) == (7, 3, 0)


async def test_an_order_that_ended_during_the_break_is_ended_with_its_fills(engine, venue, clock):
    decision = engine.submit(intent(), clock())
    engine.on_order_report(report(decision, ReportKind.ACK))
    venue.known[decision.client_order_id] = snapshot(decision.client_order_id, "CANCELED", 4)
    venue.trades = [trade(1, 4)]
    await break_stream(engine, clock)
    order = engine.ledger.orders[decision.client_order_id]
    assert (order.state, order.filled_lots) == (OrderState.CANCELED, 4)
    assert engine.gate.position(1, 1) == (4, 0, 0)


@pytest.mark.parametrize(("name", "ours"), [("mx-0-0-5", True), ("web_abc", False)])
async def test_orders_that_we_did_not_know_are_adopted_and_count(engine, venue, clock, tmp_path, name, ours):
    venue.open_list = [snapshot(name, "PARTIALLY_FILLED", 4)]
    venue.trades = [trade(1, 4)]
    await break_stream(engine, clock)
    (record,) = records_of(tmp_path, OrderAdopted)
    assert (record.client_order_id, record.ours, record.venue_order_id) == (name, ours, 900)
    assert engine.gate.position(1, 1) == (4, 6, 0)
    order = engine.ledger.find(1, name)
    engine.on_order_report(report(order, ReportKind.CANCELED, filled_lots=4))
    assert engine.gate.position(1, 1) == (4, 0, 0)
    await break_stream(engine, clock)
    assert len(records_of(tmp_path, OrderAdopted)) == 1


async def test_two_accounts_may_have_foreign_orders_of_one_name(engine, venue, clock):
    venue.open_list = [snapshot("web", account=1), snapshot("web", account=2)]
    await break_stream(engine, clock, 1)
    await break_stream(engine, clock, 2)
    assert (reserved(engine, 1), reserved(engine, 2)) == (10, 10)


async def test_a_strangers_order_stops_the_account_until_it_is_adopted(engine, venue, clock, tmp_path):
    venue.open_list = [snapshot("web")]
    engine.on_order_report(report(snapshot("web"), ReportKind.ACK))
    assert not engine.account_ready(1)
    await tick(engine, clock)
    assert not engine.account_ready(1), "it was reconciled a moment ago"
    await tick(engine, clock, 2_000)
    assert engine.account_ready(1)
    assert reserved(engine) == 10


async def test_a_foreign_trade_without_an_order_moves_position_and_money(engine, venue, clock, tmp_path):
    venue.trades = [trade(9, 5, venue_order_id=555, event_ns=clock.pass_ms(5))]
    venue.money = [Balance("USDT", 10**15 - 5 * PRICE * 10, 0), Balance("BTC", 10**12 + 5_000, 0)]
    engine.on_order_report(fill(snapshot("gone"), 9, 5))
    await tick(engine, clock, 2_000)
    assert engine.position_lots(1, 1) == 5
    assert engine.gate.position(1, 1) == (5, 0, 0)
    assert len(records_of(tmp_path, FillApplied)) == 1


async def test_trades_from_before_the_account_was_ours_are_no_position(engine, venue, clock, tmp_path):
    venue.trades = [trade(9, 5, venue_order_id=555, event_ns=START_NS - 1_000_000)]
    engine.submit(intent(), clock())
    await break_stream(engine, clock)
    assert engine.position_lots(1, 1) == 0
    assert records_of(tmp_path, FillApplied) == []


async def test_an_unknown_order_is_asked_for_with_growing_pauses(engine, venue, clock):
    decision = engine.submit(intent(), clock())
    engine.on_order_report(report(decision, ReportKind.UNKNOWN, venue_order_id=0))
    asked_at = []
    for _ in range(200):
        before = len(venue.asked)
        await tick(engine, clock, 50)
        if len(venue.asked) > before:
            asked_at.append((clock.now_ns - START_NS) // 1_000_000)
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked_at)]
    assert 200 <= asked_at[0] <= 400
    assert gaps == [1000, 2000, 4000], gaps
    assert reserved(engine) == 10


async def test_an_unknown_order_that_the_exchange_has_is_settled(engine, venue, clock):
    decision = engine.submit(intent(), clock())
    engine.on_order_report(report(decision, ReportKind.UNKNOWN, venue_order_id=0))
    venue.known[decision.client_order_id] = snapshot(decision.client_order_id, "FILLED", 10)
    venue.trades = [trade(1, 6), trade(2, 4)]
    await tick(engine, clock, 300)
    order = engine.ledger.orders[decision.client_order_id]
    assert (order.state, order.filled_lots, order.venue_order_id) == (OrderState.FILLED, 10, 900)
    assert engine.gate.position(1, 1) == (10, 0, 0)
    await tick(engine, clock)
    assert engine.doubts.open == {}


async def test_an_order_is_presumed_dead_only_behind_the_fence_and_after_three_denials(engine, venue, clock):
    decision = engine.submit(intent(), clock())
    sent_ns = clock()
    engine.on_order_report(report(decision, ReportKind.UNKNOWN, venue_order_id=0))
    order = engine.ledger.orders[decision.client_order_id]
    while not order.terminal:
        assert reserved(engine) == 10
        await tick(engine, clock, 250)
        assert clock() - sent_ns < 60_000_000_000
    fence_ns = (2_000 + 11_000) * 1_000_000
    assert clock() - sent_ns > fence_ns + 2 * 5_000_000_000
    assert order.state is OrderState.NOT_SENT
    assert reserved(engine) == 0
    assert len(venue.placed) == 1


@pytest.mark.parametrize("trace", ["open", "trade"])
async def test_a_trace_of_the_order_keeps_it_alive(engine, venue, clock, trace):
    decision = engine.submit(intent(), clock())
    engine.on_order_report(report(decision, ReportKind.UNKNOWN, venue_order_id=0))
    if trace == "open":
        venue.open_list = [snapshot(decision.client_order_id)]
    else:
        venue.trades = [trade(1, 10, venue_order_id=77)]
    for _ in range(200):
        await tick(engine, clock, 250)
    assert reserved(engine) == 10


async def test_an_order_that_the_exchange_forgot_is_let_go_after_the_fence(engine, venue, clock):
    decision = engine.submit(intent(), clock())
    engine.on_order_report(report(decision, ReportKind.ACK))
    await break_stream(engine, clock)
    order = engine.ledger.orders[decision.client_order_id]
    for _ in range(20):
        await tick(engine, clock, 250)
    assert reserved(engine) == 10
    for _ in range(200):
        await tick(engine, clock, 250)
    assert order.state is OrderState.EXPIRED
    assert reserved(engine) == 0


async def test_trades_that_are_owed_are_fetched(engine, venue, clock):
    decision = engine.submit(intent(), clock())
    engine.on_order_report(report(decision, ReportKind.CANCELED, filled_lots=4))
    venue.trades = [trade(1, 4)]
    for _ in range(30):
        await tick(engine, clock)
    assert engine.gate.position(1, 1) == (4, 0, 0)
    assert not engine.ledger.owing


async def test_a_lost_answer_to_a_cancel_is_asked_for_and_the_cancel_may_be_repeated(engine, venue, clock):
    decision = engine.submit(intent(), clock())
    engine.on_order_report(report(decision, ReportKind.ACK))
    engine.cancel(decision.client_order_id, clock())
    venue.known[decision.client_order_id] = snapshot(decision.client_order_id)
    engine.on_order_report(report(decision, ReportKind.CANCEL_UNKNOWN, code=-2011))
    await tick(engine, clock, 300)
    order = engine.ledger.orders[decision.client_order_id]
    assert (order.state, order.canceling) == (OrderState.OPEN, False)


async def test_a_balance_that_differs_is_repaired_only_after_it_has_stood(engine, venue, clock, tmp_path):
    engine.on_balances(1, [Balance("BTC", 5, 0)], clock())
    await tick(engine, clock, 500)
    assert records_of(tmp_path, DriftFound) == []
    await tick(engine, clock, 600)
    (drift,) = records_of(tmp_path, DriftFound)
    assert (drift.what, drift.ours, drift.theirs) == ("balance of BTC", str(10**12), "5")
    assert engine.ledger.money[1, "BTC"].total_units == 5
    assert engine.gate.asset(1, engine.desk.assets["BTC"])[0] == 5


async def test_a_balance_that_comes_before_its_fill_is_no_drift(engine, venue, clock, tmp_path):
    decision = engine.submit(intent(), clock())
    engine.on_balances(1, [Balance("BTC", 10**12 + 10_000, 0)], clock())
    await tick(engine, clock, 500)
    engine.on_order_report(fill(decision, 1, 10))
    for _ in range(4):
        await tick(engine, clock, 500)
    assert records_of(tmp_path, DriftFound) == []
    assert engine.ledger.money[1, "BTC"].total_units == 10**12 + 10_000


async def test_drift_during_a_break_is_journalled_and_repaired(engine, venue, clock, tmp_path):
    venue.money = [Balance("USDT", 10**15, 0), Balance("BTC", 3, 4)]
    await break_stream(engine, clock)
    assert [drift.theirs for drift in records_of(tmp_path, DriftFound)] == ["7"]
    assert (engine.ledger.money[1, "BTC"].total_units, engine.ledger.money[1, "BTC"].locked_units) == (7, 4)


async def test_states_are_journalled_and_told(engine, venue, clock, tmp_path):
    told = []

    class Listener:
        def on_account_state(self, account, state, now_ns):
            told.append((account, state))

        def on_timer(self, now_ns):
            pass

    engine.observe(Listener())
    await break_stream(engine, clock)
    assert told == [(1, "stale"), (1, "ready")]
    journalled = [(r.account, r.state) for r in records_of(tmp_path, AccountStateChanged) if r.account == 1]
    assert journalled == [(1, "ready"), (1, "stale"), (1, "ready")]


async def test_accounts_are_reconciled_a_few_at_a_time(tmp_path):
    from tests.trading.engine.engine_desk import account
    from trading.engine.account_states import RECONCILED_AT_ONCE_MAX

    venue, clock = ScriptedVenue(), Clock()
    engine = open_engine(tmp_path, venue, clock, desk=make_desk(accounts=[account(n) for n in range(1, 21)]))
    await start_engine(engine, venue, clock)
    ready = [account.slot for account in engine.desk.accounts if engine.account_ready(account.slot)]
    assert len(ready) == RECONCILED_AT_ONCE_MAX
    for _ in range(3):
        await tick(engine, clock)
    assert all(engine.account_ready(account.slot) for account in engine.desk.accounts)
    assert engine.gate.exposure(Scope.GLOBAL, 0) == (0, 0)
    await engine.background.stop()
    close_engine(engine)
