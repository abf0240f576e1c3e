"""Price-time priority in integers: ticks, lots and order ids; nothing else is known here.

Levels of a side are one C array sorted so that the best is last, which keeps
inserting and removing near the touch cheap. Orders are C structs in a pool,
linked by index; -1 ends a list.
"""

from libc.stdint cimport INT64_MAX, int32_t, int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

BUY = 1
SELL = 2
NOBODY = 0  # the owner of orders that belong to no account
FILL = 1
MAKER_EXPIRED = 2
TICKS_MAX = INT64_MAX // 2

cdef struct Resting:
    int64_t order_id
    int64_t ticks
    int64_t lots
    int32_t owner
    int32_t side
    int32_t before
    int32_t after

cdef struct Level:
    int64_t ticks
    int64_t lots
    int32_t first
    int32_t last

cdef struct Ladder:
    Level* levels
    int32_t count
    int32_t room


cdef class MatchingBook:
    """One symbol's book. `update_id` rises by one with every change of a level's quantity."""

    cdef Ladder bids
    cdef Ladder asks
    cdef Resting* pool
    cdef int32_t pool_room
    cdef int32_t pool_free
    cdef dict places
    cdef dict changes
    cdef readonly int64_t update_id

    def __init__(self, int64_t update_id=0):
        self.update_id = update_id
        self.pool_free = -1
        self.places = {}
        self.changes = {}

    def __dealloc__(self):
        free(self.bids.levels)
        free(self.asks.levels)
        free(self.pool)

    def __len__(self):
        return len(self.places)

    def __contains__(self, order_id):
        return order_id in self.places

    # ------------------------------------------------------------------ orders

    def place(self, int64_t order_id, int32_t owner, int32_t side, int64_t limit, int64_t lots, bint rest):
        """Match, then rest what is left if `rest`.

        Return (events, leaves): events are (FILL or MAKER_EXPIRED, maker order id,
        maker owner, ticks, lots) in the order in which they happened. An order never
        trades with one of the same owner: the resting one expires.
        """
        cdef Ladder* other = &self.asks if side == 1 else &self.bids
        cdef list events = []
        cdef Level* level
        cdef Resting* maker
        cdef int32_t index
        cdef int64_t traded
        assert lots > 0 and order_id not in self.places
        while lots > 0 and other.count > 0:
            level = &other.levels[other.count - 1]
            if level.ticks > limit if side == 1 else level.ticks < limit:
                break
            index = level.first
            maker = &self.pool[index]
            if maker.owner == owner and owner != 0:
                events.append((MAKER_EXPIRED, maker.order_id, maker.owner, maker.ticks, maker.lots))
                self._remove(index)
                continue
            traded = min(lots, maker.lots)
            lots -= traded
            events.append((FILL, maker.order_id, maker.owner, maker.ticks, traded))
            self._reduce(index, traded)
        if lots > 0 and rest:
            self._rest(order_id, owner, side, limit, lots)
        return events, lots

    def cancel(self, int64_t order_id):
        """Take the order out and return its leaves; 0 when it does not rest here."""
        index = self.places.get(order_id)
        if index is None:
            return 0
        cdef int64_t lots = self.pool[<int32_t>index].lots
        self._remove(index)
        return lots

    def reduce(self, int64_t order_id, int64_t lots):
        """Take lots from a resting order, which leaves the book when nothing is left."""
        index = self.places[order_id]
        assert 0 < lots <= self.pool[<int32_t>index].lots
        self._reduce(index, lots)

    def leaves(self, int64_t order_id):
        """Return what is left of a resting order; 0 when it does not rest here."""
        index = self.places.get(order_id)
        return 0 if index is None else self.pool[<int32_t>index].lots

    def resting(self):
        """Return (order id, owner, side, ticks, lots) of every order, in priority within its level."""
        cdef list found = []
        for side in (1, 2):
            self._list_side(&self.bids if side == 1 else &self.asks, found)
        return found

    # ------------------------------------------------------------------ looking

    def best(self):
        """Return (bid ticks, bid lots, ask ticks, ask lots); zeros where a side is empty."""
        cdef Level* bid = NULL
        cdef Level* ask = NULL
        if self.bids.count > 0:
            bid = &self.bids.levels[self.bids.count - 1]
        if self.asks.count > 0:
            ask = &self.asks.levels[self.asks.count - 1]
        return (
            bid.ticks if bid != NULL else 0,
            bid.lots if bid != NULL else 0,
            ask.ticks if ask != NULL else 0,
            ask.lots if ask != NULL else 0,
        )

    def levels(self, int32_t side, int32_t count):
        """Return the best `count` levels of the side as (ticks, lots), best first."""
        cdef Ladder* ladder = &self.bids if side == 1 else &self.asks
        cdef int32_t i
        cdef list found = []
        for i in range(ladder.count - 1, max(ladder.count - 1 - count, -1), -1):
            found.append((ladder.levels[i].ticks, ladder.levels[i].lots))
        return found

    def sweep(self, int32_t side, int64_t limit, int64_t lots, int32_t owner):
        """Return (lots, tick-lots) that an order of `side` would take within its limit, own orders left out."""
        cdef Ladder* other = &self.asks if side == 1 else &self.bids
        cdef int32_t i, index
        cdef int64_t left = lots, cost = 0, traded
        for i in range(other.count - 1, -1, -1):
            if left == 0 or (other.levels[i].ticks > limit if side == 1 else other.levels[i].ticks < limit):
                break
            index = other.levels[i].first
            while index != -1 and left > 0:
                if self.pool[index].owner != owner or owner == 0:
                    traded = min(left, self.pool[index].lots)
                    left -= traded
                    cost += traded * self.pool[index].ticks
                index = self.pool[index].after
        return lots - left, cost

    def sweep_budget(self, int32_t side, int64_t budget, int32_t owner):
        """Return (lots, tick-lots) that an order of `side` takes for at most `budget` tick-lots."""
        cdef Ladder* other = &self.asks if side == 1 else &self.bids
        cdef int32_t i, index
        cdef int64_t lots = 0, cost = 0, traded
        for i in range(other.count - 1, -1, -1):
            index = other.levels[i].first
            while index != -1:
                if self.pool[index].owner != owner or owner == 0:
                    traded = min(self.pool[index].lots, (budget - cost) // self.pool[index].ticks)
                    lots += traded
                    cost += traded * self.pool[index].ticks
                    if traded < self.pool[index].lots:
                        return lots, cost
                index = self.pool[index].after
        return lots, cost

    def take_changes(self):
        """Return {(side, ticks): lots} of the levels that changed since the last call."""
        changes = self.changes
        self.changes = {}
        return changes

    def _check(self):
        """Assert that the books are sorted, uncrossed, linked both ways and add up."""
        bid, _, ask, _ = self.best()
        assert not bid or not ask or bid < ask, "crossed"
        cdef int32_t found = self._check_side(&self.bids, 1) + self._check_side(&self.asks, 2)
        assert found == len(self.places), "an order is not on its level"

    # ------------------------------------------------------------------ inside

    cdef int32_t _check_side(self, Ladder* ladder, int32_t side) except -1:
        cdef int32_t i, index, before, found = 0
        cdef int64_t total
        for i in range(ladder.count):
            if i > 0:
                assert (ladder.levels[i].ticks > ladder.levels[i - 1].ticks) == (side == 1), "unsorted"
            total, before, index = 0, -1, ladder.levels[i].first
            assert index != -1, "empty level"
            while index != -1:
                assert self.pool[index].before == before and self.pool[index].side == side
                assert self.pool[index].lots > 0 and self.pool[index].ticks == ladder.levels[i].ticks
                total += self.pool[index].lots
                found += 1
                before, index = index, self.pool[index].after
            assert before == ladder.levels[i].last and total == ladder.levels[i].lots, "level does not add up"
        return found

    cdef int _list_side(self, Ladder* ladder, list found) except -1:
        cdef int32_t i, index
        for i in range(ladder.count - 1, -1, -1):
            index = ladder.levels[i].first
            while index != -1:
                found.append((
                    self.pool[index].order_id, self.pool[index].owner, self.pool[index].side,
                    self.pool[index].ticks, self.pool[index].lots,
                ))
                index = self.pool[index].after
        return 0

    cdef int32_t _find(self, Ladder* ladder, int32_t side, int64_t ticks) noexcept:
        """Return where the level is, or where it would have to be put."""
        cdef int32_t low = 0, high = ladder.count, middle
        while low < high:
            middle = (low + high) // 2
            if ladder.levels[middle].ticks < ticks if side == 1 else ladder.levels[middle].ticks > ticks:
                low = middle + 1
            else:
                high = middle
        return low

    cdef int _changed(self, int32_t side, int64_t ticks, int64_t lots) except -1:
        self.update_id += 1
        self.changes[(side, ticks)] = lots
        return 0

    cdef int _rest(self, int64_t order_id, int32_t owner, int32_t side, int64_t ticks, int64_t lots) except -1:
        cdef Ladder* ladder = &self.bids if side == 1 else &self.asks
        cdef int32_t at = self._find(ladder, side, ticks)
        cdef int32_t index = self._new_order()
        cdef Level* level
        if at == ladder.count or ladder.levels[at].ticks != ticks:
            self._insert_level(ladder, at, ticks)
        level = &ladder.levels[at]
        self.pool[index] = Resting(order_id, ticks, lots, owner, side, level.last, -1)
        if level.last == -1:
            level.first = index
        else:
            self.pool[level.last].after = index
        level.last = index
        level.lots += lots
        self.places[order_id] = index
        return self._changed(side, ticks, level.lots)

    cdef int _reduce(self, int32_t index, int64_t lots) except -1:
        """Take lots from a resting order; it leaves when nothing is left."""
        cdef Resting* order = &self.pool[index]
        if lots == order.lots:
            return self._remove(index)
        cdef Ladder* ladder = &self.bids if order.side == 1 else &self.asks
        cdef Level* level = &ladder.levels[self._find(ladder, order.side, order.ticks)]
        order.lots -= lots
        level.lots -= lots
        return self._changed(order.side, order.ticks, level.lots)

    cdef int _remove(self, int32_t index) except -1:
        cdef Resting order = self.pool[index]
        cdef Ladder* ladder = &self.bids if order.side == 1 else &self.asks
        cdef int32_t at = self._find(ladder, order.side, order.ticks)
        cdef Level* level = &ladder.levels[at]
        cdef int64_t left = level.lots - order.lots
        level.lots = left
        if order.before == -1:
            level.first = order.after
        else:
            self.pool[order.before].after = order.after
        if order.after == -1:
            level.last = order.before
        else:
            self.pool[order.after].before = order.before
        if level.first == -1:
            ladder.count -= 1
            memmove(level, level + 1, (ladder.count - at) * sizeof(Level))
        del self.places[order.order_id]
        self.pool[index].after = self.pool_free
        self.pool_free = index
        return self._changed(order.side, order.ticks, left)

    cdef int _insert_level(self, Ladder* ladder, int32_t at, int64_t ticks) except -1:
        if ladder.count == ladder.room:
            ladder.room = max(64, ladder.room * 2)
            ladder.levels = <Level*>realloc(ladder.levels, ladder.room * sizeof(Level))
            if ladder.levels == NULL:
                raise MemoryError
        memmove(&ladder.levels[at + 1], &ladder.levels[at], (ladder.count - at) * sizeof(Level))
        ladder.levels[at] = Level(ticks, 0, -1, -1)
        ladder.count += 1
        return 0

    cdef int32_t _new_order(self) except -1:
        """Return the index of an unused order; the pool doubles when there is none."""
        cdef int32_t index, room
        if self.pool_free == -1:
            room = max(256, self.pool_room * 2)
            self.pool = <Resting*>realloc(self.pool, room * sizeof(Resting))
            if self.pool == NULL:
                raise MemoryError
            for index in range(room - 1, self.pool_room - 1, -1):
                self.pool[index].after = self.pool_free
                self.pool_free = index
            self.pool_room = room
        index = self.pool_free
        self.pool_free = self.pool[index].after
        return index
