"""The order path: what leaves, in which order, and what a refusal leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk.codes import Code, Scope, TradingState
from tests.trading.engine.conftest import start_engine
from tests.trading.engine.engine_desk import (
    BTCUSDT,
    MS,
    PRICE,
    STRATEGY,
    Clock,
    close_engine,
    intent,
    make_desk,
    open_engine,
    records_of,
)
from tests.trading.engine.scripted_venue import ScriptedVenue, fill, not_sent, report
from trading.records import CancelSending, OrderRefused, OrderReported, OrderSending
from trading.types import OrderState
from venues.base import NotSent, OrderType, ReportKind, Side, TimeInForce, Unknown


def reserved(engine, account: int = 1) -> int:
    """Return the lots that the gate holds for open buys."""
    return int(engine.gate.position(account, 1)[1])


def test_an_order_is_on_disk_before_the_venue_hears_of_it(engine, venue, tmp_path):
    seen: list[str] = []
    venue.on_place = lambda order: seen.extend(
        record.client_order_id for record in records_of(tmp_path, OrderSending)
    )
    decision = engine.submit(intent(), engine.clock())
    assert decision.accepted
    assert seen == [decision.client_order_id]


def test_what_leaves_is_what_was_journalled(engine, venue, tmp_path):
    engine.submit(intent(price_ticks=PRICE - 5, quantity_lots=12, side=Side.SELL), engine.clock())
    (record,) = records_of(tmp_path, OrderSending)
    (order,) = venue.placed
    assert (order.price_ticks, order.quantity_lots, order.side) == (PRICE - 5, 12, Side.SELL)
    assert (order.signed_at_ms, order.recv_window_ms) == (record.signed_at_ms, record.recv_window_ms)
    assert order.signed_at_ms == engine.clock() // MS
    assert (record.arrival_bid_ticks, record.arrival_ask_ticks) == (PRICE - 1, PRICE + 1)
    assert order.instrument is BTCUSDT


def test_every_order_has_a_name_of_its_own_with_the_epoch(engine, venue):
    names = {engine.submit(intent(quantity_lots=n), engine.clock()).client_order_id for n in range(10, 20)}
    assert len(names) == 10
    assert all(name.startswith("mx-0-1-") for name in names)


def test_an_order_that_the_gate_refuses_reserves_nothing_and_says_the_numbers(engine, venue, tmp_path):
    engine.gate.set_position_limits(1, 1, order_lots_max=10_000_000, position_lots_max=1_200_000)
    first = engine.submit(intent(quantity_lots=900_000), engine.clock())
    engine.on_order_report(report(first, ReportKind.ACK))
    engine.on_order_report(fill(first, 1, 900_000))
    engine.submit(intent(quantity_lots=240_000), engine.clock())
    before = reserved(engine)
    decision = engine.submit(intent(quantity_lots=100_000), engine.clock())
    assert decision.code == Code.POSITION
    assert decision.text == (
        "R-POSITION: BTCUSDT long would be 12.40 (position 9.00 + open 2.40 + this 1.00);"
        " limit 12.00; account account-1"
    )
    assert reserved(engine) == before
    (record,) = records_of(tmp_path, OrderRefused)
    numbers = (record.limit, record.current, record.reserved, record.requested, record.would_be)
    assert numbers == (1_200_000, 900_000, 240_000, 100_000, 1_240_000)
    assert record.text == decision.text
    assert len(venue.placed) == 2


@pytest.mark.parametrize("code", [code for code in Code if 0 < code <= Code.OVERFLOW])
def test_every_check_of_the_gate_has_words_for_its_refusal(code):
    from trading.engine.refusals import PATTERNS

    assert code in PATTERNS


def test_without_rate_budget_the_order_is_refused_and_released(engine, venue, tmp_path):
    class Empty:
        def spend_order(self, account: int, now_ns: int) -> bool:
            return False

    engine.order_path.budget = Empty()
    decision = engine.submit(intent(), engine.clock())
    assert decision.code == Code.RATE_BUDGET
    assert reserved(engine) == 0
    assert venue.placed == []
    assert [record.code for record in records_of(tmp_path, OrderRefused)] == [Code.RATE_BUDGET]


def used(engine) -> list[int]:
    """Return what is used of the weight and of the first account's orders in ten seconds."""
    budget = engine.order_path.budget._budget
    names = budget.names()
    wanted = [name for name in names if name.endswith((":weight", "01:10s"))]
    return [budget.used(names[name], engine.clock()) for name in sorted(wanted)]


