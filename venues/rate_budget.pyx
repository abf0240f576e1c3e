"""The host's rate budgets: named counts per window in one mapped file that every process spends from.

An exchange counts by IP address, and the address belongs to the host, not to a
process. A budget counts in fixed windows aligned like the exchange's own: the
window's number is `now_ns // window_ns`. Number and count share one 64-bit word,
so that spending is one compare-and-swap and a new window begins by itself.
"""

from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset, strlen

from venues.shared_atomics cimport shared_load, shared_store, shared_swap

from enum import IntEnum
from pathlib import Path
from types import MappingProxyType

from venues.shared_file import SharedFile, SharedFileError, make_shared

LAYOUT_VERSION = 1
SLOTS_DEFAULT = 2048

cdef int64_t MAGIC = int.from_bytes(b"mxbudget", "little")
cdef enum:
    NAME_BYTES = 64
    LANES = 5
    COUNT_BITS = 28
    # A lost race means that somebody else spent; losing this many in a row does not happen.
    RACES_MAX = 10_000
cdef int64_t COUNT_MASK = (<int64_t>1 << COUNT_BITS) - 1
cdef int64_t WINDOW_MASK = (<int64_t>1 << 35) - 1

NAME_BYTES_MAX = NAME_BYTES - 1
COUNT_MAX = COUNT_MASK


class Lane(IntEnum):
    """What a request is for; earlier lanes may use more of a budget."""

    CANCEL = 0
    HEDGE = 1
    NEW = 2
    RECONCILE = 3
    RESEARCH = 4


#: How much of a budget's limit each lane may fill it up to. Taking risk off comes first.
LANE_SHARES_PERCENT = MappingProxyType(
    {Lane.CANCEL: 100, Lane.HEDGE: 95, Lane.NEW: 85, Lane.RECONCILE: 70, Lane.RESEARCH: 50}
)


class RateBudgetError(Exception):
    """The table is unusable or full, or a budget is defined in a way that cannot be kept."""


cdef struct Header:
    int64_t magic
    int64_t version
    int64_t size
    int64_t slots
    int64_t slots_used
    int64_t spare[3]


cdef struct Budget:
    int64_t count  # the window's number in the high bits, what is used of it in the low COUNT_BITS
    int64_t limit
    int64_t blocked_until_ns
    int64_t window_ns
    int64_t shares_percent[LANES]
    int64_t spare[3]
    char name[NAME_BYTES]


