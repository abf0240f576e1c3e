"""What is asked of an order against its limits: size, position, open value, exposure, balance, rate, repetition.

Codes LIMIT_MISSING to DUPLICATE in their order. Scopes are asked from the
narrowest to the widest, so that the nearest limit names the reason.
"""

from libc.stdint cimport int64_t, uint64_t

from risk.gate_codes cimport (
    ASSET_UNITS, BALANCE, DUPLICATE, GROSS, LIMIT_MISSING, LOTS, MICRO_USDT, NANOSECONDS, NONE,
    OPEN_VALUE, ORDERS, OVERFLOW, POSITION, QUOTE_UNITS, RATE, SIZE_QUANTITY, SIZE_VALUE,
)
from risk.gate_filters cimport GateFilters, Order
from risk.gate_holdings cimport BUY, FITS, Holding, Move, worst_lots
from risk.gate_layout cimport (
    SEEN_CHAINS, SEEN_ORDERS, AssetRow, Limits, PositionLimits, PositionLimitsRow, ScopeRow, SeenOrder,
)
from risk.gate_table cimport (
    ACCOUNT, GLOBAL, ORDER, STRATEGY, TENANT, VALUE_MAX, rate_after_order, rate_interval_ns,
    rate_orders_taken,
)
from venues.shared_atomics cimport seqlock_read, shared_add, shared_load, shared_swap

cdef enum:
    # A try is lost only to another process that sends an order in the same nanoseconds.
    RACES_MAX = 1000


