"""Decode Binance's market streams from the socket's own buffer into ticks and lots.

The messages that arrive most, quotes and book diffs, make no Python object: they
change a table of quotes and the books in place, and the listener is told once per
read of the socket, of the newest state. A message that is not understood is
handed over whole, and counts against its symbol alone.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memset
from picows.picows cimport WSFrame, WSListener, WSMsgType, WSTransport

from venues.binance.stream_text cimport (
    Cursor,
    Fields,
    Span,
    fingerprint,
    is_kind,
    lots_within,
    take,
    take_message,
    take_string,
    whole_ticks,
)
from venues.book cimport OrderBook
from venues.book import Applied

cdef enum:
    APPLIED = 0
    STALE = 1
    CROSSED = 3
    MALFORMED = 4
    NOBODY = -1

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
SYMBOLS_MAX = 4096


cdef bint set_levels(OrderBook book, bint bid, Cursor c, int64_t tick, int64_t lot) except -1:
    """Apply an array of [price, quantity]; False when it is not understood."""
    cdef Span price
    cdef Span quantity
    cdef int64_t ticks = 0
    cdef int64_t lots = 0
    if not take(&c, c'['):
        return False
    if take(&c, c']'):
        return True
    while True:
        if not (take(&c, c'[') and take_string(&c, &price) and take(&c, c',') and take_string(&c, &quantity)):
            return False
        if not take(&c, c']') or not whole_ticks(price, tick, &ticks) or not lots_within(quantity, lot, &lots):
            return False
        book.set_level(bid, ticks, lots)
        if take(&c, c']'):
            return True
        if not take(&c, c','):
            return False


cdef int apply_levels(OrderBook book, Fields* f, const Row* row) except -1:
    """Apply a diff to the book. After anything but APPLIED and STALE the book must be rebuilt."""
    cdef int verdict
    if f.bids.at == NULL or f.asks.at == NULL or f.first_id == 0 or f.final_id < f.first_id:
        return MALFORMED
    verdict = book.place_in_sequence(f.first_id, f.final_id)
    if verdict != APPLIED:
        return verdict
    try:
        if not set_levels(book, True, f.bids, row.tick_units, row.lot_units):
            return MALFORMED
        if not set_levels(book, False, f.asks, row.tick_units, row.lot_units):
            return MALFORMED
    except ValueError:
        return MALFORMED
    book.last_update_id = f.final_id
    return CROSSED if book.is_crossed() else APPLIED


cdef class MarketDecoder(WSListener):
    """Listens to a market-data connection and keeps quotes and books current.

    `events` has on_connected(transport), on_disconnected(), on_quote(symbol, bid_ticks,
    bid_lots, ask_ticks, ask_lots), on_trade(symbol, price_ticks, lots, buyer_is_maker,
    event_ns), on_book(symbol), on_depth(symbol, message) for symbols without a book,
    on_book_lost(symbol, applied), on_malformed(symbol | None, message) and
    on_other(message). `schedule` is the loop's call_soon.
    """

    def __cinit__(self, *args, **kwargs):
        self._rows = NULL
        self._slots = NULL
        self._changed = NULL

    def __init__(self, events, schedule):
        self._events = events
        self._schedule = schedule
        self._symbols = []
        self._names = []
        self._books = []
        self._index = {}
        self._fragments = bytearray()
        self._resize_slots(64)

    def __dealloc__(self):
        free(self._rows)
        free(self._slots)
        free(self._changed)

    def follow(self, symbol, int64_t tick_units, int64_t lot_units):
        """Decode the symbol's messages from now on; steps in 10⁻⁸. Raises ValueError beyond SYMBOLS_MAX."""
        cdef Row* rows
        cdef int* changed
        if symbol in self._index:
            raise ValueError(f"{symbol} is followed already")
        if self._count >= SYMBOLS_MAX or tick_units <= 0 or lot_units <= 0:
            raise ValueError(f"{symbol} cannot be followed")
        rows = <Row*>realloc(self._rows, (self._count + 1) * sizeof(Row))
        changed = <int*>realloc(self._changed, (self._count + 1) * sizeof(int))
        if rows != NULL:
            self._rows = rows
        if changed != NULL:
            self._changed = changed
        if rows == NULL or changed == NULL:
            raise MemoryError
        memset(&rows[self._count], 0, sizeof(Row))
        rows[self._count].tick_units = tick_units
        rows[self._count].lot_units = lot_units
        self._symbols.append(symbol)
        self._names.append(symbol.encode())
        self._books.append(None)
        self._index[symbol] = self._count
        self._count += 1
        self._resize_slots(max(64, 4 * self._count))

    def set_book(self, symbol, book):
        """Apply the symbol's diffs to the OrderBook; None hands them to `on_depth` instead."""
        self._books[self._index[symbol]] = book

    def apply_depth(self, symbol, bytes message, OrderBook book not None):
        """Apply one buffered diff to a book and return `Applied`."""
        cdef Fields fields
        cdef Cursor c
        memset(&fields, 0, sizeof(Fields))
        c.at = PyBytes_AS_STRING(message)
        c.end = c.at + len(message)
        if not take_message(&c, &fields):
            return Applied.MALFORMED
        return Applied(apply_levels(book, &fields, &self._rows[self._index[symbol]]))

    def load_snapshot(self, symbol, OrderBook book not None, int64_t last_update_id, bids, asks):
        """Load [price, quantity] texts into the book and return `Applied`."""
        cdef Row* row = &self._rows[self._index[symbol]]
        try:
            return book.load(last_update_id, levels_of(bids, row), levels_of(asks, row))
        except ValueError:
            return Applied.MALFORMED

    def quote(self, symbol):
        """Return (update_id, bid_ticks, bid_lots, ask_ticks, ask_lots); zeros before the first."""
        cdef Row* row = &self._rows[self._index[symbol]]
        return row.quote_id, row.bid_ticks, row.bid_lots, row.ask_ticks, row.ask_lots

    def forget_quotes(self):
        """Begin again with the ids, as after a new connection."""
        cdef int i
        for i in range(self._count):
            self._rows[i].quote_id = 0

    def feed(self, bytes message):
        """Decode one message, as if it had come from the socket."""
        self.decode(PyBytes_AS_STRING(message), len(message))

    def flush(self):
        """Tell the listener the newest quotes, and the books, that changed since the last time."""
        cdef int row
        self._flush_scheduled = False
        while self._changed_count > 0:
            # Each step leaves list and flags in agreement, since a callback may raise or follow a symbol.
            self._changed_count -= 1
            row = self._changed[self._changed_count]
            self._rows[row].waiting = False
            if self._rows[row].quote_changed:
                self._rows[row].quote_changed = False
                self.report_quote(row)
            if self._rows[row].book_changed:
                self._rows[row].book_changed = False
                self._events.on_book(self._symbols[row])

    cdef int report_quote(self, int row) except -1:
        cdef Row* r = &self._rows[row]
        self._events.on_quote(self._symbols[row], r.bid_ticks, r.bid_lots, r.ask_ticks, r.ask_lots)
        return 0

    cpdef on_ws_connected(self, WSTransport transport):
        self._fragments.clear()
        self._events.on_connected(transport)

    cpdef on_ws_disconnected(self, WSTransport transport):
        self._events.on_disconnected()

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        if frame.msg_type == WSMsgType.TEXT and frame.fin:
            self.decode(frame.payload_ptr, frame.payload_size)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), b"")
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT or frame.msg_type == WSMsgType.CONTINUATION:
            self._take_fragment(transport, frame)
        if self._changed_count == 0:
            return
        if frame.last_in_buffer:
            self.flush()
        elif not self._flush_scheduled:
            # The last frame of the read may be one that never comes here, such as a ping.
            self._flush_scheduled = True
            self._schedule(self.flush)

    def _take_fragment(self, WSTransport transport, WSFrame frame):
        """Collect a message that came in several frames."""
        cdef bytes message
        if len(self._fragments) + frame.payload_size > MESSAGE_BYTES_MAX:
            transport.disconnect()
            return
        self._fragments += frame.get_payload_as_bytes()
        if frame.fin:
            message = bytes(self._fragments)
            self._fragments.clear()
            self.decode(PyBytes_AS_STRING(message), len(message))

    cdef int decode(self, const char* data, Py_ssize_t size) except -1:
        """Decode one message and apply it."""
        cdef Fields f
        cdef Cursor c
        cdef int row
        self.messages += 1
        memset(&f, 0, sizeof(Fields))
        c.at = data
        c.end = data + size
        if not take_message(&c, &f):
            return self.report_malformed(self.find_row(f.symbol), data, size)
        row = self.find_row(f.symbol)
        if row == NOBODY:
            self._events.on_other(PyBytes_FromStringAndSize(data, size))
        elif f.kind.length == 0:
            if not self.apply_quote(row, &f):
                self.report_malformed(row, data, size)
        elif is_kind(f.kind, b"depthUpdate", 11):
            self.apply_diff(row, &f, data, size)
        elif not is_kind(f.kind, b"trade", 5):
            self._events.on_other(PyBytes_FromStringAndSize(data, size))
        elif self.report_trade(row, &f) == MALFORMED:
            self.report_malformed(row, data, size)
        return 0

    cdef bint apply_quote(self, int row, Fields* f) noexcept:
        """Put a bookTicker into the table; False when it is not understood."""
        cdef Row* r = &self._rows[row]
        cdef int64_t bid = 0, bid_lots = 0, ask = 0, ask_lots = 0
        if f.final_id == 0:
            return False
        if not whole_ticks(f.bid, r.tick_units, &bid) or not whole_ticks(f.ask, r.tick_units, &ask):
            return False
        if not lots_within(f.bid_quantity, r.lot_units, &bid_lots):
            return False
        if not lots_within(f.ask_quantity, r.lot_units, &ask_lots):
            return False
        if f.final_id <= r.quote_id:
            return True
        r.quote_id = f.final_id
        r.bid_ticks = bid
        r.bid_lots = bid_lots
        r.ask_ticks = ask
        r.ask_lots = ask_lots
        r.quote_changed = True
        self.note_change(row)
        return True

    cdef int apply_diff(self, int row, Fields* f, const char* data, Py_ssize_t size) except -1:
        """Apply a depthUpdate to the symbol's book, or hand it over where there is none."""
        cdef int verdict
        book = self._books[row]
        if book is None:
            self._events.on_depth(self._symbols[row], PyBytes_FromStringAndSize(data, size))
            return 0
        verdict = apply_levels(<OrderBook>book, f, &self._rows[row])
        if verdict == APPLIED:
            self._rows[row].book_changed = True
            self.note_change(row)
        elif verdict != STALE:
            self._books[row] = None
            self._events.on_book_lost(self._symbols[row], Applied(verdict))
        return 0

    cdef int report_trade(self, int row, Fields* f) except -1:
        cdef Row* r = &self._rows[row]
        cdef int64_t ticks = 0, lots = 0
        if f.trade_ms == 0 or not whole_ticks(f.price, r.tick_units, &ticks):
            return MALFORMED
        if not lots_within(f.quantity, r.lot_units, &lots):
            return MALFORMED
        self._events.on_trade(self._symbols[row], ticks, lots, f.buyer_is_maker, f.trade_ms * 1_000_000)
        return APPLIED

    cdef int note_change(self, int row) noexcept:
        if not self._rows[row].waiting:
            self._rows[row].waiting = True
            self._changed[self._changed_count] = row
            self._changed_count += 1
        return 0

    cdef int report_malformed(self, int row, const char* data, Py_ssize_t size) except -1:
        symbol = None if row == NOBODY else self._symbols[row]
        self._events.on_malformed(symbol, PyBytes_FromStringAndSize(data, size))
        return 0

    cdef int find_row(self, Span symbol) noexcept:
        cdef uint32_t at
        cdef int row
        cdef bytes name
        if symbol.length == 0:
            return NOBODY
        at = fingerprint(symbol.start, symbol.length) & <uint32_t>self._slots_mask
        while True:
            row = self._slots[at] - 1
            if row < 0:
                return NOBODY
            name = <bytes>self._names[row]
            if len(name) == symbol.length and memcmp(PyBytes_AS_STRING(name), symbol.start, symbol.length) == 0:
                return row
            at = (at + 1) & <uint32_t>self._slots_mask

    def _resize_slots(self, int wanted):
        """Make the hash table of the symbols anew; it is at most a quarter full."""
        cdef int size = 64
        cdef int* slots
        cdef uint32_t at
        cdef bytes name
        while size < wanted:
            size *= 2
        slots = <int*>calloc(size, sizeof(int))
        if slots == NULL:
            raise MemoryError
        free(self._slots)
        self._slots = slots
        self._slots_mask = size - 1
        for row, name in enumerate(self._names):
            at = fingerprint(PyBytes_AS_STRING(name), len(name)) & <uint32_t>self._slots_mask
            while slots[at] != 0:
                at = (at + 1) & <uint32_t>self._slots_mask
            slots[at] = row + 1


cdef list levels_of(pairs, const Row* row):
    """Convert [price, quantity] texts; raises ValueError on one that is not whole."""
    cdef Span text
    cdef int64_t ticks = 0, lots = 0
    cdef bytes price, quantity
    cdef list levels = []
    for pair in pairs:
        price = pair[0].encode()
        quantity = pair[1].encode()
        text.start = PyBytes_AS_STRING(price)
        text.length = len(price)
        if not whole_ticks(text, row.tick_units, &ticks):
            raise ValueError(f"price {pair[0]}")
        text.start = PyBytes_AS_STRING(quantity)
        text.length = len(quantity)
        if not lots_within(text, row.lot_units, &lots):
            raise ValueError(f"quantity {pair[1]}")
        levels.append((ticks, lots))
    return levels
