"""What the gate refuses, at which number exactly, and what it holds."""

from __future__ import annotations

import itertools

import pytest

from risk import codes
from risk.codes import Code, Scope, TradingState
from risk.gate import Gate, GateError
from tests.risk.gate_desk import (
    ACCOUNT,
    ASK,
    BASE,
    BID,
    DEFINITION,
    FEE,
    INSTRUMENT,
    NOW_NS,
    QUOTE,
    STRATEGY,
    TENANT,
    WIDE,
    books,
    check,
    new_gate,
    open_desk,
)
from venues.base import OrderType, Side

ORDER_VALUE = ASK * 1_000 * 10  # of the plain order, in micro-USDT
ORDER_UNITS = ASK * 1_000 * 1_000  # of the plain order, in quote units, without the fee
WINDOW_NS = 500_000_000
LIMITED = [(Scope.ACCOUNT, 1), (Scope.STRATEGY, 1), (Scope.TENANT, 1), (Scope.GLOBAL, 0)]


@pytest.fixture
def gate(tmp_path):
    return open_desk(new_gate(tmp_path / "gate"))


def limit(gate: Gate, scope: int, slot: int, **changed: int) -> None:
    gate.set_limits(scope, slot, version=4, **(WIDE | changed))


def position_limits(gate: Gate, order: int = 50_000, position: int = 200_000) -> None:
    gate.set_position_limits(ACCOUNT, INSTRUMENT, order_lots_max=order, position_lots_max=position)


def refused(gate: Gate, code: Code, **changed: int) -> None:
    """Check that the order is refused for this reason and that nothing is reserved."""
    before = books(gate)
    assert check(gate, **changed) == code
    assert gate.refusal().code == code
    assert books(gate) == before


def test_an_order_within_all_limits_is_accepted_and_reserved(gate):
    before, _ = gate.asset(ACCOUNT, QUOTE)
    assert check(gate) == Code.ACCEPTED
    assert gate.position(ACCOUNT, INSTRUMENT) == (0, 1_000, 0)
    assert gate.asset(ACCOUNT, QUOTE) == (before, ORDER_UNITS + ORDER_UNITS // 1_000)
    for scope, slot in LIMITED:
        assert gate.exposure(scope, slot) == (ORDER_VALUE, (ASK + BID) * 1_000 * 10 // 2)
    assert gate.refusal().code == 0


def fails_closed() -> dict[str, tuple]:
    """What may be missing, how it goes away, and how the gate names it."""
    return {
        **{
            f"state of {Scope(scope).name}": (lambda g, s=scope, n=slot: g.set_state(s, n, 0), Code.KILL)
            for scope, slot in [*LIMITED, (Scope.INSTRUMENT, 1)]
        },
        **{
            f"{name} of {Scope(scope).name}": (
                lambda g, s=scope, n=slot, k=name: limit(g, s, n, **{k: -1}),
                Code.LIMIT_MISSING,
            )
            for scope, slot in LIMITED
            for name in WIDE
            if (scope, name) != (Scope.GLOBAL, "orders_per_second_max")
        },
        "order quantity limit": (lambda g: position_limits(g, order=-1), Code.LIMIT_MISSING),
        "position limit": (lambda g: position_limits(g, position=-1), Code.LIMIT_MISSING),
        "readiness": (lambda g: g.set_account_ready(ACCOUNT, False), Code.RECON),
        "trading": (lambda g: g.set_instrument(1, **(DEFINITION | {"trading": False})), Code.STATUS),
        "bid": (lambda g: g.set_quote(1, 0, ASK, NOW_NS), Code.REF),
        "ask": (lambda g: g.set_quote(1, BID, 0, NOW_NS), Code.REF),
        "order in the book": (lambda g: g.set_quote(1, ASK, BID, NOW_NS), Code.REF),
        "money": (lambda g: g.set_total(ACCOUNT, QUOTE, 0), Code.BALANCE),
    }


@pytest.mark.parametrize("what", fails_closed())
def test_an_order_is_refused_when_the_gate_lacks(gate, what):
    take_away, code = fails_closed()[what]
    take_away(gate)
    refused(gate, code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"instrument": 2}, Code.KILL),
        ({"instrument": 99}, Code.UNKNOWN_INSTRUMENT),
        ({"instrument": -1}, Code.UNKNOWN_INSTRUMENT),
        ({"account": 7}, Code.KILL),
        ({"account": 99}, Code.UNKNOWN_ACCOUNT),
        ({"strategy": 9}, Code.KILL),
        ({"strategy": 99}, Code.KILL),
        ({"tenant": 3}, Code.KILL),
        ({"tenant": -5}, Code.KILL),
        ({"tenant": 2}, Code.RESTRICT),
        ({"side": 0}, Code.FIELD),
        ({"side": 3}, Code.FIELD),
        ({"order_type": 0}, Code.FIELD),
        ({"order_type": 4}, Code.FIELD),
        ({"quantity_lots": 0}, Code.FIELD),
        ({"quantity_lots": -(2**80)}, Code.FIELD),
        ({"price_ticks": 0}, Code.FIELD),
        ({"price_ticks": -1}, Code.FIELD),
        ({"order_type": OrderType.MARKET}, Code.FIELD),
        ({"price_ticks": 2**80}, Code.OVERFLOW),
        ({"quantity_lots": 2**53 + 1}, Code.OVERFLOW),
    ],
)
def test_what_is_unknown_or_no_order_is_refused(gate, changed, code):
    refused(gate, code, **changed)