cdef class RateBudget:
    """The host's rate budgets: one mapped table, spent from by every process."""

    cdef object _file
    cdef const unsigned char[::1] _view
    cdef Header *_header
    cdef Budget *_budgets
    cdef readonly int refused_slot

    @staticmethod
    def create(path, slots=SLOTS_DEFAULT):
        """Make the table where there is none; one that is there stays."""
        cdef Header header
        memset(&header, 0, sizeof(Header))
        header.magic = MAGIC
        header.version = LAYOUT_VERSION
        header.slots = slots
        header.size = sizeof(Header) + slots * sizeof(Budget)
        make_shared(Path(path), (<char *>&header)[:sizeof(Header)], header.size)

    def __init__(self, path, *, slots=SLOTS_DEFAULT):
        """Map the table, making it where it is missing. Raises RateBudgetError, OSError."""
        if not Path(path).exists():
            RateBudget.create(path, slots)
        try:
            self._file = SharedFile(Path(path), sizeof(Header))
        except SharedFileError as error:
            raise RateBudgetError(str(error)) from error
        self._view = self._file.memory
        self._header = <Header *>&self._view[0]
        self._budgets = <Budget *>(<char *>self._header + sizeof(Header))
        self.refused_slot = -1
        if not self.is_ours():
            self.close()
            raise RateBudgetError(f"{path} is truncated or of another layout; remove it while nothing runs")

    cdef bint is_ours(self):
        """Return whether the file is a whole table of this layout."""
        return (
            self._header.magic == MAGIC
            and self._header.version == LAYOUT_VERSION
            and self._header.size == self._file.size
            and self._header.size == <int64_t>(sizeof(Header) + self._header.slots * sizeof(Budget))
        )

    def close(self):
        """Unmap the table."""
        if self._header == NULL:
            return
        self._header = NULL
        self._budgets = NULL
        self._view = None
        self._file.close()

    cdef Budget *at(self, int slot) except NULL:
        """Return the budget in the slot; raise RateBudgetError where there is none."""
        if self._header == NULL or slot < 0 or slot >= shared_load(&self._header.slots_used):
            raise RateBudgetError(f"there is no budget in slot {slot}")
        return &self._budgets[slot]

    def budget(self, name, limit, int64_t window_ns, shares_percent=LANE_SHARES_PERCENT):
        """Return the slot of the named budget, made where it is new; its limit is then `limit`.

        Raises RateBudgetError on another window than the name had before, and when the table is full.
        """
        check_limit(limit)
        if not 0 < len(name.encode()) <= NAME_BYTES_MAX or not window_ns >= 1_000_000:
            raise RateBudgetError(f"a budget needs a short name and a window of 1 ms at least: {name!r}")
        if self._header == NULL:
            raise RateBudgetError("the table is closed")
        with self._file.exclusive():
            slot = self.names().get(name)
            if slot is None:
                return self.add(name.encode(), limit, window_ns, shares_percent)
        if self.at(slot).window_ns != window_ns:
            raise RateBudgetError(f"{name} counts in windows of {self.at(slot).window_ns} ns")
        self.set_limit(slot, limit)
        return slot

    cdef int add(self, bytes name, int64_t limit, int64_t window_ns, shares_percent) except -1:
        """Write a new row and only then count it, so that nobody sees half of it."""
        cdef int slot = self._header.slots_used
        if slot >= self._header.slots:
            raise RateBudgetError(f"the table has {slot} budgets and is full")
        cdef Budget *row = &self._budgets[slot]
        memset(row, 0, sizeof(Budget))
        row.limit = limit
        row.window_ns = window_ns
        for lane in Lane:
            if not 0 <= shares_percent[lane] <= 100:
                raise RateBudgetError("a lane's share is between 0 and 100 percent")
            row.shares_percent[<int>lane] = shares_percent[lane]
        memcpy(row.name, <char *>name, len(name))
        shared_store(&self._header.slots_used, slot + 1)
        return slot

    def names(self):
        """Return the slots of all budgets by name."""
        if self._header == NULL:
            raise RateBudgetError("the table is closed")
        cdef int slot
        found = {}
        for slot in range(<int>shared_load(&self._header.slots_used)):
            found[self._budgets[slot].name[:strlen(self._budgets[slot].name)].decode()] = slot
        return found

    def try_spend(self, int slot, int64_t weight, int64_t now_ns, int lane):
        """Spend the weight if the lane may still use so much of the budget; return whether it was spent.

        A blocked budget refuses every lane: asking an exchange that said
        "retry after" once more is how a host gets banned.
        """
        if weight < 0 or not 0 <= lane < LANES:
            raise RateBudgetError(f"weight {weight} in lane {lane} makes no sense")
        cdef bint spent = spend(self.at(slot), weight, now_ns, lane)
        self.refused_slot = -1 if spent else slot
        return spent

    def spend_all(self, costs, int64_t now_ns, int lane):
        """Spend every (slot, weight) or none; return whether they were spent.

        What was taken before a refusal is given back. In between others may be
        refused what would have sufficed; never is more spent than there is.
        `refused_slot` names the budget that refused.
        """
        cdef Py_ssize_t done = 0
        try:
            for slot, weight in costs:
                if not self.try_spend(slot, weight, now_ns, lane):
                    break
                done += 1
            else:
                return True
        except BaseException:
            self.undo(costs, done, now_ns)
            raise
        self.undo(costs, done, now_ns)
        return False

    cdef undo(self, costs, Py_ssize_t done, int64_t now_ns):
        """Give back the first `done` of the costs."""
        for slot, weight in costs[:done]:
            self.give_back(slot, weight, now_ns)

    def give_back(self, int slot, int64_t weight, int64_t now_ns):
        """Take back a weight spent in this window that was not used after all."""
        cdef Budget *row = self.at(slot)
        cdef int64_t count, used
        for _ in range(RACES_MAX):
            count = shared_load(&row.count)
            used = used_of(row, count, now_ns)
            if weight <= 0 or used == 0:
                return
            if shared_swap(&row.count, count, count - min(weight, used)):
                return

    def observe(self, int slot, int64_t used, int64_t now_ns):
        """Raise what is used to what the exchange says; it never falls, since our requests may be in flight."""
        cdef Budget *row = self.at(slot)
        cdef int64_t count
        used = min(used, COUNT_MASK)
        for _ in range(RACES_MAX):
            count = shared_load(&row.count)
            if used_of(row, count, now_ns) >= used:
                return
            if shared_swap(&row.count, count, counted(row, count, used, now_ns)):
                return

    def block_until(self, int slot, int64_t until_ns):
        """Refuse everything until the time, as Retry-After demands; a block never becomes shorter."""
        cdef Budget *row = self.at(slot)
        cdef int64_t before
        for _ in range(RACES_MAX):
            before = shared_load(&row.blocked_until_ns)
            if before >= until_ns or shared_swap(&row.blocked_until_ns, before, until_ns):
                return

    def blocked_until(self, int slot):
        """Return the time until which everything is refused, 0 for never blocked."""
        return shared_load(&self.at(slot).blocked_until_ns)

    def used(self, int slot, int64_t now_ns):
        """Return how much of the window is used."""
        cdef Budget *row = self.at(slot)
        return used_of(row, shared_load(&row.count), now_ns)

    def limit(self, int slot):
        """Return the limit per window."""
        return shared_load(&self.at(slot).limit)

    def set_limit(self, int slot, limit):
        """Change the limit; what is used stays used."""
        check_limit(limit)
        shared_store(&self.at(slot).limit, limit)

    def resets_at(self, int slot, int64_t now_ns):
        """Return when the window after this one begins, or the block ends, whichever is later."""
        cdef Budget *row = self.at(slot)
        return max((now_ns // row.window_ns + 1) * row.window_ns, shared_load(&row.blocked_until_ns))


def check_limit(limit):
    """Raise RateBudgetError unless the limit can be counted."""
    if not 0 <= limit <= COUNT_MASK:
        raise RateBudgetError(f"a limit is between 0 and {COUNT_MASK}, not {limit}")


cdef bint spend(Budget *row, int64_t weight, int64_t now_ns, int lane) noexcept nogil:
    """Add the weight to the window's count unless that passes the lane's share."""
    cdef int64_t count, used
    cdef int64_t allowed = shared_load(&row.limit) * row.shares_percent[lane] // 100
    if shared_load(&row.blocked_until_ns) > now_ns:
        return False
    for _ in range(RACES_MAX):
        count = shared_load(&row.count)
        used = used_of(row, count, now_ns)
        if weight > allowed - used:
            return False
        if shared_swap(&row.count, count, counted(row, count, used + weight, now_ns)):
            return True
    return False


cdef bint is_current(Budget *row, int64_t count, int64_t now_ns) noexcept nogil:
    """Return whether the counted window is the present one.

    Another process may have read the clock just after the window rolled while we
    read it just before: a window that is one ahead counts as the present one.
    One further ahead is left over from a clock that was set back.
    """
    cdef int64_t ahead = (count >> COUNT_BITS) - ((now_ns // row.window_ns) & WINDOW_MASK)
    return ahead == 0 or ahead == 1


cdef int64_t used_of(Budget *row, int64_t count, int64_t now_ns) noexcept nogil:
    """Return what the word says is used of the present window."""
    return count & COUNT_MASK if is_current(row, count, now_ns) else 0


cdef int64_t counted(Budget *row, int64_t count, int64_t used, int64_t now_ns) noexcept nogil:
    """Return the word that says so much is used of the present window."""
    cdef int64_t window = count >> COUNT_BITS
    if not is_current(row, count, now_ns):
        window = (now_ns // row.window_ns) & WINDOW_MASK
    return (window << COUNT_BITS) | used
