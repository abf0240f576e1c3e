"""The text of a market stream's event: where its fields are, and how they become integers.

Everything is inline C over the socket's own buffer; nothing is read at or after `end`.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.string cimport memcmp


cdef enum:
    # A number has at most so many digits at scale 8, or it may not fit into 64 bits.
    DIGITS_MAX = 19
    SCALE = 8
    NESTING_MAX = 32


cdef struct Cursor:
    const char* at
    const char* end


cdef struct Span:
    const char* start
    Py_ssize_t length


# The fields of one event, found but not yet converted. An array is remembered by where it begins.
cdef struct Fields:
    Span kind
    Span symbol
    Span bid
    Span bid_quantity
    Span ask
    Span ask_quantity
    Span price
    Span quantity
    Cursor bids
    Cursor asks
    int64_t first_id
    int64_t final_id
    int64_t event_ms
    int64_t trade_ms
    bint buyer_is_maker


# --- JSON, as far as it is needed

cdef inline void skip_space(Cursor* c) noexcept nogil:
    while c.at < c.end and (c.at[0] == c' ' or c.at[0] == c'\n' or c.at[0] == c'\t' or c.at[0] == c'\r'):
        c.at += 1


cdef inline bint take(Cursor* c, char wanted) noexcept nogil:
    """Step over the character, if it is the next one."""
    if c.at < c.end and c.at[0] == wanted:
        c.at += 1
        return True
    skip_space(c)
    if c.at < c.end and c.at[0] == wanted:
        c.at += 1
        return True
    return False


cdef inline bint take_string(Cursor* c, Span* span) noexcept nogil:
    """Take a string without escapes or control characters; no key or number of ours has any."""
    if not take(c, c'"'):
        return False
    span.start = c.at
    while c.at < c.end:
        if c.at[0] == c'"':
            span.length = c.at - span.start
            c.at += 1
            return True
        if c.at[0] == c'\\' or <unsigned char>c.at[0] < 32:
            return False
        c.at += 1
    return False


cdef inline bint take_integer(Cursor* c, int64_t* value) noexcept nogil:
    cdef int64_t total = 0
    cdef int digits = 0
    skip_space(c)
    while c.at < c.end and c'0' <= c.at[0] <= c'9':
        if digits == DIGITS_MAX - 1:
            return False
        total = total * 10 + (c.at[0] - c'0')
        digits += 1
        c.at += 1
    value[0] = total
    return digits > 0


cdef inline bint skip_value(Cursor* c) noexcept nogil:
    """Step over any value: brackets are balanced, strings respected."""
    cdef int depth = 0
    cdef const char* begin
    skip_space(c)
    begin = c.at
    while c.at < c.end:
        if c.at[0] == c'"':
            if not skip_string(c):
                return False
            if depth == 0:
                return True
            continue
        if c.at[0] == c'[' or c.at[0] == c'{':
            depth += 1
            if depth > NESTING_MAX:
                return False
        elif c.at[0] == c']' or c.at[0] == c'}':
            if depth == 0:
                return c.at > begin
            depth -= 1
            if depth == 0:
                c.at += 1
                return True
        elif c.at[0] == c',' and depth == 0:
            return c.at > begin
        c.at += 1
    return False


cdef inline bint skip_string(Cursor* c) noexcept nogil:
    c.at += 1
    while c.at < c.end:
        if c.at[0] == c'\\':
            c.at += 2
            continue
        if c.at[0] == c'"':
            c.at += 1
            return True
        c.at += 1
    c.at = c.end
    return False


cdef inline bint whole_ticks(Span text, int64_t tick, int64_t* count) noexcept nogil:
    """Convert a price; False when it is none, or lies between two ticks."""
    cdef int64_t units = 0
    if not take_units(text, &units) or units % tick != 0:
        return False
    count[0] = units // tick
    return True


cdef inline bint lots_within(Span text, int64_t lot, int64_t* count) noexcept nogil:
    """Convert a public quantity, rounded down.

    Orders from before a change of the lot size still rest in real books (BTCUSDT has
    25.426189 at 200,000), and what is less than a lot cannot be traded.
    """
    cdef int64_t units = 0
    if not take_units(text, &units):
        return False
    count[0] = units // lot
    return True


cdef inline bint take_units(Span text, int64_t* units) noexcept nogil:
    """Convert a decimal text into units of 10⁻⁸; False when it is none or does not fit."""
    cdef uint64_t total = 0
    cdef int digits = 0
    cdef int decimals = -1
    cdef Py_ssize_t i
    cdef char ch
    for i in range(text.length):
        ch = text.start[i]
        if c'0' <= ch <= c'9':
            if digits >= DIGITS_MAX:
                return False
            total = total * 10 + <uint64_t>(ch - c'0')
            digits += 1
            if decimals >= 0:
                decimals += 1
        elif ch == c'.' and decimals < 0 and digits > 0:
            decimals = 0
        else:
            return False
    if digits == 0 or decimals == 0 or decimals > SCALE:
        return False
    if decimals < 0:
        decimals = 0
    if digits + SCALE - decimals > DIGITS_MAX:
        return False
    for i in range(SCALE - decimals):
        total *= 10
    if total > <uint64_t>INT64_MAX:
        return False
    units[0] = <int64_t>total
    return True


# --- One event

cdef inline bint take_message(Cursor* c, Fields* f) noexcept nogil:
    """Take a whole message: one event, alone or in the envelope of a combined stream."""
    if not take_event(c, f, True):
        return False
    skip_space(c)
    return c.at == c.end


cdef inline bint take_event(Cursor* c, Fields* f, bint may_be_envelope) noexcept nogil:
    """Take an object, and in an envelope the event inside."""
    cdef Span key
    if not take(c, c'{'):
        return False
    if take(c, c'}'):
        return True
    while True:
        if not take_string(c, &key) or not take(c, c':'):
            return False
        if may_be_envelope and key.length == 4 and memcmp(key.start, b"data", 4) == 0:
            if not take_event(c, f, False):
                return False
        elif not (take_field(c, key.start[0], f) if key.length == 1 else skip_value(c)):
            return False
        if take(c, c'}'):
            return True
        if not take(c, c','):
            return False


cdef inline bint take_field(Cursor* c, char key, Fields* f) noexcept nogil:
    """Take the value of a one-letter key."""
    if key == c'u':
        return take_integer(c, &f.final_id)
    if key == c's':
        return take_string(c, &f.symbol)
    if key == c'b':
        return take_side(c, &f.bid, &f.bids)
    if key == c'a':
        return take_side(c, &f.ask, &f.asks)
    if key == c'B':
        return take_string(c, &f.bid_quantity)
    if key == c'A':
        return take_string(c, &f.ask_quantity)
    if key == c'e':
        return take_string(c, &f.kind)
    if key == c'E':
        return take_integer(c, &f.event_ms)
    if key == c'U':
        return take_integer(c, &f.first_id)
    if key == c'p':
        return take_string(c, &f.price)
    if key == c'q':
        return take_string(c, &f.quantity)
    if key == c'T':
        return take_integer(c, &f.trade_ms)
    if key == c'm':
        skip_space(c)
        f.buyer_is_maker = c.at < c.end and c.at[0] == c't'
    return skip_value(c)


cdef inline bint take_side(Cursor* c, Span* text, Cursor* levels) noexcept nogil:
    """Take `b` or `a`: a price in a quote, an array of levels in a diff."""
    skip_space(c)
    if c.at < c.end and c.at[0] == c'[':
        levels.at = c.at
        if not skip_value(c):
            return False
        levels.end = c.at
        return True
    return take_string(c, text)


cdef inline uint32_t fingerprint(const char* text, Py_ssize_t length) noexcept nogil:
    """FNV-1a."""
    cdef uint32_t value = 2166136261
    cdef Py_ssize_t i
    for i in range(length):
        value = (value ^ <unsigned char>text[i]) * 16777619
    return value


cdef inline bint is_kind(Span kind, const char* name, Py_ssize_t length) noexcept nogil:
    return kind.length == length and memcmp(kind.start, name, length) == 0
