"""What is held and open, and how it adds up in every scope."""

from libc.stdint cimport int64_t

from risk.gate_layout cimport AccountRow, AssetRow, Definition, Exposure, Holding
from risk.gate_table cimport GateTable

cdef enum:
    FITS = 0
    TOO_LARGE = 1
    BROKEN = 2

cdef enum:
    BUY = 1
    SELL = 2


# Where one order of one strategy counts: the rows that it changes.
cdef struct Place:
    int64_t account
    int64_t tenant
    int64_t strategy
    int64_t instrument
    AccountRow *row
    Holding *own
    Holding *part


# Both holdings as they will be, computed before anything is written.
cdef struct Plan:
    Holding own
    Holding part


# What happens: lots of a side move in or out of the open orders, and into the position.
cdef struct Move:
    int side
    int64_t open_lots
    int64_t open_tick_lots
    int64_t position_lots


# What an account's assets come to after a fill.
cdef struct Settlement:
    AssetRow *base
    AssetRow *quote
    AssetRow *fee
    int64_t base_total
    int64_t quote_total
    int64_t fee_total


cdef class GateHoldings(GateTable):
    cdef bint claim(self, int64_t account) noexcept nogil
    cdef Holding *part_of(self, int64_t account, int64_t instrument, int64_t strategy) noexcept nogil
    cdef int locate(
        self, Place *place, Definition *definition, int64_t tenant, int64_t account, int64_t strategy,
        int64_t instrument,
    ) except -1
    cdef int plan(
        self, const Place *place, const Definition *definition, const Move *move, Plan *plan
    ) noexcept nogil
    cdef bint sums_fit(self, const Place *place, const Definition *definition, const Plan *plan) noexcept nogil
    cdef void commit(self, const Place *place, const Definition *definition, const Plan *plan) noexcept nogil
    cdef Exposure *exposure_at(self, int scope, int64_t slot) noexcept nogil
    cdef Exposure total(self, int scope, int64_t slot) noexcept nogil
    cdef void add_exposure(
        self, int scope, int64_t slot, int64_t shard, int64_t open_value, int64_t gross_value
    ) noexcept nogil
    cdef int apply(
        self, int64_t tenant, int64_t account, int64_t strategy, int64_t instrument, const Move *move
    ) except -1
    cdef AssetRow *asset_at(self, int64_t account, int64_t asset) except NULL
    cdef void take_out(self, int64_t account, int64_t shard) noexcept nogil
    cdef void clear(self, int64_t account) noexcept nogil
    cdef int rebuild(self, int64_t shard) except -1
    cdef void add_up(self, Exposure *sums, int64_t account, int64_t instrument) noexcept nogil


cdef int64_t worst_lots(const Holding *held) noexcept nogil
