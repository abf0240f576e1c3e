"""An order book that proves its own continuity: ticks and lots in two sorted C arrays."""

from libc.stdint cimport INT64_MAX, int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

from enum import IntEnum

from venues.base import Side

cdef Py_ssize_t LEVELS_PER_SIDE_MAX = 100_000
cdef int64_t TICKS_MAX = INT64_MAX // 4


class Applied(IntEnum):
    """What became of a diff. After GAP, CROSSED and MALFORMED the book must be rebuilt."""

    APPLIED = 0
    STALE = 1
    GAP = 2
    CROSSED = 3
    MALFORMED = 4


cdef enum:
    APPLIED = 0
    STALE = 1
    GAP = 2
    CROSSED = 3


cdef class OrderBook:
    """Bids and asks of one symbol, followed by the rules for spot depth streams.

    A diff carries the ids `first_id … final_id`. One that ends at or before the
    book is stale; one that begins after the book's next id leaves a gap.
    """

    def __cinit__(self):
        self._bids = Ladder(NULL, 0, 0, 1)
        self._asks = Ladder(NULL, 0, 0, -1)
        self.last_update_id = 0

    def __dealloc__(self):
        free(self._bids.levels)
        free(self._asks.levels)

    def load(self, last_update_id, bids, asks):
        """Replace everything by a snapshot of (ticks, lots) levels. Raises ValueError on a bad level."""
        self._bids.count = 0
        self._asks.count = 0
        self.last_update_id = last_update_id
        for ticks, lots in bids:
            self.set_level(True, ticks, lots)
        for ticks, lots in asks:
            self.set_level(False, ticks, lots)
        return Applied.CROSSED if self.is_crossed() else Applied.APPLIED

    def apply(self, first_id, final_id, bids, asks):
        """Apply a diff whose levels are (ticks, lots), lots 0 removing the level; return `Applied`."""
        cdef int verdict = self.place_in_sequence(first_id, final_id)
        if verdict != APPLIED:
            return Applied(verdict)
        for ticks, lots in bids:
            self.set_level(True, ticks, lots)
        for ticks, lots in asks:
            self.set_level(False, ticks, lots)
        self.last_update_id = final_id
        return Applied.CROSSED if self.is_crossed() else Applied.APPLIED

    cdef int place_in_sequence(self, int64_t first_id, int64_t final_id) noexcept nogil:
        """Return APPLIED where the diff continues the book, else STALE or GAP."""
        if final_id <= self.last_update_id:
            return STALE
        if first_id > self.last_update_id + 1:
            return GAP
        return APPLIED

    cdef int set_level(self, bint bid, int64_t ticks, int64_t lots) except -1 nogil:
        """Set, change or remove one level."""
        if ticks <= 0 or ticks > TICKS_MAX or lots < 0:
            with gil:
                raise ValueError(f"no level: {ticks} ticks, {lots} lots")
        return set_key(&self._bids if bid else &self._asks, ticks if bid else -ticks, lots)

    cdef bint is_crossed(self) noexcept nogil:
        if self._bids.count == 0 or self._asks.count == 0:
            return False
        return self._bids.levels[self._bids.count - 1].key >= -self._asks.levels[self._asks.count - 1].key

    def best(self):
        """Return (bid_ticks, bid_lots, ask_ticks, ask_lots); zeros where a side is empty."""
        cdef Level bid = best_of(&self._bids)
        cdef Level ask = best_of(&self._asks)
        return bid.key, bid.lots, -ask.key, ask.lots

    def levels(self, side, Py_ssize_t count):
        """Return the best `count` levels of the side as (ticks, lots), best first."""
        cdef Ladder* ladder = &self._bids if side == Side.BUY else &self._asks
        cdef Py_ssize_t last = ladder.count - 1
        cdef Py_ssize_t taken = min(max(count, 0), ladder.count)
        cdef Py_ssize_t i
        return [(ladder.sign * ladder.levels[last - i].key, ladder.levels[last - i].lots) for i in range(taken)]

    def depth(self):
        """Return how many levels (bids, asks) the book knows."""
        return self._bids.count, self._asks.count

    def sweep(self, side, int64_t lots):
        """Return (worst_ticks, lots_available ≤ lots) that taking `lots` by an order of `side` would reach."""
        cdef Ladder* ladder = &self._asks if side == Side.BUY else &self._bids
        cdef int64_t left = lots
        cdef int64_t worst = 0
        cdef Py_ssize_t i = ladder.count - 1
        while i >= 0 and left > 0:
            worst = ladder.sign * ladder.levels[i].key
            left -= min(left, ladder.levels[i].lots)
            i -= 1
        return worst, max(lots, 0) - max(left, 0)

    def _check(self):
        """Assert that both sides are sorted without doubles, hold real levels, and do not cross."""
        check_ladder(&self._bids)
        check_ladder(&self._asks)
        assert not self.is_crossed(), f"crossed: {self.best()}"


cdef Level best_of(const Ladder* ladder) noexcept nogil:
    if ladder.count == 0:
        return Level(0, 0)
    return ladder.levels[ladder.count - 1]


cdef int set_key(Ladder* ladder, int64_t key, int64_t lots) except -1 nogil:
    """Set the level of the key, keeping the array sorted; lots 0 remove it."""
    cdef Py_ssize_t at = find(ladder, key)
    cdef bint known = at < ladder.count and ladder.levels[at].key == key
    if lots == 0:
        if known:
            ladder.count -= 1
            memmove(&ladder.levels[at], &ladder.levels[at + 1], (ladder.count - at) * sizeof(Level))
        return 0
    if not known:
        grow(ladder)
        memmove(&ladder.levels[at + 1], &ladder.levels[at], (ladder.count - at) * sizeof(Level))
        ladder.count += 1
        ladder.levels[at].key = key
    ladder.levels[at].lots = lots
    return 0


cdef Py_ssize_t find(const Ladder* ladder, int64_t key) noexcept nogil:
    """Return where the key stands, or where it would be inserted."""
    cdef Py_ssize_t low = 0
    cdef Py_ssize_t high = ladder.count
    cdef Py_ssize_t middle
    while low < high:
        middle = (low + high) >> 1
        if ladder.levels[middle].key < key:
            low = middle + 1
        else:
            high = middle
    return low


cdef int grow(Ladder* ladder) except -1 nogil:
    """Make room for one more level."""
    cdef Py_ssize_t capacity
    cdef Level* levels
    if ladder.count < ladder.capacity:
        return 0
    if ladder.count >= LEVELS_PER_SIDE_MAX:
        with gil:
            raise ValueError(f"more than {LEVELS_PER_SIDE_MAX} levels on one side")
    capacity = 256 if ladder.capacity == 0 else 2 * ladder.capacity
    levels = <Level*>realloc(ladder.levels, capacity * sizeof(Level))
    if levels == NULL:
        with gil:
            raise MemoryError
    ladder.levels = levels
    ladder.capacity = capacity
    return 0


cdef int check_ladder(const Ladder* ladder) except -1:
    cdef Py_ssize_t i
    assert 0 <= ladder.count <= ladder.capacity
    for i in range(ladder.count):
        assert ladder.levels[i].lots > 0, f"empty level {ladder.sign * ladder.levels[i].key}"
        assert i == 0 or ladder.levels[i - 1].key < ladder.levels[i].key, "not sorted"
    return 0
