"""The order at hand, and the checks that need no limit."""

from libc.stdint cimport int64_t

from risk.gate_facts cimport GateFacts
from risk.gate_layout cimport Definition, Quote


cdef struct Order:
    int64_t tenant
    int64_t account
    int64_t strategy
    int64_t instrument
    int64_t side
    int64_t type
    int64_t price_ticks
    int64_t lots
    int64_t now_ns
    bint fits


cdef struct Numbers:
    int64_t code
    int64_t scope
    int64_t slot
    int64_t limit
    int64_t current
    int64_t reserved
    int64_t requested
    int64_t would_be
    int64_t unit
    int64_t limits_version


cdef class GateFilters(GateFacts):
    cdef Order order
    cdef Numbers numbers
    cdef Definition definition
    cdef Quote quote
    cdef bint reduces
    cdef int64_t ticks
    cdef int64_t tick_lots
    cdef int64_t value

    cdef int refuse(
        self, int code, int scope, int64_t slot, int unit, int64_t limit, int64_t current, int64_t reserved,
        int64_t requested, int64_t would_be, int64_t version,
    ) noexcept nogil
    cdef int check_slots(self) noexcept nogil
    cdef int check_states(self) noexcept nogil
    cdef bint is_reducing_order(self) noexcept nogil
    cdef int check_account(self) noexcept nogil
    cdef int check_fields(self) noexcept nogil
    cdef int check_price(self) noexcept nogil
    cdef int check_quantity(self) noexcept nogil
    cdef int check_notional(self) noexcept nogil
    cdef int check_market(self) noexcept nogil
    cdef int64_t collar_ticks(self) noexcept nogil
