"""A recorded book against which our orders trade without ever appearing in it.

Takers get the displayed depth at displayed prices; what they took stays taken
until the recording next changes that level. A maker waits behind the quantity
that was displayed at its price when it joined, and is then filled by recorded
trades at its price; trades through its price fill it at once. Orders of ours
that cross each other trade, at equal prices after the displayed quantity.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import NamedTuple

from venues.simulator.matching import BUY, FILL, NOBODY, SELL, MatchingBook
from venues.simulator.symbol_market import Changes, Levels

Event = tuple[int, int, int, int, int]


class RecordedFill(NamedTuple):
    """A resting order of ours that a recorded trade fills, at its own price."""

    order_id: int
    owner: int
    lots: int


class ShownSide:
    """One displayed side: quantities by price, and the prices in order."""

    def __init__(self, *, descending: bool) -> None:
        self.sign = -1 if descending else 1
        self.lots: dict[int, int] = {}
        self.keys: list[int] = []

    def set(self, ticks: int, lots: int) -> None:
        """Show this quantity at the price; 0 removes the level."""
        key, known = self.sign * ticks, ticks in self.lots
        if lots:
            self.lots[ticks] = lots
            if not known:
                bisect.insort(self.keys, key)
        elif known:
            del self.lots[ticks]
            del self.keys[bisect.bisect_left(self.keys, key)]

    def levels(self) -> Iterator[tuple[int, int]]:
        """Yield (ticks, lots), best first."""
        for key in self.keys:
            ticks = self.sign * key
            yield ticks, self.lots[ticks]


class RecordedFloor:
    """The floor of a replayed symbol; see `symbol_market.Floor` for what each call means."""

    def __init__(self) -> None:
        self.update_id = 0
        self.shown = {BUY: ShownSide(descending=True), SELL: ShownSide(descending=False)}
        self.own = MatchingBook()
        self.ahead: dict[int, int] = {}
        self.joined: dict[tuple[int, int], dict[int, None]] = {}
        self.taken: dict[tuple[int, int], int] = {}
        self.changes: Changes = {}

    # ------------------------------------------------------------------ the recording

    def load(self, last_update_id: int, bids: Levels, asks: Levels) -> None:
        """Start from a snapshot."""
        for side, levels in ((BUY, bids), (SELL, asks)):
            for ticks, lots in levels:
                self.shown[side].set(ticks, lots)
        self.update_id = last_update_id

    def apply(self, last_id: int, bids: Levels, asks: Levels) -> None:
        """Apply a recorded change of the book."""
        for side, levels in ((BUY, bids), (SELL, asks)):
            for ticks, lots in levels:
                self._show(side, ticks, lots)
        self.update_id = last_id

    def trade(self, ticks: int, lots: int, *, buyer_is_maker: bool) -> list[RecordedFill]:
        """Return which of our resting orders a recorded trade fills, and how far."""
        side = BUY if buyer_is_maker else SELL
        fills, left = [], lots
        for order_id, owner, order_side, order_ticks, leaves in self.own.resting():
            if order_side != side or not left:
                continue
            if order_ticks < ticks if side == BUY else order_ticks > ticks:
                break
            reach = left
            if order_ticks == ticks:
                waited = min(self.ahead[order_id], lots)
                self.ahead[order_id] -= waited
                reach = min(left, lots - waited)
            filled = min(reach, leaves)
            if filled:
                left -= filled
                fills.append(RecordedFill(order_id, owner, filled))
        for fill in fills:
            self._reduce(fill.order_id, fill.lots)
        return fills

    def _show(self, side: int, ticks: int, lots: int) -> None:
        self.shown[side].set(ticks, lots)
        self.changes[side, ticks] = lots
        self.taken.pop((side, ticks), None)
        for order_id in self.joined.get((side, ticks), ()):
            self.ahead[order_id] = min(self.ahead[order_id], lots)

    # ------------------------------------------------------------------ our orders

    def place(
        self, order_id: int, owner: int, side: int, limit: int, lots: int, rest: bool
    ) -> tuple[list[Event], int]:
        """Take what is displayed and what others of ours offer, best price first; then rest."""
        events: list[Event] = []
        while lots:
            shown = next(self._available(side, limit), None)
            own = self._best_own(side, limit)
            if shown is None and own is None:
                break
            if shown is not None and (own is None or not self._better(side, own, shown[0])):
                lots -= self._take_shown(side, shown, lots, events)
                continue
            assert own is not None
            found, lots = self.own.place(order_id, owner, side, own, lots, False)
            self._forget(found)
            events += found
        if lots and rest:
            self.own.place(order_id, owner, side, limit, lots, True)
            self.ahead[order_id] = self.shown[side].lots.get(limit, 0)
            self.joined.setdefault((side, limit), {})[order_id] = None
        return events, lots

    def cancel(self, order_id: int) -> int:
        """Take the order out and return its leaves."""
        lots = self.own.cancel(order_id)
        self._clean()
        return lots

    def resting(self) -> list[Event]:
        """Return our resting orders."""
        return self.own.resting()

    def _take_shown(self, side: int, shown: tuple[int, int], lots: int, events: list[Event]) -> int:
        ticks, available = shown
        traded = min(lots, available)
        key = (SELL if side == BUY else BUY, ticks)
        self.taken[key] = self.taken.get(key, 0) + traded
        events.append((FILL, 0, NOBODY, ticks, traded))
        return traded

    def _best_own(self, side: int, limit: int) -> int | None:
        bid, _, ask, _ = self.own.best()
        if side == BUY:
            return ask if ask and ask <= limit else None
        return bid if bid and bid >= limit else None

    @staticmethod
    def _better(side: int, one: int, other: int) -> bool:
        return one < other if side == BUY else one > other

    def _reduce(self, order_id: int, lots: int) -> None:
        self.own.reduce(order_id, lots)
        self._clean()

    def _forget(self, events: list[Event]) -> None:
        if events:
            self._clean()

    def _clean(self) -> None:
        """Drop the queue places of orders that rest no more."""
        gone = [order_id for order_id in self.ahead if order_id not in self.own]
        for order_id in gone:
            del self.ahead[order_id]
        if gone:
            for key in list(self.joined):
                self.joined[key] = {one: None for one in self.joined[key] if one in self.ahead}
                if not self.joined[key]:
                    del self.joined[key]

    # ------------------------------------------------------------------ looking

    def best(self) -> tuple[int, int, int, int]:
        """Return the displayed touch."""
        bid = next(self.shown[BUY].levels(), (0, 0))
        ask = next(self.shown[SELL].levels(), (0, 0))
        return (*bid, *ask)

    def levels(self, side: int, count: int) -> Levels:
        """Return the best displayed levels."""
        return [level for _, level in zip(range(count), self.shown[side].levels(), strict=False)]

    def sweep(self, side: int, limit: int, lots: int, owner: int) -> tuple[int, int]:
        """Return (lots, tick-lots) that an order would take within its limit."""
        taken = cost = 0
        for ticks, available in self._all_reachable(side, limit, owner):
            traded = min(lots - taken, available)
            taken += traded
            cost += traded * ticks
            if taken == lots:
                break
        return taken, cost

    def sweep_budget(self, side: int, budget: int, owner: int) -> tuple[int, int]:
        """Return (lots, tick-lots) that an order takes for at most `budget` tick-lots."""
        taken = cost = 0
        limit = max(self.shown[SELL].lots, default=0) if side == BUY else 0
        for ticks, available in self._all_reachable(side, limit, owner):
            traded = min((budget - cost) // ticks, available)
            taken += traded
            cost += traded * ticks
            if traded < available:
                break
        return taken, cost

    def take_changes(self) -> Changes:
        """Return the displayed levels that changed since the last call."""
        changes, self.changes = self.changes, {}
        return changes

    def _available(self, side: int, limit: int) -> Iterator[tuple[int, int]]:
        """Yield displayed levels that an order of `side` can take, less what was taken already."""
        other = SELL if side == BUY else BUY
        for ticks, lots in self.shown[other].levels():
            if self._better(side, limit, ticks):
                return
            left = lots - self.taken.get((other, ticks), 0)
            if left > 0:
                yield ticks, left

    def _all_reachable(self, side: int, limit: int, owner: int) -> Levels:
        """Return displayed and our own quantities within the limit, best first, displayed first at ties."""
        other = SELL if side == BUY else BUY
        own = [
            (ticks, lots)
            for _, one_owner, one_side, ticks, lots in self.own.resting()
            if one_side == other and one_owner != owner and not self._better(side, limit, ticks)
        ]
        found = [*self._available(side, limit), *own]
        return sorted(found, key=lambda level: level[0], reverse=side == SELL)
