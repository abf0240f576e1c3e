from libc.stdint cimport int64_t
from picows.picows cimport WSListener

from venues.binance.stream_text cimport Fields, Span


# One followed symbol: how its texts become ticks and lots, and its newest quote.
cdef struct Row:
    int64_t tick_units
    int64_t lot_units
    int64_t quote_id
    int64_t bid_ticks
    int64_t bid_lots
    int64_t ask_ticks
    int64_t ask_lots
    bint quote_changed
    bint book_changed
    bint waiting


cdef class MarketDecoder(WSListener):
    cdef object _events
    cdef object _schedule
    cdef list _symbols
    cdef list _names
    cdef list _books
    cdef dict _index
    cdef Row* _rows
    cdef int _count
    cdef int* _slots
    cdef int _slots_mask
    cdef int* _changed
    cdef int _changed_count
    cdef bint _flush_scheduled
    cdef bytearray _fragments
    cdef readonly int64_t messages

    cdef int decode(self, const char* data, Py_ssize_t size) except -1
    cdef int find_row(self, Span symbol) noexcept
    cdef bint apply_quote(self, int row, Fields* fields) noexcept
    cdef int apply_diff(self, int row, Fields* fields, const char* data, Py_ssize_t size) except -1
    cdef int report_quote(self, int row) except -1
    cdef int report_trade(self, int row, Fields* fields) except -1
    cdef int note_change(self, int row) noexcept
    cdef int report_malformed(self, int row, const char* data, Py_ssize_t size) except -1
