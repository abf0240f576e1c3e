from collections.abc import Iterable
from enum import IntEnum

from venues.base import Side

class Applied(IntEnum):
    APPLIED = 0
    STALE = 1
    GAP = 2
    CROSSED = 3
    MALFORMED = 4

class OrderBook:
    last_update_id: int
    def load(
        self, last_update_id: int, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]
    ) -> Applied: ...
    def apply(
        self,
        first_id: int,
        final_id: int,
        bids: Iterable[tuple[int, int]],
        asks: Iterable[tuple[int, int]],
    ) -> Applied: ...
    def best(self) -> tuple[int, int, int, int]: ...
    def levels(self, side: Side, count: int) -> list[tuple[int, int]]: ...
    def depth(self) -> tuple[int, int]: ...
    def sweep(self, side: Side, lots: int) -> tuple[int, int]: ...
    def _check(self) -> None: ...