cdef class GateLimits(GateFilters):
    """The checks that need limits. Each returns 0 or the code that it noted."""

    cdef int read_limits(self) noexcept nogil:
        """Read all limits; refuse where one that will be asked is missing, or no whole row can be read."""
        cdef Order *o = &self.order
        cdef int[SUM_SCOPES] scopes = [ACCOUNT, STRATEGY, TENANT, GLOBAL]
        cdef int64_t[SUM_SCOPES] slots = [o.account, o.strategy, o.tenant, 0]
        cdef int number
        cdef PositionLimitsRow *row = &self.position_limits_rows[
            o.account * self.header.instruments + o.instrument
        ]
        if not seqlock_read(
            &row.sequence, <int64_t *>&row.limits, <int64_t *>&self.position_limits,
            sizeof(PositionLimits) // sizeof(int64_t),
        ) or self.position_limits.order_lots_max == 0 or self.position_limits.position_lots_max == 0:
            return self.refuse(LIMIT_MISSING, ACCOUNT, o.account, LOTS, 0, 0, 0, 0, 0, 0)
        for number in range(SUM_SCOPES):
            if not self.read_case(&self.cases[number], scopes[number], slots[number]):
                return self.refuse(
                    LIMIT_MISSING, scopes[number], slots[number], NONE, 0, 0, 0, 0, 0,
                    self.cases[number].limits.version,
                )
        return 0

    cdef bint read_case(self, Case *case, int scope, int64_t slot) noexcept nogil:
        """Read one scope's limits; return whether all that will be asked are there."""
        cdef ScopeRow *row = &self.scopes[self.row_of(scope, slot)]
        case.scope, case.slot = scope, slot
        return seqlock_read(
            &row.sequence, <int64_t *>&row.limits, <int64_t *>&case.limits,
            sizeof(Limits) // sizeof(int64_t),
        ) and (
            case.limits.order_value_max != 0
            and case.limits.open_value_max != 0
            and case.limits.gross_value_max != 0
            and (scope == GLOBAL or case.limits.orders_per_second_max != 0)
        )

    cdef int check_size(self) noexcept nogil:
        """Refuse an order that is too large by itself, unless it reduces risk."""
        cdef Order *o = &self.order
        cdef int64_t max = self.position_limits.order_lots_max - 1
        cdef Case *case
        cdef int number
        if self.reduces:
            return 0
        if o.lots > max:
            return self.refuse(SIZE_QUANTITY, ACCOUNT, o.account, LOTS, max, 0, 0, o.lots, o.lots, 0)
        for number in range(SUM_SCOPES):
            case = &self.cases[number]
            max = case.limits.order_value_max - 1
            if self.value > max:
                return self.refuse(
                    SIZE_VALUE, case.scope, case.slot, MICRO_USDT, max, 0, 0, self.value, self.value,
                    case.limits.version,
                )
        return 0

    cdef int plan_reservation(self) noexcept nogil:
        """Compute what accepting would change everywhere; refuse what does not fit the numbers."""
        cdef Order *o = &self.order
        cdef Move move = Move(<int>o.side, o.lots, self.tick_lots, 0)
        cdef Case *case
        cdef int number
        cdef const Holding *after
        cdef const Holding *before
        self.place.account, self.place.tenant = o.account, o.tenant
        self.place.strategy, self.place.instrument = o.strategy, o.instrument
        self.place.row = &self.accounts[o.account]
        self.place.own = self.holdings_at(o.account, o.instrument)
        self.place.part = self.part_of(o.account, o.instrument, o.strategy)
        if self.place.part == NULL or self.plan(&self.place, &self.definition, &move, &self.after) != FITS or (
            not self.sums_fit(&self.place, &self.definition, &self.after)
        ):
            return self.refuse(OVERFLOW, ORDER, 0, NONE, VALUE_MAX, 0, 0, 0, 0, 0)
        for number in range(SUM_SCOPES):
            case = &self.cases[number]
            after = &self.after.part if case.scope == STRATEGY else &self.after.own
            before = self.place.part if case.scope == STRATEGY else self.place.own
            case.open_change = after.open_value - before.open_value
            case.gross_change = after.gross_value - before.gross_value
        return 0

    cdef int check_position(self) noexcept nogil:
        """Refuse where fills of everything open could take the position, either way, beyond its limit."""
        cdef Holding *own = self.place.own
        cdef int64_t max = self.position_limits.position_lots_max - 1
        cdef int64_t worst = worst_lots(&self.after.own)
        if worst <= max:
            return 0
        return self.refuse(
            POSITION, ACCOUNT, self.order.account, LOTS, max, own.position,
            own.open_buy if self.order.side == BUY else own.open_sell, self.order.lots, worst, 0,
        )

    cdef int check_sums(self, bint reserved) noexcept nogil:
        """Ask every scope's open, then gross value; `reserved` where this order is in them already."""
        cdef int number
        for number in range(SUM_SCOPES):
            if self.check_open_value(&self.cases[number], reserved):
                return self.numbers.code
        for number in range(SUM_SCOPES):
            if self.check_gross_value(&self.cases[number], reserved):
                return self.numbers.code
        return 0

    cdef int check_open_value(self, const Case *case, bint reserved) noexcept nogil:
        """Refuse where the open orders of the scope would be worth more than its limit."""
        cdef int64_t max = case.limits.open_value_max - 1
        cdef int64_t others = self.total(case.scope, case.slot).open_value
        if reserved:
            others -= case.open_change
        if others + case.open_change <= max:
            return 0
        return self.refuse(
            OPEN_VALUE, case.scope, case.slot, MICRO_USDT, max, 0, others, case.open_change,
            others + case.open_change, case.limits.version,
        )

    cdef int check_gross_value(self, const Case *case, bint reserved) noexcept nogil:
        """Refuse where the worst-case positions of the scope would be worth more than its limit."""
        cdef int64_t max = case.limits.gross_value_max - 1
        cdef int64_t others = self.total(case.scope, case.slot).gross_value
        if reserved:
            others -= case.gross_change
        if others + case.gross_change <= max:
            return 0
        return self.refuse(
            GROSS, case.scope, case.slot, MICRO_USDT, max, others, 0, case.gross_change,
            others + case.gross_change, case.limits.version,
        )

    cdef int check_balance(self) noexcept nogil:
        """Refuse what the account could not pay for, fee included, or does not have to sell."""
        cdef bint buys = self.order.side == BUY
        cdef int64_t asset = self.definition.quote_asset if buys else self.definition.base_asset
        cdef AssetRow *row = &self.assets[self.order.account * self.header.assets + asset]
        cdef int64_t need = self.after.own.reserved_base - self.place.own.reserved_base
        if buys:
            need = self.after.own.reserved_quote - self.place.own.reserved_quote
        if need <= row.total - row.reserved:
            return 0
        return self.refuse(
            BALANCE, ACCOUNT, self.order.account, QUOTE_UNITS if buys else ASSET_UNITS, row.total, 0,
            row.reserved, need, row.reserved + need, self.definition.version,
        )

    # Orders per second.

    cdef int64_t *rate_word(self, const Case *case) noexcept nogil:
        """Return the scope's rate; people's orders share one among engines, so it changes by compare-and-swap."""
        return &self.scopes[self.row_of(case.scope, case.slot)].next_order_ns

    cdef int check_rates(self) noexcept nogil:
        """Refuse where a scope has sent its orders of this second."""
        cdef Case *case
        cdef int number
        for number in range(RATE_SCOPES):
            case = &self.cases[number]
            case.rate_before = shared_load(self.rate_word(case))
            case.rate_after = rate_after_order(
                case.rate_before, case.limits.orders_per_second_max - 1, self.order.now_ns
            )
            if case.rate_after == 0:
                return self.refuse_rate(case)
        return 0

    cdef int refuse_rate(self, const Case *case) noexcept nogil:
        """Refuse, with the count of orders that the scope's second holds."""
        cdef int64_t max = case.limits.orders_per_second_max - 1
        cdef int64_t taken = rate_orders_taken(case.rate_before, max, self.order.now_ns)
        return self.refuse(
            RATE, case.scope, case.slot, ORDERS, max, taken, 0, 1, taken + 1, case.limits.version
        )

    cdef int take_rates(self) noexcept nogil:
        """Take one order of each scope's second, or none of any."""
        cdef int number, races
        cdef Case *case
        for number in range(RATE_SCOPES):
            case = &self.cases[number]
            for races in range(RACES_MAX):
                if shared_swap(self.rate_word(case), case.rate_before, case.rate_after):
                    break
                case.rate_before = shared_load(self.rate_word(case))
                case.rate_after = rate_after_order(
                    case.rate_before, case.limits.orders_per_second_max - 1, self.order.now_ns
                )
                if case.rate_after == 0 or races == RACES_MAX - 1:
                    self.give_rates_back(number)
                    return self.refuse_rate(case)
        return 0

    cdef void give_rates_back(self, int count) noexcept nogil:
        """Give back what was taken of the first scopes."""
        cdef int number
        for number in range(count):
            shared_add(
                self.rate_word(&self.cases[number]),
                -rate_interval_ns(self.cases[number].limits.orders_per_second_max - 1),
            )

    # Orders that look like the same one again.

    cdef int64_t kind(self) noexcept nogil:
        """Return what must be equal beside price and quantity."""
        return self.order.strategy << 40 | self.order.instrument << 8 | self.order.side << 4 | self.order.type

    cdef int64_t chain(self) noexcept nogil:
        """Return which chain of the account's remembered orders such an order is in."""
        cdef uint64_t mixed = self.order.price_ticks * 31 + self.order.lots * 17 + self.kind()
        return <int64_t>((mixed * <uint64_t>0x9E3779B97F4A7C15) >> 58) % SEEN_CHAINS

    cdef int check_duplicate(self) noexcept nogil:
        """Refuse the same order again within the window, and more orders in it than can be remembered."""
        cdef Order *o = &self.order
        cdef int64_t window = self.header.duplicate_window_ns
        cdef int64_t seen = self.accounts[o.account].orders_seen
        cdef SeenOrder *orders = &self.seen_orders[o.account * SEEN_ORDERS]
        cdef SeenOrder *order
        cdef int64_t number = self.seen_chains[o.account * SEEN_CHAINS + self.chain()]
        cdef int64_t kind = self.kind()
        while number > seen - SEEN_ORDERS and number > 0:
            order = &orders[number % SEEN_ORDERS]
            if (
                order.price_ticks == o.price_ticks and order.quantity_lots == o.lots and order.kind == kind
                and -window < o.now_ns - order.time_ns < window
            ):
                return self.refuse(
                    DUPLICATE, ORDER, 0, NANOSECONDS, window, o.now_ns - order.time_ns, 0, 0, 0, 0
                )
            number = order.earlier
        order = &orders[(seen + 1) % SEEN_ORDERS]
        if seen >= SEEN_ORDERS and -window < o.now_ns - order.time_ns < window:
            return self.refuse(RATE, ACCOUNT, o.account, ORDERS, SEEN_ORDERS, SEEN_ORDERS, 0, 1, SEEN_ORDERS + 1, 0)
        return 0

    cdef void remember(self) noexcept nogil:
        """Remember the accepted order in the place of the oldest."""
        cdef int64_t number = self.accounts[self.order.account].orders_seen + 1
        cdef int64_t *chain = &self.seen_chains[self.order.account * SEEN_CHAINS + self.chain()]
        self.seen_orders[self.order.account * SEEN_ORDERS + number % SEEN_ORDERS] = SeenOrder(
            self.order.now_ns, self.kind(), self.order.price_ticks, self.order.lots, chain[0]
        )
        self.accounts[self.order.account].orders_seen = number
        chain[0] = number
