"""What the engine tells the gate."""

from libc.stdint cimport int64_t

from risk.gate_holdings cimport GateHoldings, Place, Settlement
from risk.gate_layout cimport Definition


cdef class GateFacts(GateHoldings):
    cdef int revalue_holders(self, int64_t instrument) except -1
    cdef int revalue(self, int64_t account, int64_t instrument) except -1
    cdef int settle(
        self, Settlement *out, const Place *place, const Definition *definition, int64_t bought_lots,
        int64_t ticks, int64_t fee_asset, int64_t fee_units,
    ) except -1
