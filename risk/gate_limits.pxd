"""The checks against limits, rates and former orders."""

from libc.stdint cimport int64_t

from risk.gate_filters cimport GateFilters
from risk.gate_holdings cimport Place, Plan
from risk.gate_layout cimport Limits, PositionLimits

# The scopes with limits, from the narrowest to the widest; the orders per second of the last are not limited.
cdef enum:
    SUM_SCOPES = 4
    RATE_SCOPES = 3


# One scope's limits and what this order would add to its sums.
cdef struct Case:
    int scope
    int64_t slot
    Limits limits
    int64_t open_change
    int64_t gross_change
    int64_t rate_before
    int64_t rate_after


cdef class GateLimits(GateFilters):
    cdef PositionLimits position_limits
    cdef Case cases[SUM_SCOPES]
    cdef Place place
    cdef Plan after

    cdef int read_limits(self) noexcept nogil
    cdef bint read_case(self, Case *case, int scope, int64_t slot) noexcept nogil
    cdef int check_size(self) noexcept nogil
    cdef int plan_reservation(self) noexcept nogil
    cdef int check_position(self) noexcept nogil
    cdef int check_sums(self, bint reserved) noexcept nogil
    cdef int check_open_value(self, const Case *case, bint reserved) noexcept nogil
    cdef int check_gross_value(self, const Case *case, bint reserved) noexcept nogil
    cdef int check_balance(self) noexcept nogil
    cdef int64_t *rate_word(self, const Case *case) noexcept nogil
    cdef int check_rates(self) noexcept nogil
    cdef int refuse_rate(self, const Case *case) noexcept nogil
    cdef int take_rates(self) noexcept nogil
    cdef void give_rates_back(self, int count) noexcept nogil
    cdef int check_duplicate(self) noexcept nogil
    cdef int64_t kind(self) noexcept nogil
    cdef int64_t chain(self) noexcept nogil
    cdef void remember(self) noexcept nogil