@pytest.mark.parametrize(
    ("definition", "code", "good", "bad"),
    [
        ({"price_min_ticks": 9_900}, Code.PRICE_FILTER, {"price_ticks": 9_900}, {"price_ticks": 9_899}),
        ({"price_max_ticks": ASK}, Code.PRICE_FILTER, {}, {"price_ticks": ASK + 1}),
        ({"price_step_ticks": 100}, Code.PRICE_FILTER, {"price_ticks": 9_900}, {"price_ticks": 9_950}),
        ({"quantity_min_lots": 1_000}, Code.LOT, {}, {"quantity_lots": 999}),
        ({"quantity_max_lots": 1_000}, Code.LOT, {}, {"quantity_lots": 1_001}),
        ({"quantity_step_lots": 10}, Code.LOT, {}, {"quantity_lots": 1_001}),
        (
            {"market_quantity_max_lots": 1_000},
            Code.LOT,
            {"order_type": OrderType.MARKET, "price_ticks": 0},
            {"order_type": OrderType.MARKET, "price_ticks": 0, "quantity_lots": 1_001},
        ),
        ({"notional_min_units": ORDER_UNITS}, Code.NOTIONAL, {}, {"quantity_lots": 999}),
        ({"collar_bps": 50}, Code.COLLAR, {"price_ticks": 10_050}, {"price_ticks": 10_051}),
        (
            {"collar_bps": 50},
            Code.COLLAR,
            {"side": Side.SELL, "price_ticks": 9_941},
            {"side": Side.SELL, "price_ticks": 9_940},
        ),
    ],
)
def test_a_filter_lets_its_bound_through_and_refuses_one_more(gate, definition, code, good, bad):
    gate.set_instrument(INSTRUMENT, **(DEFINITION | definition))
    refused(gate, code, **bad)
    assert check(gate, **good) == Code.ACCEPTED


def test_the_collar_holds_only_on_the_dangerous_side(gate):
    assert check(gate, price_ticks=10, quantity_lots=50_000) == Code.ACCEPTED
    assert check(gate, side=Side.SELL, price_ticks=900_000) == Code.ACCEPTED


def test_a_quote_is_good_until_its_age_passes_the_limit(gate):
    age = DEFINITION["quote_age_max_ns"]
    refused(gate, Code.REF, now_ns=NOW_NS + age + 1)
    refused(gate, Code.REF, now_ns=NOW_NS - age - 1)
    assert check(gate, now_ns=NOW_NS + age) == Code.ACCEPTED


