from libc.stdint cimport int64_t


cdef struct Level:
    # Prices of asks are stored negated: on both sides the best level is the greatest key,
    # and stands last, so that the busy end of the array moves few bytes.
    int64_t key
    int64_t lots


cdef struct Ladder:
    Level* levels
    Py_ssize_t count
    Py_ssize_t capacity
    int64_t sign


cdef class OrderBook:
    cdef Ladder _bids
    cdef Ladder _asks
    cdef public int64_t last_update_id

    cdef int set_level(self, bint bid, int64_t ticks, int64_t lots) except -1 nogil
    cdef bint is_crossed(self) noexcept nogil
    cdef int place_in_sequence(self, int64_t first_id, int64_t final_id) noexcept nogil
