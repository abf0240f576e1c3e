"""The numbers of `risk.codes` and of `venues.base` in C; a test compares them."""

cdef enum:
    # risk.codes.Code
    KILL = 1
    REDUCE = 2
    RECON = 3
    RESTRICT = 4
    STATUS = 5
    FIELD = 6
    PRICE_FILTER = 7
    LOT = 8
    NOTIONAL = 9
    REF = 10
    COLLAR = 11
    LIMIT_MISSING = 12
    SIZE_QUANTITY = 13
    SIZE_VALUE = 14
    POSITION = 15
    OPEN_VALUE = 16
    GROSS = 17
    BALANCE = 18
    RATE = 19
    DUPLICATE = 20
    OVERFLOW = 21
    UNKNOWN_INSTRUMENT = 26
    UNKNOWN_ACCOUNT = 27

cdef enum:
    # risk.codes.Unit
    NONE = 0
    TICKS = 1
    LOTS = 2
    MICRO_USDT = 3
    ASSET_UNITS = 4
    ORDERS = 5
    NANOSECONDS = 6
    QUOTE_UNITS = 7

cdef enum:
    # venues.base.OrderType
    LIMIT = 1
    MARKET = 2
    LIMIT_MAKER = 3
