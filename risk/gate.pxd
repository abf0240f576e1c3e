"""The gate as other compiled code may call it."""

from libc.stdint cimport int64_t

from risk.gate_limits cimport GateLimits


cdef class Gate(GateLimits):
    cdef int64_t number(self, object number) except? -1
    cdef int decide(self) noexcept nogil
    cdef int reserve_checked(self) noexcept nogil