def test_what_the_exchange_took_weighs_nothing_and_what_it_refused_does(engine, venue):
    taken, refused = (engine.submit(intent(quantity_lots=n), engine.clock()) for n in (10, 11))
    assert sorted(used(engine)) == [2, 2]
    for kind in (ReportKind.ACK, ReportKind.ACK):
        engine.on_order_report(report(taken, kind))
    engine.on_order_report(report(refused, ReportKind.REJECTED, code=-2010))
    assert sorted(used(engine)) == [1, 2]
    engine.cancel(taken.client_order_id, engine.clock())
    assert sorted(used(engine)) == [2, 2]
    engine.on_order_report(report(taken, ReportKind.CANCELED, filled_lots=0))
    assert sorted(used(engine)) == [1, 2]
    venue.place_error = not_sent()
    engine.submit(intent(quantity_lots=12), engine.clock())
    assert sorted(used(engine)) == [1, 2]


def test_a_halt_after_the_check_is_seen_at_the_last_moment(engine, venue, tmp_path):
    engine.order_path.crash_point = lambda point: (
        engine.gate.set_state(Scope.ACCOUNT, 1, TradingState.HALTED) if point == "journalled" else None
    )
    decision = engine.submit(intent(), engine.clock())
    assert decision.code == Code.KILL
    assert venue.placed == []
    assert reserved(engine) == 0
    assert engine.ledger.orders[decision.client_order_id].state is OrderState.NOT_SENT


def test_what_never_left_is_over_and_released(engine, venue, tmp_path):
    venue.place_error = not_sent()
    decision = engine.submit(intent(), engine.clock())
    assert decision.code == Code.NOT_CONNECTED
    assert reserved(engine) == 0
    assert engine.ledger.open_orders() == []
    assert records_of(tmp_path, OrderReported)[-1].state_after == OrderState.NOT_SENT


@pytest.mark.parametrize("told", ["raised", "reported"])
def test_an_unknown_outcome_keeps_the_reservation_and_is_not_sent_again(engine, venue, told):
    if told == "raised":
        venue.place_error = Unknown("the line broke")
    decision = engine.submit(intent(), engine.clock())
    if told == "reported":
        engine.on_order_report(report(decision, ReportKind.UNKNOWN, venue_order_id=0))
    assert decision.accepted
    assert engine.ledger.orders[decision.client_order_id].state is OrderState.UNKNOWN
    assert reserved(engine) == 10
    assert len(venue.placed) == (told == "reported")


def test_a_fill_moves_the_reservation_into_the_position(engine, tmp_path):
    decision = engine.submit(intent(), engine.clock())
    engine.on_order_report(report(decision, ReportKind.ACK))
    engine.on_order_report(fill(decision, 1, 4, 4))
    assert engine.gate.position(1, 1) == (4, 6, 0)
    engine.on_order_report(report(decision, ReportKind.CANCELED, filled_lots=4))
    assert engine.gate.position(1, 1) == (4, 0, 0)
    assert engine.position_lots(1, 1) == 4
    engine.ledger._check()


def test_a_late_fill_after_the_cancel_is_counted(engine):
    decision = engine.submit(intent(), engine.clock())
    engine.on_order_report(report(decision, ReportKind.CANCELED, filled_lots=3))
    assert engine.gate.position(1, 1) == (0, 3, 0), "what the venue filled unseen stays reserved"
    engine.on_order_report(fill(decision, 1, 3, 3))
    order = engine.ledger.orders[decision.client_order_id]
    assert (order.state, order.filled_lots) == (OrderState.CANCELED, 3)
    assert engine.gate.position(1, 1) == (3, 0, 0)


def test_a_fill_that_nobody_announced_is_counted_after_the_end_too(engine):
    decision = engine.submit(intent(), engine.clock())
    engine.on_order_report(report(decision, ReportKind.CANCELED, filled_lots=0))
    engine.on_order_report(fill(decision, 1, 3))
    assert engine.gate.position(1, 1) == (3, 0, 0)


def test_an_overfill_is_counted_and_cried_out(engine, tmp_path):
    decision = engine.submit(intent(), engine.clock())
    engine.on_order_report(fill(decision, 1, 10))
    engine.on_order_report(fill(decision, 2, 5))
    assert engine.gate.position(1, 1) == (15, 0, 0)
    drifts = [record for record in records_of(tmp_path) if type(record).__name__ == "DriftFound"]
    assert [(drift.ours, drift.theirs) for drift in drifts] == [("10", "15")]


def test_a_presumed_dead_order_that_lives_is_counted_again(engine):
    decision = engine.submit(intent(), engine.clock())
    engine.on_order_report(report(decision, ReportKind.NOT_SENT, text="presumed dead"))
    assert reserved(engine) == 0
    engine.on_order_report(report(decision, ReportKind.ACK))
    assert reserved(engine) == 10
    assert engine.gate.state(Scope.ACCOUNT, 1) == TradingState.REDUCING


