"""How the gate's mapped file is laid out. Any change here takes a new LAYOUT_VERSION.

Every word is an int64_t, zero means "nobody wrote this", and a file is sparse:
so a row that was never written is missing, and the gate refuses what is missing.
A limit is stored plus one for that reason.
"""

from libc.stdint cimport int64_t

cdef enum:
    LAYOUT_VERSION = 1
    # The account's own holding in an instrument, and those of the strategies that trade it there.
    HOLDINGS = 8
    # Accepted orders that an account remembers to find duplicates: a power of two.
    SEEN_ORDERS = 512
    SEEN_CHAINS = 64

# What keeps every sum of a few numbers inside 64 bits; products are made in 128.
cdef enum: ORDER_NUMBER_BITS_MAX = 53


cdef struct Header:
    int64_t magic
    int64_t version
    int64_t size
    int64_t accounts
    int64_t instruments
    int64_t strategies
    int64_t tenants
    int64_t assets
    int64_t shards
    int64_t duplicate_window_ns
    # One more than the highest shard and instrument slot in use: what need not be summed is not.
    int64_t shards_used
    int64_t instruments_used
    int64_t spare[4]

cdef struct Limits:
    int64_t version
    int64_t order_value_max
    int64_t open_value_max
    int64_t gross_value_max
    int64_t orders_per_second_max

# One line of the cache. `next_order_ns` is the rate's whole state: see gate_rate.
cdef struct ScopeRow:
    int64_t state
    int64_t next_order_ns
    int64_t sequence
    Limits limits

cdef struct Definition:
    int64_t version
    int64_t trading
    int64_t base_asset
    int64_t quote_asset
    int64_t price_min_ticks
    int64_t price_max_ticks
    int64_t price_step_ticks
    int64_t quantity_min_lots
    int64_t quantity_max_lots
    int64_t quantity_step_lots
    int64_t market_quantity_max_lots
    int64_t notional_min_units
    int64_t base_units_per_lot
    int64_t quote_units_per_tick_lot
    int64_t value_numerator
    int64_t value_denominator
    int64_t collar_bps
    int64_t quote_age_max_ns
    int64_t fee_bps

cdef struct DefinitionRow:
    int64_t sequence
    Definition definition
    int64_t spare[4]

# `mid_twice` is bid + ask of the last whole quote; it stays when the quote goes away.
cdef struct Quote:
    int64_t bid_ticks
    int64_t ask_ticks
    int64_t time_ns
    int64_t mid_twice

cdef struct QuoteRow:
    int64_t sequence
    Quote quote
    int64_t spare[3]

cdef struct PositionLimits:
    int64_t order_lots_max
    int64_t position_lots_max

cdef struct PositionLimitsRow:
    int64_t sequence
    PositionLimits limits
    int64_t spare

# `owner` packs tenant + 1 and reserved_for + 1, so that both are read as one word.
# `sequence` is odd while the engine changes the account's holdings, or died at it.
cdef struct AccountRow:
    int64_t owner
    int64_t ready
    int64_t shard
    int64_t sequence
    int64_t unvalued
    int64_t orders_seen
    int64_t spare[2]

# What is held and what is open, in lots, and what that contributed to the sums.
# The contributions are functions of the rest: see gate_exposure.
cdef struct Holding:
    int64_t strategy
    int64_t position
    int64_t open_buy
    int64_t open_sell
    int64_t buy_tick_lots
    int64_t sell_tick_lots
    int64_t open_value
    int64_t gross_value
    int64_t reserved_quote
    int64_t reserved_base
    int64_t unvalued
    int64_t spare

cdef struct AssetRow:
    int64_t total
    int64_t reserved

cdef struct Exposure:
    int64_t open_value
    int64_t gross_value

cdef struct SeenOrder:
    int64_t time_ns
    int64_t kind
    int64_t price_ticks
    int64_t quantity_lots
    int64_t earlier
