"""One symbol while it trades: its book, its tape and the depth changes that await publication."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from venues.simulator.listing import Listing
from venues.simulator.matching import BUY
from venues.simulator.tape import Tape

Changes = dict[tuple[int, int], int]
Levels = list[tuple[int, int]]
FAST_MS = 100
SLOW_MS = 1000


class Floor(Protocol):
    """Where orders meet: a matching book, or a recording that fills ours. See matching.pyx for the calls."""

    update_id: int

    def place(
        self, order_id: int, owner: int, side: int, limit: int, lots: int, rest: bool
    ) -> tuple[list[tuple[int, int, int, int, int]], int]:
        """Match, then rest."""

    def cancel(self, order_id: int) -> int:
        """Take an order out."""

    def resting(self) -> list[tuple[int, int, int, int, int]]:
        """Return all resting orders."""

    def best(self) -> tuple[int, int, int, int]:
        """Return the touch."""

    def levels(self, side: int, count: int) -> Levels:
        """Return the best levels."""

    def sweep(self, side: int, limit: int, lots: int, owner: int) -> tuple[int, int]:
        """Return what taking would reach."""

    def sweep_budget(self, side: int, budget: int, owner: int) -> tuple[int, int]:
        """Return what an amount buys."""

    def take_changes(self) -> Changes:
        """Return changed levels."""


class DepthUpdate(NamedTuple):
    """All changes of a book between two update ids, both included; lots of 0 remove a level."""

    first_id: int
    last_id: int
    bids: Levels
    asks: Levels


class DepthWindow:
    """Changes that are collected until the next publication."""

    def __init__(self, last_id: int) -> None:
        self.last_id = last_id
        self.changes: Changes = {}

    def close(self, last_id: int) -> DepthUpdate | None:
        """Return what changed since the last close; None when nothing did."""
        if last_id == self.last_id:
            return None
        changes, first_id = self.changes, self.last_id + 1
        self.changes, self.last_id = {}, last_id
        bids = [(ticks, lots) for (side, ticks), lots in changes.items() if side == BUY]
        asks = [(ticks, lots) for (side, ticks), lots in changes.items() if side != BUY]
        return DepthUpdate(first_id, last_id, sorted(bids, reverse=True), sorted(asks))


class SymbolMarket:
    """A symbol's listing, floor and tape; its trade ids have no gaps.

    `public` says whether our trades are seen by everybody.
    """

    def __init__(self, listing: Listing, floor: Floor, tape: Tape, *, public: bool, first_id: int) -> None:
        self.listing = listing
        self.next_trade_id = first_id
        self.floor = floor
        self.tape = tape
        self.public = public
        self.quote = floor.best()
        self.fast = DepthWindow(floor.update_id)
        self.slow = DepthWindow(floor.update_id)

    def quote_changed(self) -> bool:
        """Return whether the touch differs from when this was last asked."""
        before, self.quote = self.quote, self.floor.best()
        return before != self.quote

    def close_depth(self) -> DepthUpdate | None:
        """Return the changes since the last call, and keep them for the slow stream too."""
        changes = self.floor.take_changes()
        self.fast.changes.update(changes)
        self.slow.changes.update(changes)
        return self.fast.close(self.floor.update_id)

    def close_slow_depth(self) -> DepthUpdate | None:
        """Return the changes since the last call of this; call `close_depth` before."""
        return self.slow.close(self.fast.last_id)