def test_a_cancel_waits_for_neither_gate_nor_journal(engine, venue, tmp_path):
    decision = engine.submit(intent(), engine.clock())
    engine.gate.set_state(Scope.GLOBAL, 0, TradingState.HALTED)
    engine.journal.failed = "the disk is gone"
    assert engine.cancel(decision.client_order_id, engine.clock()).accepted
    assert [cancel.client_order_id for cancel in venue.cancelled] == [decision.client_order_id]


def test_with_a_failed_journal_nothing_new_is_sent(engine, venue):
    engine.journal.failed = "the disk is gone"
    decision = engine.submit(intent(), engine.clock())
    assert decision.code == Code.JOURNAL
    assert venue.placed == []
    assert reserved(engine) == 0


def test_a_cancel_is_sent_once_and_again_only_after_its_refusal(engine, venue, tmp_path):
    decision = engine.submit(intent(), engine.clock())
    for _ in range(3):
        assert engine.cancel(decision.client_order_id, engine.clock()).accepted
    assert len(venue.cancelled) == 1
    engine.on_order_report(report(decision, ReportKind.CANCEL_REJECTED, code=-1021))
    engine.cancel(decision.client_order_id, engine.clock())
    assert len(venue.cancelled) == 2
    assert len(records_of(tmp_path, CancelSending)) == 2


def test_a_cancel_that_could_not_leave_may_be_tried_again(engine, venue):
    decision = engine.submit(intent(), engine.clock())
    venue.cancel_error = NotSent("the line is down")
    assert engine.cancel(decision.client_order_id, engine.clock()).code == Code.NOT_CONNECTED
    venue.cancel_error = None
    assert engine.cancel(decision.client_order_id, engine.clock()).accepted


def test_an_order_that_is_over_or_unknown_cannot_be_cancelled(engine):
    decision = engine.submit(intent(), engine.clock())
    engine.on_order_report(report(decision, ReportKind.REJECTED, code=-2010))
    assert engine.cancel(decision.client_order_id, engine.clock()).code == Code.UNKNOWN_ORDER
    assert engine.cancel("mx-0-1-zz", engine.clock()).code == Code.UNKNOWN_ORDER


def test_too_many_orders_at_the_exchange_pauses_the_account(engine):
    decision = engine.submit(intent(), engine.clock())
    engine.on_order_report(report(decision, ReportKind.REJECTED, code=-1015))
    assert engine.submit(intent(quantity_lots=11), engine.clock()).code == Code.RATE_BUDGET
    other = engine.submit(intent(account=2), engine.clock())
    assert other.accepted


def test_unknown_accounts_and_instruments_are_refused(engine):
    assert engine.submit(intent(account=9), engine.clock()).code == Code.UNKNOWN_ACCOUNT
    assert engine.submit(intent(instrument=9), engine.clock()).code == Code.UNKNOWN_INSTRUMENT


def test_an_account_that_is_not_reconciled_may_not_trade(engine):
    engine.on_account_live(1, False)
    assert engine.submit(intent(), engine.clock()).code == Code.RECON
    assert engine.submit(intent(account=2), engine.clock()).accepted


def test_a_book_that_is_being_rebuilt_is_no_price(engine):
    engine.on_market_live("BTCUSDT", False)
    assert engine.submit(intent(), engine.clock()).code == Code.REF


def test_a_market_order_is_reserved_at_a_price_worse_than_the_book(engine, venue, tmp_path):
    market = intent(type=OrderType.MARKET, tif=TimeInForce.NONE, price_ticks=0)
    assert engine.submit(market, engine.clock()).accepted
    (record,) = records_of(tmp_path, OrderSending)
    assert record.reserved_ticks > PRICE
    assert venue.placed[0].price_ticks == 0


async def test_observers_hear_of_each_change_once(engine):
    heard = []

    class Listener:
        def on_order(self, order, report, now_ns):
            heard.append((report.kind, order.filled_lots))

    engine.observe(Listener())
    decision = engine.submit(intent(strategy=STRATEGY), engine.clock())
    for told in (report(decision, ReportKind.ACK), fill(decision, 1, 4, 4)):
        engine.on_order_report(told)
        engine.on_order_report(told)
    engine.observers.pop()
    assert heard == [(ReportKind.ACK, 0), (ReportKind.FILL, 4)]


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_both_durabilities_trade(tmp_path: Path, durability):
    venue, clock = ScriptedVenue(), Clock()
    engine = open_engine(tmp_path, venue, clock, desk=make_desk(), durability=durability)
    await start_engine(engine, venue, clock)
    assert engine.submit(intent(), clock()).accepted
    await engine.background.stop()
    close_engine(engine)
