"""What accounts hold: positions from fills, balances of assets, and which trades were counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from venues.base import Instrument, Side

#: Asset amounts in the journal are units of this many decimals.
ASSET_SCALE = 8
#: Trades remembered per account and instrument; one that is older than all of them was counted.
TRADES_REMEMBERED_MAX = 5_000


class Worth(msgspec.Struct, frozen=True, gc=False):
    """What a lot and a tick of an instrument are worth, in units of its assets."""

    base: str
    quote: str
    units_per_lot: int
    units_per_tick_lot: int


def worth_of(instrument: Instrument) -> Worth:
    """Return the instrument's worth; its assets must have the journal's scale."""
    assert instrument.base_scale == instrument.quote_scale == ASSET_SCALE, instrument.symbol
    return Worth(instrument.base, instrument.quote, instrument.units_per_lot, instrument.units_per_tick_lot)


class Holding(msgspec.Struct, gc=False):
    """The position of one account in one instrument, at average cost.

    `cost_units` is what was paid for what is held, signed like the position;
    `realised_units` the profit since the beginning, before fees. At any time
    `realised_units - cost_units` is the sum of all money that came in by sales less
    all that went out by purchases.
    """

    lots: int = 0
    cost_units: int = 0
    realised_units: int = 0

    def take(self, side: Side, lots: int, quote_units: int) -> None:
        """Add a trade of so many lots for so many quote units."""
        sign = 1 if side is Side.BUY else -1
        closing = min(lots, abs(self.lots)) if self.lots * sign < 0 else 0
        if closing:
            # The last lot takes all that is left, so that rounding leaves nothing behind.
            cost = toward_zero(self.cost_units * closing, abs(self.lots))
            proceeds = toward_zero(quote_units * closing, lots)
            self.realised_units += -sign * proceeds - cost
            self.cost_units -= cost
            quote_units -= proceeds
        self.lots += sign * lots
        self.cost_units += sign * quote_units


def toward_zero(dividend: int, divisor: int) -> int:
    """Return the quotient cut to a whole number, alike for both signs; the divisor is positive."""
    return dividend // divisor if dividend >= 0 else -(-dividend // divisor)


class Money(msgspec.Struct, gc=False):
    """What an account has of one asset, free and locked together, and how much of it is locked."""

    total_units: int = 0
    locked_units: int = 0


class CountedTrades:
    """The trades of one account and instrument that have been counted."""

    def __init__(self, ids: Iterable[int] = (), forgotten_up_to: int = 0) -> None:
        self.in_order: deque[int] = deque(ids)
        self.ids: set[int] = set(self.in_order)
        self.forgotten_up_to = forgotten_up_to

    def add(self, trade_id: int) -> bool:
        """Note the trade; return False when it was counted before."""
        if trade_id in self.ids or trade_id <= self.forgotten_up_to:
            return False
        self.ids.add(trade_id)
        self.in_order.append(trade_id)
        if len(self.in_order) > TRADES_REMEMBERED_MAX:
            forgotten = self.in_order.popleft()
            self.ids.discard(forgotten)
            self.forgotten_up_to = max(self.forgotten_up_to, forgotten)
        return True