@pytest.mark.parametrize(("scope", "slot"), LIMITED)
@pytest.mark.parametrize(
    ("name", "code", "needed"),
    [
        ("order_value_max", Code.SIZE_VALUE, ORDER_VALUE),
        ("open_value_max", Code.OPEN_VALUE, ORDER_VALUE),
        ("gross_value_max", Code.GROSS, (ASK + BID) * 1_000 * 10 // 2),
    ],
)
def test_a_value_limit_in_any_scope_may_be_reached_and_not_passed(gate, scope, slot, name, code, needed):
    limit(gate, scope, slot, **{name: needed - 1})
    refused(gate, code)
    told = gate.refusal()
    assert (told.scope, told.slot, told.limit, told.would_be) == (scope, slot, needed - 1, needed)
    assert (told.unit, told.limits_version) == (codes.Unit.MICRO_USDT, 4)
    limit(gate, scope, slot, **{name: needed})
    assert check(gate) == Code.ACCEPTED


def test_a_quantity_limit_may_be_reached_and_not_passed(gate):
    position_limits(gate, order=1_000)
    refused(gate, Code.SIZE_QUANTITY, quantity_lots=1_001)
    assert check(gate) == Code.ACCEPTED


@pytest.mark.parametrize(("side", "position"), [(Side.BUY, 500), (Side.SELL, -500)])
def test_the_worst_case_position_counts_open_orders_and_may_reach_its_limit(gate, side, position):
    position_limits(gate, position=3_500)
    gate.set_position(ACCOUNT, INSTRUMENT, position)
    gate.reserve(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, side, ASK, 2_000)
    refused(gate, Code.POSITION, side=side, quantity_lots=1_001)
    told = gate.refusal()
    assert (told.current, told.reserved, told.requested, told.would_be) == (position, 2_000, 1_001, 3_501)
    assert check(gate, side=side) == Code.ACCEPTED


def test_a_buy_needs_its_quote_and_fee_and_a_sell_its_base(gate):
    need = ORDER_UNITS + ORDER_UNITS // 1_000
    gate.set_total(ACCOUNT, QUOTE, need - 1)
    refused(gate, Code.BALANCE)
    gate.set_total(ACCOUNT, QUOTE, need)
    assert check(gate) == Code.ACCEPTED
    gate.set_total(ACCOUNT, BASE, 1_000 * 1_000 - 1)
    refused(gate, Code.BALANCE, side=Side.SELL)
    gate.set_total(ACCOUNT, BASE, 1_000 * 1_000)
    assert check(gate, side=Side.SELL) == Code.ACCEPTED


@pytest.mark.parametrize(("scope", "slot"), LIMITED[:3])
def test_a_second_holds_as_many_orders_as_its_limit_and_refills_evenly(gate, scope, slot):
    limit(gate, scope, slot, orders_per_second_max=3)
    for number in range(3):
        assert check(gate, quantity_lots=1_000 + number) == Code.ACCEPTED
    refused(gate, Code.RATE, quantity_lots=2_000)
    assert (gate.refusal().scope, gate.refusal().limit, gate.refusal().would_be) == (scope, 3, 4)
    refused(gate, Code.RATE, quantity_lots=2_000, now_ns=NOW_NS + 333_333_333)
    assert check(gate, quantity_lots=2_000, now_ns=NOW_NS + 333_333_334) == Code.ACCEPTED


def test_only_accepted_orders_take_of_the_rate(gate):
    limit(gate, Scope.ACCOUNT, ACCOUNT, orders_per_second_max=2)
    for _ in range(5):
        refused(gate, Code.FIELD, quantity_lots=0)
    assert [check(gate, quantity_lots=lots) for lots in (1, 2, 3)] == [0, 0, Code.RATE]


def test_a_clock_that_is_set_back_costs_one_second_of_orders_not_more(gate):
    limit(gate, Scope.ACCOUNT, ACCOUNT, orders_per_second_max=2)
    later = NOW_NS + 3_600 * 10**9
    gate.set_quote(INSTRUMENT, BID, ASK, later)
    assert check(gate, now_ns=later) == Code.ACCEPTED
    gate.set_quote(INSTRUMENT, BID, ASK, NOW_NS)
    assert check(gate, quantity_lots=7) == Code.ACCEPTED
    refused(gate, Code.RATE, quantity_lots=8)
    assert check(gate, quantity_lots=8, now_ns=NOW_NS + 10**9) == Code.ACCEPTED


def test_the_same_order_again_is_refused_until_the_window_is_over(gate):
    assert check(gate) == Code.ACCEPTED
    refused(gate, Code.DUPLICATE)
    refused(gate, Code.DUPLICATE, now_ns=NOW_NS + WINDOW_NS - 1)
    for other in ({"strategy": 2}, {"side": Side.SELL}, {"price_ticks": 9_999}, {"quantity_lots": 999}):
        assert check(gate, **other) == Code.ACCEPTED
    assert check(gate, account=2) == Code.ACCEPTED
    assert check(gate, now_ns=NOW_NS + WINDOW_NS) == Code.ACCEPTED


def test_more_orders_in_the_window_than_can_be_remembered_are_refused(gate):
    for scope, slot in LIMITED:
        limit(gate, scope, slot, orders_per_second_max=10**6)
    assert {check(gate, quantity_lots=1 + number) for number in range(512)} == {Code.ACCEPTED}
    refused(gate, Code.RATE, quantity_lots=513)
    assert check(gate, quantity_lots=513, now_ns=NOW_NS + WINDOW_NS) == Code.ACCEPTED


def test_an_order_that_reduces_risk_passes_limits_but_no_other_check(gate):
    gate.set_position(ACCOUNT, INSTRUMENT, 1_000)
    position_limits(gate, order=0, position=0)
    for scope, slot in LIMITED:
        limit(gate, scope, slot, order_value_max=0, open_value_max=0, gross_value_max=0)
    gate.set_state(Scope.TENANT, TENANT, TradingState.REDUCING)
    sell = {"side": Side.SELL, "quantity_lots": 600}
    refused(gate, Code.REDUCE, quantity_lots=600)
    refused(gate, Code.REDUCE, **(sell | {"quantity_lots": 1_001}))
    refused(gate, Code.COLLAR, **(sell | {"price_ticks": 9_000}))
    gate.set_state(Scope.TENANT, TENANT, TradingState.HALTED)
    refused(gate, Code.KILL, **sell)
    gate.set_state(Scope.TENANT, TENANT, TradingState.REDUCING)
    assert check(gate, **sell) == Code.ACCEPTED
    refused(gate, Code.REDUCE, **(sell | {"quantity_lots": 401}))
    assert check(gate, **(sell | {"quantity_lots": 400})) == Code.ACCEPTED


def test_an_account_of_one_strategy_refuses_the_orders_of_others(gate):
    gate.set_account(ACCOUNT, tenant=TENANT, reserved_for=2)
    refused(gate, Code.RESTRICT)
    assert check(gate, strategy=2) == Code.ACCEPTED


@pytest.mark.parametrize(
    ("side", "worst"), [(Side.BUY, 10_100), (Side.SELL, 9_891)], ids=["highest", "lowest"]
)
def test_a_market_order_is_reserved_at_the_worst_price_that_the_collar_allows(gate, side, worst):
    assert check(gate, side=side, order_type=OrderType.MARKET, price_ticks=0) == Code.ACCEPTED
    assert gate.reserved_ticks == worst
    assert gate.exposure(Scope.ACCOUNT, ACCOUNT)[0] == worst * 1_000 * 10
    gate.release(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, side, worst, 1_000)
    assert gate.exposure(Scope.ACCOUNT, ACCOUNT) == (0, 0)


def test_orders_filled_and_given_back_in_any_parts_leave_nothing_reserved(gate):
    # Three and seven are prime to every scale here, so each part is rounded.
    gate.set_instrument(INSTRUMENT, **(DEFINITION | {"value_numerator": 10, "value_denominator": 7}))
    for fee_bps, part in itertools.product((0, 3, 7), (1, 3, 333, 999)):
        gate.set_instrument(
            INSTRUMENT, **(DEFINITION | {"fee_bps": fee_bps, "value_numerator": 10, "value_denominator": 7})
        )
        gate.reserve(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, 9_973, 1_000)
        gate.fill(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, 9_973, 9_901, part, FEE, 1)
        gate.fill(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.SELL, 0, 9_901, part, -1, 0)
        gate.release(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, 9_973, 1_000 - part)
        assert gate.asset(ACCOUNT, QUOTE)[1] == gate.asset(ACCOUNT, BASE)[1] == 0
        assert {gate.exposure(scope, slot) for scope, slot in LIMITED} == {(0, 0)}


def test_a_fill_moves_position_and_assets_to_the_unit(gate):
    gate.reserve(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, 1_000)
    before = [gate.asset(ACCOUNT, asset)[0] for asset in (BASE, QUOTE, FEE)]
    gate.fill(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, 9_995, 400, FEE, 77)
    after = [gate.asset(ACCOUNT, asset)[0] for asset in (BASE, QUOTE, FEE)]
    moved = [new - old for old, new in zip(before, after, strict=True)]
    assert moved == [400 * 1_000, -9_995 * 400 * 1_000, -77]
    assert gate.position(ACCOUNT, INSTRUMENT) == (400, 600, 0)


@pytest.mark.parametrize(
    "broken",
    [
        lambda g: g.release(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, 1_001),
        lambda g: g.release(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK + 1, 1_000),
        lambda g: g.release(TENANT, ACCOUNT, 2, INSTRUMENT, Side.BUY, ASK, 1_000),
        lambda g: g.release(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.SELL, ASK, 1_000),
        lambda g: g.release(2, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, 1_000),
        lambda g: g.fill(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, ASK, 1_001, FEE, 0),
        lambda g: g.fill(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, ASK, 1_000, 99, 0),
        lambda g: g.fill(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, ASK, 1_000, FEE, -1),
        lambda g: g.reserve(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, 2**53, 2**53),
        lambda g: g.set_account(ACCOUNT, tenant=2),
        lambda g: g.set_instrument(INSTRUMENT, **(DEFINITION | {"base_asset": 5})),
    ],
)
def test_a_broken_invariant_raises_and_changes_nothing(gate, broken):
    assert check(gate) == Code.ACCEPTED
    before = books(gate)
    with pytest.raises(GateError):
        broken(gate)
    assert books(gate) == before


def test_a_position_that_was_never_priced_keeps_the_account_from_raising_risk(gate):
    gate.set_instrument(2, **(DEFINITION | {"base_asset": 4}))
    gate.set_position(ACCOUNT, 2, 100)
    refused(gate, Code.REF)
    assert gate.refusal().scope == Scope.ACCOUNT
    gate.set_quote(2, BID, ASK, NOW_NS)
    assert gate.exposure(Scope.ACCOUNT, ACCOUNT)[1] == (ASK + BID) * 100 * 10 // 2
    assert check(gate) == Code.ACCEPTED


def test_a_reset_account_holds_nothing_and_is_not_ready(gate):
    assert check(gate) == check(gate, account=2) == Code.ACCEPTED
    gate.reset_account(ACCOUNT)
    assert gate.position(ACCOUNT, INSTRUMENT) == (0, 0, 0)
    assert gate.asset(ACCOUNT, QUOTE) == (0, 0)
    assert gate.exposure(Scope.GLOBAL, 0) == gate.exposure(Scope.ACCOUNT, 2)
    refused(gate, Code.RECON)


def test_the_flag_before_the_socket_follows_every_state(gate):
    assert gate.may_send(TENANT, ACCOUNT, STRATEGY)
    for scope, slot in LIMITED:
        for state in (TradingState.HALTED, TradingState.MISSING):
            gate.set_state(scope, slot, state)
            assert not gate.may_send(TENANT, ACCOUNT, STRATEGY)
        gate.set_state(scope, slot, TradingState.ACTIVE)
    assert not gate.may_send(TENANT, 99, STRATEGY)
