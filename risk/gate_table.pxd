"""The mapped table under the gate: where each row is, who may write it, and how it is read whole."""

from libc.stdint cimport int64_t

from risk.gate_layout cimport (
    AccountRow, AssetRow, Definition, DefinitionRow, Exposure, Header, Holding, Limits, PositionLimits,
    PositionLimitsRow, Quote, QuoteRow, ScopeRow, SeenOrder,
)

cdef extern from "gate_arithmetic.h" nogil:
    enum: BPS
    int scaled_up(
        int64_t a, int64_t b, int64_t numerator, int64_t denominator, int64_t max, int64_t *out
    )
    int64_t collar_above(int64_t ask_ticks, int64_t bps)
    int64_t collar_below(int64_t bid_ticks, int64_t bps)
    int64_t worst_position(int64_t position, int64_t open_buy, int64_t open_sell)
    int64_t owner_word(int64_t tenant, int64_t reserved_for)
    int64_t owner_tenant(int64_t owner)
    int64_t owner_strategy(int64_t owner)
    int64_t rate_interval_ns(int64_t per_second)
    int64_t rate_after_order(int64_t word, int64_t per_second, int64_t now_ns)
    int64_t rate_orders_taken(int64_t word, int64_t per_second, int64_t now_ns)

# The numbers of risk.codes, which a test compares.
cdef enum:
    GLOBAL = 0
    TENANT = 1
    ACCOUNT = 2
    STRATEGY = 3
    INSTRUMENT = 4
    ORDER = 5

cdef enum:
    MISSING = 0
    ACTIVE = 1
    REDUCING = 2
    HALTED = 3

cdef int64_t NUMBER_MAX
cdef int64_t VALUE_MAX
cdef int64_t UNITS_MAX


cdef class GateTable:
    cdef object _file
    cdef const unsigned char[::1] _view
    cdef Header *header
    cdef ScopeRow *scopes
    cdef DefinitionRow *definitions
    cdef QuoteRow *quotes
    cdef PositionLimitsRow *position_limits_rows
    cdef AccountRow *accounts
    cdef AssetRow *assets
    cdef Exposure *exposures
    cdef int64_t *seen_chains
    cdef SeenOrder *seen_orders
    cdef Holding *holdings
    cdef int64_t first_scope[5]
    cdef readonly int shard

    cdef bint is_ours(self)
    cdef int open_sections(self) except -1
    cdef int mark_used(self, int64_t *word, int64_t count) except -1
    cdef int64_t count_of(self, int scope) noexcept nogil
    cdef int64_t row_of(self, int scope, int64_t slot) noexcept nogil
    cdef ScopeRow *scope_at(self, int scope, int64_t slot) except NULL
    cdef int need(self, int scope, int64_t slot) except -1
    cdef int64_t state_of(self, int scope, int64_t slot) noexcept nogil
    cdef bint read_definition(self, int64_t slot, Definition *definition) noexcept nogil
    cdef int refuse_other_assets(self, int64_t slot, int64_t base, int64_t quote) except -1
    cdef Holding *holdings_at(self, int64_t account, int64_t instrument) noexcept nogil
    cdef QuoteRow *quote_at(self, int64_t instrument) noexcept nogil
