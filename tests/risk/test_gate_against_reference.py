"""The gate says and holds what the slow, obvious one says and holds, whatever comes."""

from __future__ import annotations

import random
from collections import Counter

from risk.codes import Code, Scope, TradingState
from tests.risk.gate_desk import (
    ASK,
    BASE,
    BID,
    DEFINITION,
    FEE,
    NOW_NS,
    QUOTE,
    STRATEGIES,
    TENANT_OF,
    new_gate,
)
from tests.risk.reference_gate import OpenOrder, ReferenceGate
from venues.base import OrderType, Side

ORDERS_PER_SEED = 5_000
SEEDS = range(5)
OPEN_ORDERS_MAX = 14
INSTRUMENTS = {1: BASE, 2: 4, 3: 5}
SCOPES = [
    (Scope.GLOBAL, 0),
    (Scope.TENANT, 1),
    (Scope.TENANT, 2),
    *((Scope.ACCOUNT, account) for account in TENANT_OF),
    *((Scope.STRATEGY, strategy) for strategy in STRATEGIES),
]


class Pair:
    """The gate and the reference, told the same things."""

    def __init__(self, gate, seed: int) -> None:
        self.gate = gate
        self.reference = ReferenceGate()
        self.draw = random.Random(seed)
        self.now_ns = NOW_NS
        self.codes: Counter[int] = Counter()
        self.seed_desk()

    def seed_desk(self) -> None:
        for slot, base in INSTRUMENTS.items():
            self.define(slot, base_asset=base, value_numerator=slot * 7, value_denominator=3)
        for account, tenant in TENANT_OF.items():
            reserved_for = 2 if account == 3 else -1
            self.gate.set_account(account, tenant=tenant, reserved_for=reserved_for)
            self.reference.accounts[account] = (tenant, reserved_for)
        self.recover_all()
        for scope, slot in SCOPES:
            self.set_state(scope, slot, TradingState.ACTIVE)
        self.set_limits()
        for slot in (1, 2):
            self.quote(slot, BID, ASK)

    def recover_all(self) -> None:
        for account in TENANT_OF:
            self.recover(account)

    def define(self, slot: int, **changed) -> None:
        definition = DEFINITION | {"notional_min_units": 50_000_000} | changed
        self.gate.set_instrument(slot, **definition)
        self.reference.instruments[slot] = definition
        state = self.reference.states[Scope.INSTRUMENT, slot]
        self.reference.states[Scope.INSTRUMENT, slot] = state or TradingState.ACTIVE

    def set_state(self, scope: int, slot: int, state: int) -> None:
        self.gate.set_state(scope, slot, state)
        self.reference.states[scope, slot] = state

    def set_limits(self) -> None:
        for scope, slot in SCOPES:
            scale = {Scope.GLOBAL: 5, Scope.TENANT: 4}.get(scope, 3)
            values = [self.draw.randrange(10**8, 10**9) * scale for _ in range(3)]
            values += [self.draw.choice((7, 40, 1000))]
            if self.draw.random() < 0.02:
                values[self.draw.randrange(4)] = self.draw.choice((-1, 0))
            self.reference.limits[scope, slot] = tuple(values)
            names = ("order_value_max", "open_value_max", "gross_value_max", "orders_per_second_max")
            self.gate.set_limits(scope, slot, version=1, **dict(zip(names, values, strict=True)))
        for account in TENANT_OF:
            for instrument in INSTRUMENTS:
                lots = (self.draw.choice((-1, 3_000, 5_000)), self.draw.choice((4_000, 10_000)))
                lots = lots if self.draw.random() < 0.1 else (5_000, 10_000)
                self.reference.position_limits[account, instrument] = lots
                self.gate.set_position_limits(
                    account, instrument, order_lots_max=lots[0], position_lots_max=lots[1]
                )

    def quote(self, instrument: int, bid: int, ask: int) -> None:
        self.gate.set_quote(instrument, bid, ask, self.now_ns)
        self.reference.set_quote(instrument, bid, ask, self.now_ns)

    def recover(self, account: int) -> None:
        """Start an account anew, as an engine does after a crash."""
        self.gate.reset_account(account)
        self.reference.reset_account(account)
        for asset in (BASE, QUOTE, FEE, 4, 5):
            units = self.draw.randrange(10**9, 4 * 10**11)
            self.gate.set_total(account, asset, units)
            self.reference.totals[account, asset] = units
        for instrument in INSTRUMENTS:
            lots = self.draw.randrange(-3_000, 3_000)
            self.gate.set_position(account, instrument, lots)
            self.reference.set_position(account, instrument, lots)
        self.gate.set_account_ready(account, True)
        self.reference.ready.add(account)

    # What may happen next.

    def step(self) -> None:
        self.now_ns += self.draw.choice((0, 1_000_000, 60_000_000, 300_000_000))
        if len(self.reference.orders) >= OPEN_ORDERS_MAX:
            self.finish()
        self.draw.choices(
            (self.order, self.finish, self.market, self.control, self.oddity), (60, 16, 20, 2, 2)
        )[0]()

    def order(self) -> None:
        draw = self.draw
        account, instrument = draw.choice((1, 1, 2, 3)), draw.choice((1, 1, 2, 2, 3))
        tenant = TENANT_OF[account] if draw.random() < 0.98 else draw.choice((1, 2, 3))
        side, type_ = int(draw.choice(list(Side))), int(draw.choice(list(OrderType)))
        price = 0 if type_ == OrderType.MARKET else draw.choice((BID, ASK, draw.randrange(9_700, 10_300)))
        lots = draw.choice((500, 1_000, draw.randrange(1, 6_000)))
        if draw.random() < 0.05:
            price = draw.choice((-1, 0, 5, 9_991, 2_000_000, 2**53, 2**70))
        if draw.random() < 0.05:
            lots = draw.choice((-5, 0, 1, 60_000, 200_000, 2**53 + 1, 2**70))
        if draw.random() < 0.01:
            side, type_ = draw.choice(((0, type_), (3, type_), (side, 0), (side, 4)))
        fields = (tenant, account, draw.choice(STRATEGIES), instrument, side, type_, price, lots, self.now_ns)
        self.compare_verdict(fields)

    def compare_verdict(self, fields: tuple) -> None:
        code = self.gate.check(*fields)
        refusal = self.gate.refusal()
        self.codes[code] += 1
        assert (code, refusal.scope, refusal.slot) == self.reference.check(*fields), fields
        if code == 0:
            assert self.gate.reserved_ticks == self.reference.reserved_ticks

    def finish(self) -> None:
        """Fill, partly fill or end an open order; some fills had nothing reserved."""
        if not self.reference.orders:
            return
        order: OpenOrder = self.draw.choice(self.reference.orders)
        key = (order.account, order.strategy, order.instrument, order.side)
        tenant = TENANT_OF[order.account]
        lots = self.draw.choice((order.lots, self.draw.randint(1, order.lots)))
        if self.draw.random() < 0.4:
            self.gate.release(tenant, *key, order.ticks, lots)
            self.reference.release(*key, order.ticks, lots)
            return
        reserved_ticks = 0 if self.draw.random() < 0.05 else order.ticks
        fee_asset = self.draw.choice((-1, BASE, QUOTE, FEE))
        ticks = order.ticks + self.draw.randrange(-50, 50)
        self.gate.fill(tenant, *key, reserved_ticks, ticks, lots, fee_asset, 123)
        self.reference.fill(*key, reserved_ticks, ticks, lots, fee_asset, 123)

    def market(self) -> None:
        slot = self.draw.choice((1, 2, 3, 3)) if self.draw.random() < 0.05 else self.draw.choice((1, 2))
        bid = self.draw.randrange(9_900, 10_100)
        ask = bid + self.draw.randrange(1, 20)
        if self.draw.random() < 0.05:
            bid, ask = self.draw.choice(((0, ask), (bid, 0), (ask, bid), (bid, bid)))
        self.quote(slot, bid, ask)

    def control(self) -> None:
        """Flip a kill switch for a while."""
        scopes = [*SCOPES, *((Scope.INSTRUMENT, slot) for slot in INSTRUMENTS)]
        for scope, slot in scopes:
            self.set_state(scope, slot, TradingState.ACTIVE)
        if self.draw.random() < 0.8:
            state = self.draw.choice(
                (TradingState.MISSING, *[TradingState.REDUCING] * 4, TradingState.HALTED)
            )
            self.set_state(*self.draw.choice(scopes), state)

    def oddity(self) -> None:
        match self.draw.randrange(5):
            case 0:
                self.set_limits()
            case 1:
                self.recover(self.draw.choice(list(TENANT_OF)))
            case 2:
                account = self.draw.choice(list(TENANT_OF))
                ready = self.draw.random() < 0.7
                self.gate.set_account_ready(account, ready)
                (self.reference.ready.add if ready else self.reference.ready.discard)(account)
            case 3:
                account = self.draw.choice((1, 2))
                self.gate.reserve(TENANT_OF[account], account, 0, 1, Side.SELL, ASK, 77)
                self.reference.reserve(account, 0, 1, Side.SELL, ASK, 77)
            case 4:
                slot = self.draw.choice(list(INSTRUMENTS))
                self.define(
                    slot,
                    base_asset=INSTRUMENTS[slot],
                    trading=self.draw.random() < 0.8,
                    value_numerator=slot * 7,
                    value_denominator=3,
                    quantity_step_lots=self.draw.choice((1, 1, 1, 10)),
                    price_step_ticks=self.draw.choice((1, 1, 1, 5)),
                    fee_bps=10,
                )

    def compare_books(self) -> None:
        """Compare all holdings and reservations, and in turn the sums: the reference adds them up slowly."""
        for account in TENANT_OF:
            for instrument in INSTRUMENTS:
                assert self.gate.position(account, instrument) == self.reference.position(account, instrument)
            for asset in (BASE, QUOTE, FEE, 4, 5):
                assert self.gate.asset(account, asset) == self.reference.asset(account, asset)
        self.compare_sums(self.draw.sample(SCOPES, 1))

    def compare_sums(self, scopes: list) -> None:
        for scope, slot in scopes:
            assert self.gate.exposure(scope, slot) == self.reference.exposure(scope, slot), (scope, slot)


def codes_of(tmp_path, seed: int) -> Counter:
    """Run one seed's orders through both, and return what the gate answered."""
    pair = Pair(new_gate(tmp_path / f"gate-{seed}"), seed)
    while pair.codes.total() < ORDERS_PER_SEED:
        pair.step()
        pair.compare_books()
    pair.compare_sums(SCOPES)
    return pair.codes


def test_gate_and_reference_agree_on_every_order_and_every_reservation_and_meet_every_reason(tmp_path):
    met: Counter = Counter()
    for seed in SEEDS:
        try:
            met += codes_of(tmp_path, seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert set(range(Code.ACCEPTED, Code.OVERFLOW + 1)) - set(met) == set()
    assert met[Code.ACCEPTED] > met.total() / 10
