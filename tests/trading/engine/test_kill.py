"""A halt takes back what it covers, and only that, until nothing is left."""

from __future__ import annotations

import pytest

from risk.codes import Scope, TradingState
from tests.trading.engine.conftest import settle
from tests.trading.engine.engine_desk import MANUAL, PRICE, STRATEGY, intent
from tests.trading.engine.scripted_venue import report
from tests.trading.engine.test_reconcile import snapshot
from venues.base import NotSent, ReportKind


def open_three(engine) -> dict[str, str]:
    """Place a manual order on each account and one of the strategy on the first."""
    placed = {
        "manual 1": engine.submit(intent(), engine.clock()),
        "manual 2": engine.submit(intent(account=2), engine.clock()),
        "strategy 1": engine.submit(intent(strategy=STRATEGY, quantity_lots=11), engine.clock()),
    }
    for decision in placed.values():
        account = engine.ledger.orders[decision.client_order_id].account
        told = report(decision, ReportKind.ACK)
        engine.on_order_report(
            type(told)(**{f: getattr(told, f) for f in told.__struct_fields__} | {"account": account})
        )
    return {decision.client_order_id: name for name, decision in placed.items()}


def cancelled(venue, names: dict[str, str]) -> set[str]:
    return {names[cancel.client_order_id] for cancel in venue.cancelled}


@pytest.mark.parametrize(
    ("scope", "slot", "covered"),
    [
        (Scope.GLOBAL, 0, {"manual 1", "manual 2", "strategy 1"}),
        (Scope.TENANT, 1, {"manual 1", "manual 2", "strategy 1"}),
        (Scope.ACCOUNT, 1, {"manual 1", "strategy 1"}),
        (Scope.STRATEGY, STRATEGY, {"strategy 1"}),
        (Scope.STRATEGY, MANUAL, {"manual 1", "manual 2"}),
    ],
)
def test_a_halt_cancels_exactly_the_orders_of_its_scope(engine, venue, clock, scope, slot, covered):
    names = open_three(engine)
    engine.gate.set_state(scope, slot, TradingState.HALTED)
    engine.on_timer(clock.pass_ms(50))
    assert cancelled(venue, names) == covered
    engine.on_timer(clock.pass_ms(50))
    assert len(venue.cancelled) == len(covered)


@pytest.mark.parametrize("state", [TradingState.ACTIVE, TradingState.REDUCING])
def test_only_a_halt_takes_orders_back(engine, venue, clock, state):
    open_three(engine)
    engine.gate.set_state(Scope.GLOBAL, 0, state)
    engine.on_timer(clock.pass_ms(50))
    assert venue.cancelled == []


def test_orders_that_were_on_their_way_are_taken_back_too(engine, venue, clock):
    decision = engine.submit(intent(), clock())
    engine.gate.set_state(Scope.GLOBAL, 0, TradingState.HALTED)
    engine.on_timer(clock.pass_ms(50))
    assert len(venue.cancelled) == 1
    engine.on_order_report(report(decision, ReportKind.CANCEL_REJECTED, code=-2011))
    engine.on_order_report(report(decision, ReportKind.ACK))
    engine.on_timer(clock.pass_ms(50))
    assert len(venue.cancelled) == 2


async def test_foreign_orders_are_taken_back_too(engine, venue, clock):
    venue.open_list = [snapshot("web")]
    engine.on_account_live(1, False)
    engine.on_account_live(1, True)
    engine.on_timer(clock.pass_ms(50))
    await settle(engine)
    engine.gate.set_state(Scope.ACCOUNT, 1, TradingState.HALTED)
    engine.on_timer(clock.pass_ms(50))
    assert [cancel.client_order_id for cancel in venue.cancelled] == ["web"]


def test_cancels_that_cannot_leave_are_tried_again(engine, venue, clock):
    names = open_three(engine)
    engine.gate.set_state(Scope.GLOBAL, 0, TradingState.HALTED)
    venue.cancel_error = NotSent("the line is down")
    for _ in range(3):
        engine.on_timer(clock.pass_ms(50))
    assert venue.cancelled == []
    venue.cancel_error = None
    for _ in range(3):
        engine.on_timer(clock.pass_ms(50))
    assert len(cancelled(venue, names)) == 3


def test_a_halt_sends_no_more_at_once_than_a_tick_allows(engine, venue, clock):
    from trading.engine.kill import CANCELS_PER_TICK_MAX

    many = CANCELS_PER_TICK_MAX + 50

    class Plenty:
        def spend_order(self, account, now_ns):
            return True

        def spend_cancel(self, now_ns):
            return True

    engine.order_path.budget = Plenty()
    for number in range(many):
        assert engine.submit(intent(price_ticks=PRICE - number), clock.pass_ms(1)).accepted
    engine.gate.set_state(Scope.GLOBAL, 0, TradingState.HALTED)
    engine.on_timer(clock.pass_ms(50))
    assert len(venue.cancelled) == CANCELS_PER_TICK_MAX
    engine.on_timer(clock.pass_ms(50))
    assert len({cancel.client_order_id for cancel in venue.cancelled}) == many
