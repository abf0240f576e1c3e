"""The slow, obvious gate that the fast one is compared with: dicts, whole numbers, fractions.

It keeps every open order in a list and adds up anew what the gate keeps in sums.
Only the mark at which a holding stands is remembered, since that is part of the rules.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from risk.codes import Code, Scope, TradingState
from venues.base import OrderType, Side

SECOND_NS = 1_000_000_000
NUMBER_MAX = 2**53
VALUE_MAX = 2**58
SEEN_ORDERS_MAX = 512
PARTS_MAX = 7

Verdict = tuple[int, int, int]


@dataclass
class OpenOrder:
    account: int
    instrument: int
    strategy: int
    side: int
    ticks: int
    lots: int


@dataclass
class ReferenceGate:
    """One shard, one tenant per account; the same calls as `risk.gate.Gate`."""

    duplicate_window_ns: int = 500_000_000
    states: dict = field(default_factory=lambda: defaultdict(int))
    instruments: dict = field(default_factory=dict)
    accounts: dict = field(default_factory=dict)
    ready: set = field(default_factory=set)
    limits: dict = field(default_factory=dict)
    position_limits: dict = field(default_factory=dict)
    quotes: dict = field(default_factory=dict)
    mids: dict = field(default_factory=dict)
    totals: dict = field(default_factory=lambda: defaultdict(int))
    orders: list = field(default_factory=list)
    positions: dict = field(default_factory=lambda: defaultdict(int))
    marks: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=lambda: defaultdict(int))
    seen: dict = field(default_factory=lambda: defaultdict(list))
    reserved_ticks: int = 0

    # Facts.

    def set_quote(self, instrument, bid, ask, now_ns):
        self.quotes[instrument] = (bid, ask, now_ns)
        if 0 < bid < ask:
            first = instrument not in self.mids
            self.mids[instrument] = Fraction(bid + ask, 2)
            if first:
                for account in self.accounts:
                    for strategy in self.strategies_in(account, instrument):
                        self.mark(account, instrument, strategy)

    def set_position(self, account, instrument, lots):
        reserved_for = self.accounts[account][1]
        strategy = max(reserved_for, 0)
        self.positions[account, instrument, strategy] += lots - self.position(account, instrument)[0]
        self.mark(account, instrument, strategy)

    def reserve(self, account, strategy, instrument, side, ticks, lots):
        self.orders.append(OpenOrder(account, instrument, strategy, side, ticks, lots))
        self.mark(account, instrument, strategy)

    def release(self, account, strategy, instrument, side, ticks, lots):
        for order in self.orders:
            key = (order.account, order.strategy, order.instrument, order.side, order.ticks)
            if key == (account, strategy, instrument, side, ticks):
                taken = min(lots, order.lots)
                order.lots -= taken
                lots -= taken
        assert lots == 0, "the test gave back more than there was"
        self.orders = [order for order in self.orders if order.lots]
        self.mark(account, instrument, strategy)

    def fill(self, account, strategy, instrument, side, reserved_ticks, ticks, lots, fee_asset, fee_units):
        if reserved_ticks:
            self.release(account, strategy, instrument, side, reserved_ticks, lots)
        made = self.instruments[instrument]
        sign = 1 if side == Side.BUY else -1
        self.positions[account, instrument, strategy] += sign * lots
        self.totals[account, made["base_asset"]] += sign * lots * made["base_units_per_lot"]
        self.totals[account, made["quote_asset"]] -= sign * lots * ticks * made["quote_units_per_tick_lot"]
        if fee_asset >= 0:
            self.totals[account, fee_asset] -= fee_units
        self.mark(account, instrument, strategy)

    def reset_account(self, account):
        self.orders = [order for order in self.orders if order.account != account]
        for table in (self.positions, self.marks, self.totals):
            for key in [key for key in table if key[0] == account]:
                del table[key]
        self.seen.pop(account, None)
        self.ready.discard(account)

    # What stands where.

    def mark(self, account, instrument, strategy):
        """Remember the mid at which the holding and the account's whole now stand."""
        self.marks[account, instrument, strategy] = self.mids.get(instrument)
        self.marks[account, instrument, None] = self.mids.get(instrument)

    def open_orders(self, account, instrument, strategy=None, extra=()):
        return [
            order
            for order in [*self.orders, *extra]
            if (order.account, order.instrument) == (account, instrument)
            and strategy in (None, order.strategy)
        ]

    def strategies_in(self, account, instrument):
        orders = {order.strategy for order in self.open_orders(account, instrument)}
        held = {key[2] for key in self.positions if key[:2] == (account, instrument)}
        return orders | held

    def holding(self, account, instrument, strategy=None, extra=()):
        """Return (position, open buy lots, open sell lots) of the account or of one strategy in it."""
        orders = self.open_orders(account, instrument, strategy, extra)
        position = sum(
            lots
            for (a, i, s), lots in self.positions.items()
            if (a, i) == (account, instrument) and strategy in (None, s)
        )
        buys = sum(order.lots for order in orders if order.side == Side.BUY)
        return position, buys, sum(order.lots for order in orders) - buys

    def position(self, account, instrument):
        return self.holding(account, instrument)

    def worst(self, account, instrument, strategy=None, extra=()):
        position, buys, sells = self.holding(account, instrument, strategy, extra)
        return max(abs(position + buys), abs(position - sells))

    def lot_value(self, instrument):
        made = self.instruments[instrument]
        return Fraction(made["value_numerator"], made["value_denominator"])

    def open_value(self, account, instrument, strategy=None, extra=()):
        orders = self.open_orders(account, instrument, strategy, extra)
        return ceil(sum(order.ticks * order.lots for order in orders) * self.lot_value(instrument))

    def gross_value(self, account, instrument, strategy=None, extra=(), mark=None):
        mark = mark or self.marks.get((account, instrument, strategy)) or 0
        return ceil(self.worst(account, instrument, strategy, extra) * mark * self.lot_value(instrument))

    def reserved(self, account, asset, extra=()):
        total = 0
        for instrument, made in self.instruments.items():
            orders = self.open_orders(account, instrument, None, extra)
            if made["quote_asset"] == asset:
                buys = sum(order.ticks * order.lots for order in orders if order.side == Side.BUY)
                units = buys * made["quote_units_per_tick_lot"]
                total += units + ceil(Fraction(units * made["fee_bps"], 10_000))
            if made["base_asset"] == asset:
                sells = sum(order.lots for order in orders if order.side == Side.SELL)
                total += sells * made["base_units_per_lot"]
        return total

    def asset(self, account, asset):
        return self.totals[account, asset], self.reserved(account, asset)

    def exposure(self, scope, slot):
        strategy = slot if scope == Scope.STRATEGY else None
        within = [
            (account, instrument)
            for account, (tenant, _) in self.accounts.items()
            for instrument in self.instruments
            if scope in (Scope.GLOBAL, Scope.STRATEGY)
            or (scope == Scope.TENANT and tenant == slot)
            or (scope == Scope.ACCOUNT and account == slot)
        ]
        return (
            sum(self.open_value(*pair, strategy) for pair in within),
            sum(self.gross_value(*pair, strategy) for pair in within),
        )

    # The check, in the order of the codes.

    def check(self, tenant, account, strategy, instrument, side, type_, price, lots, now_ns) -> Verdict:
        order = OpenOrder(account, instrument, strategy, side, price, lots)
        verdict: Verdict | None = (
            self.control(order, tenant)
            or self.filters(order, type_)
            or self.market(order, now_ns)
            or self.limited(order, tenant)
            or self.behaved(order, tenant, type_, price, now_ns)
        )
        if verdict:
            return verdict
        self.reserved_ticks = order.ticks
        for key in self.rate_keys(order, tenant):
            self.tokens[key] = self.token_after(key, now_ns)
        self.seen[account].append((now_ns, strategy, instrument, side, type_, price, lots))
        self.reserve(account, strategy, instrument, side, order.ticks, lots)
        return 0, 0, 0

    def reduces(self, order):
        position, buys, sells = self.holding(order.account, order.instrument)
        if order.side == Side.SELL:
            return 0 < position >= sells + order.lots
        return order.side == Side.BUY and 0 < -position >= buys + order.lots

    def control(self, order, tenant):
        slots = [0, tenant, order.account, order.strategy, order.instrument]
        states = [self.states[scope, slot] for scope, slot in enumerate(slots)]
        for scope, state in enumerate(states):
            if state in (TradingState.MISSING, TradingState.HALTED):
                return Code.KILL, scope, slots[scope]
        if TradingState.REDUCING in states and not self.reduces(order):
            scope = states.index(TradingState.REDUCING)
            return Code.REDUCE, scope, slots[scope]
        if order.account not in self.ready:
            return Code.RECON, Scope.ACCOUNT, order.account
        owner, reserved_for = self.accounts[order.account]
        if owner != tenant:
            return Code.RESTRICT, Scope.TENANT, tenant
        if reserved_for not in (-1, order.strategy):
            return Code.RESTRICT, Scope.STRATEGY, order.strategy
        return None

    def filters(self, order, type_):
        made = self.instruments.get(order.instrument)
        here = (Scope.INSTRUMENT, order.instrument)
        if made is None or not made["trading"]:
            return Code.STATUS, *here
        market = type_ == OrderType.MARKET
        if order.side not in (1, 2) or type_ not in (1, 2, 3) or order.lots <= 0:
            return Code.FIELD, Scope.ORDER, 0
        if order.ticks != 0 if market else order.ticks <= 0:
            return Code.FIELD, Scope.ORDER, 0
        if max(order.ticks, order.lots) > NUMBER_MAX:
            return Code.OVERFLOW, Scope.ORDER, 0
        if not market and not fits_filter(
            order.ticks, made["price_min_ticks"], made["price_max_ticks"], made["price_step_ticks"]
        ):
            return Code.PRICE_FILTER, *here
        most = [made["quantity_max_lots"]] + [made["market_quantity_max_lots"]] * market
        if not all(
            fits_filter(order.lots, made["quantity_min_lots"], bound, made["quantity_step_lots"])
            for bound in most
        ):
            return Code.LOT, *here
        if market:
            order.ticks = self.collar(order)
        if order.ticks and order.ticks * order.lots > VALUE_MAX:
            return Code.OVERFLOW, Scope.ORDER, 0
        units = order.ticks * order.lots * made["quote_units_per_tick_lot"]
        if order.ticks and units < made["notional_min_units"]:
            return Code.NOTIONAL, *here
        return None

    def collar(self, order):
        """Return the worst price that the order's side may name, 0 without a quote."""
        bid, ask, _ = self.quotes.get(order.instrument, (0, 0, 0))
        bps = self.instruments[order.instrument]["collar_bps"]
        if bid <= 0 or ask <= 0:
            return 0
        if order.side == Side.BUY:
            return floor(ask * Fraction(10_000 + bps, 10_000))
        return max(1, ceil(bid * Fraction(10_000 - bps, 10_000)))

    def market(self, order, now_ns):
        here = (Scope.INSTRUMENT, order.instrument)
        bid, ask, time_ns = self.quotes.get(order.instrument, (0, 0, 0))
        if bid <= 0 or ask <= 0 or bid >= ask:
            return Code.REF, *here
        if abs(now_ns - time_ns) > self.instruments[order.instrument]["quote_age_max_ns"]:
            return Code.REF, *here
        worst = self.collar(order)
        if order.ticks > worst if order.side == Side.BUY else order.ticks < worst:
            return Code.COLLAR, *here
        others = set(self.instruments) - {order.instrument, *self.mids}
        if not self.reduces(order) and any(self.worst(order.account, other) for other in others):
            return Code.REF, Scope.ACCOUNT, order.account
        return None

    def limited(self, order, tenant):
        pair = (order.account, order.instrument)
        scopes = [
            (Scope.ACCOUNT, order.account),
            (Scope.STRATEGY, order.strategy),
            (Scope.TENANT, tenant),
            (Scope.GLOBAL, 0),
        ]
        if -1 in self.position_limits.get(pair, (-1, -1)):
            return Code.LIMIT_MISSING, *scopes[0]
        for scope, slot in scopes:
            limits = self.limits.get((scope, slot), (-1, -1, -1, -1))
            if -1 in (limits[:3] if scope == Scope.GLOBAL else limits):
                return Code.LIMIT_MISSING, scope, slot
        parts = self.strategies_held(pair)
        if order.strategy not in parts and len(parts) >= PARTS_MAX:
            return Code.OVERFLOW, Scope.ORDER, 0
        if not self.reduces(order) and (verdict := self.sized(order, scopes)):
            return verdict
        made = self.instruments[order.instrument]
        asset = made["quote_asset"] if order.side == Side.BUY else made["base_asset"]
        if self.reserved(order.account, asset, [order]) > self.totals[order.account, asset]:
            return Code.BALANCE, Scope.ACCOUNT, order.account
        return None

    def strategies_held(self, pair):
        return {s for s in self.strategies_in(*pair) if any(self.holding(pair[0], pair[1], s))}

    def sized(self, order, scopes):
        """Return the first limit of size, position or exposure that the order would pass."""
        pair = (order.account, order.instrument)
        order_lots_max, position_lots_max = self.position_limits[pair]
        if order.lots > order_lots_max:
            return Code.SIZE_QUANTITY, *scopes[0]
        value = ceil(order.ticks * order.lots * self.lot_value(order.instrument))
        for scope in scopes:
            if value > self.limits[scope][0]:
                return Code.SIZE_VALUE, *scope
        if self.worst(*pair, None, [order]) > position_lots_max:
            return Code.POSITION, *scopes[0]
        for number, code in ((1, Code.OPEN_VALUE), (2, Code.GROSS)):
            for scope in scopes:
                if self.exposure_with(order, scope)[number - 1] > self.limits[scope][number]:
                    return code, *scope
        return None

    def exposure_with(self, order, scope):
        """Return a scope's exposure as it would be with the order, its holding marked at the present mid."""
        strategy = order.strategy if scope[0] == Scope.STRATEGY else None
        key = (order.account, order.instrument, strategy)
        open_value, gross_value = self.exposure(*scope)
        mid = self.mids[order.instrument]
        return (
            open_value - self.open_value(*key) + self.open_value(*key, [order]),
            gross_value - self.gross_value(*key) + self.gross_value(*key, [order], mid),
        )

    def behaved(self, order, tenant, type_, price, now_ns):
        for scope, slot in self.rate_keys(order, tenant):
            if self.token_after((scope, slot), now_ns) is None:
                return Code.RATE, scope, slot
        same = (order.strategy, order.instrument, order.side, type_, price, order.lots)
        remembered = self.seen[order.account][-SEEN_ORDERS_MAX:]
        window = self.duplicate_window_ns
        if any(seen[1:] == same and abs(now_ns - seen[0]) < window for seen in remembered):
            return Code.DUPLICATE, Scope.ORDER, 0
        if len(remembered) == SEEN_ORDERS_MAX and abs(now_ns - remembered[0][0]) < window:
            return Code.RATE, Scope.ACCOUNT, order.account
        return None

    def rate_keys(self, order, tenant):
        return [
            (Scope.ACCOUNT, order.account),
            (Scope.STRATEGY, order.strategy),
            (Scope.TENANT, tenant),
        ]

    def token_after(self, key, now_ns):
        """Return when the bucket would be full again after one more order, None where it is empty."""
        rate = self.limits[key][3]
        if rate == 0:
            return None
        interval = ceil(Fraction(SECOND_NS, rate))
        full = rate * interval
        word = max(now_ns, self.tokens[key])
        after = (word if word <= now_ns + 2 * full else now_ns + full - interval) + interval
        return after if after - now_ns <= rate * interval else None


def fits_filter(number, low, high, step):
    return number >= low and (high == 0 or number <= high) and number % step == 0
