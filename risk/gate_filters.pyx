"""What is asked of an order before any limit: states, permission, the exchange's filters, the market.

Codes KILL to COLLAR in their order; `gate_limits` goes on from there.
"""

from libc.stdint cimport int64_t

from risk.gate_codes cimport (
    COLLAR, FIELD, KILL, LIMIT, LIMIT_MAKER, LOT, LOTS, MARKET, NANOSECONDS, NONE, NOTIONAL, OVERFLOW,
    PRICE_FILTER, QUOTE_UNITS, RECON, REDUCE, REF, RESTRICT, STATUS, TICKS, UNKNOWN_ACCOUNT,
    UNKNOWN_INSTRUMENT,
)
from risk.gate_facts cimport GateFacts
from risk.gate_holdings cimport BUY, SELL
from risk.gate_layout cimport AccountRow, Definition, Holding, Quote, QuoteRow
from risk.gate_table cimport (
    ACCOUNT, ACTIVE, INSTRUMENT, NUMBER_MAX, ORDER, REDUCING, STRATEGY, TENANT, VALUE_MAX,
    collar_above, collar_below, owner_strategy, owner_tenant, scaled_up,
)
from venues.shared_atomics cimport seqlock_read, shared_load


cdef class GateFilters(GateFacts):
    """The order at hand and the checks that need no limit. Each returns 0 or the code that it noted."""

    cdef int refuse(
        self, int code, int scope, int64_t slot, int unit, int64_t limit, int64_t current, int64_t reserved,
        int64_t requested, int64_t would_be, int64_t version,
    ) noexcept nogil:
        """Note the numbers and return the code."""
        self.numbers = Numbers(
            code, scope, slot, limit, current, reserved, requested, would_be, unit, version
        )
        return code

    # Control state.

    cdef int check_slots(self) noexcept nogil:
        """Refuse slots that do not exist, since nothing could be read of them."""
        cdef Order *o = &self.order
        if self.row_of(ACCOUNT, o.account) < 0:
            return self.refuse(UNKNOWN_ACCOUNT, ACCOUNT, o.account, NONE, 0, 0, 0, 0, 0, 0)
        if self.row_of(INSTRUMENT, o.instrument) < 0:
            return self.refuse(UNKNOWN_INSTRUMENT, INSTRUMENT, o.instrument, NONE, 0, 0, 0, 0, 0, 0)
        return 0

    cdef int check_states(self) noexcept nogil:
        """Refuse what is halted or of unknown state, and what does not reduce where only that is allowed."""
        cdef Order *o = &self.order
        cdef int64_t[5] slots = [0, o.tenant, o.account, o.strategy, o.instrument]
        cdef int64_t state
        cdef int scope, reducing = -1
        for scope in range(5):
            state = self.state_of(scope, slots[scope])
            if state == REDUCING and reducing < 0:
                reducing = scope
            elif state != ACTIVE and state != REDUCING:
                return self.refuse(KILL, scope, slots[scope], NONE, ACTIVE, state, 0, 0, 0, 0)
        cdef Holding *held = self.holdings_at(o.account, o.instrument)
        self.reduces = self.is_reducing_order()
        if reducing < 0 or self.reduces:
            return 0
        return self.refuse(
            REDUCE, reducing, slots[reducing], LOTS, 0, held.position,
            held.open_sell if o.side == SELL else held.open_buy, o.lots,
            held.position - held.open_sell - o.lots if o.side == SELL
            else held.position + held.open_buy + o.lots, 0,
        )

    cdef bint is_reducing_order(self) noexcept nogil:
        """Return whether the order, with all that is open on its side, brings the position at most to zero."""
        cdef Holding *held = self.holdings_at(self.order.account, self.order.instrument)
        if self.order.side == SELL:
            return held.position > 0 and held.position - held.open_sell >= self.order.lots
        return self.order.side == BUY and held.position < 0 and (
            -held.position - held.open_buy >= self.order.lots
        )

    cdef int check_account(self) noexcept nogil:
        """Refuse accounts that are not reconciled, not ours to write, or not this tenant's or strategy's."""
        cdef Order *o = &self.order
        cdef AccountRow *row = &self.accounts[o.account]
        cdef int64_t owner = shared_load(&row.owner)
        cdef int64_t tenant = owner_tenant(owner), reserved_for = owner_strategy(owner)
        if not shared_load(&row.ready) or not self.claim(o.account):
            return self.refuse(RECON, ACCOUNT, o.account, NONE, 0, row.shard - 1, 0, 0, 0, 0)
        if tenant != o.tenant:
            return self.refuse(RESTRICT, TENANT, o.tenant, NONE, tenant, 0, 0, 0, 0, 0)
        if reserved_for != -1 and reserved_for != o.strategy:
            return self.refuse(RESTRICT, STRATEGY, o.strategy, NONE, reserved_for, 0, 0, 0, 0, 0)
        return 0

    # Syntax and the exchange's filters.

    cdef int check_fields(self) noexcept nogil:
        """Refuse an instrument that does not trade, and what is no order."""
        cdef Order *o = &self.order
        if not self.read_definition(o.instrument, &self.definition) or not self.definition.trading:
            return self.refuse(STATUS, INSTRUMENT, o.instrument, NONE, 0, 0, 0, 0, 0, 0)
        if o.side not in (BUY, SELL) or o.type not in (LIMIT, MARKET, LIMIT_MAKER) or o.lots <= 0:
            return self.refuse(FIELD, ORDER, 0, LOTS, 1, 0, 0, o.lots, o.lots, self.definition.version)
        if (o.price_ticks != 0 if o.type == MARKET else o.price_ticks <= 0):
            return self.refuse(
                FIELD, ORDER, 0, TICKS, 0, 0, 0, o.price_ticks, o.price_ticks, self.definition.version
            )
        if not o.fits:
            return self.refuse(OVERFLOW, ORDER, 0, NONE, NUMBER_MAX, 0, 0, 0, 0, self.definition.version)
        return 0

    cdef int check_price(self) noexcept nogil:
        """Refuse a limit price outside of the price filter; 0 switches a bound off."""
        cdef Definition *d = &self.definition
        cdef int64_t price = self.order.price_ticks
        cdef int64_t broken = -1
        if self.order.type == MARKET:
            return 0
        if price < d.price_min_ticks:
            broken = d.price_min_ticks
        elif 0 < d.price_max_ticks < price:
            broken = d.price_max_ticks
        elif price % d.price_step_ticks:
            broken = d.price_step_ticks
        if broken < 0:
            return 0
        return self.refuse(
            PRICE_FILTER, INSTRUMENT, self.order.instrument, TICKS, broken, 0, 0, price, price, d.version
        )

    cdef int check_quantity(self) noexcept nogil:
        """Refuse a quantity outside of the lot filters; 0 switches a bound off."""
        cdef Definition *d = &self.definition
        cdef int64_t lots = self.order.lots
        cdef int64_t broken = -1
        if lots < d.quantity_min_lots:
            broken = d.quantity_min_lots
        elif 0 < d.quantity_max_lots < lots:
            broken = d.quantity_max_lots
        elif lots % d.quantity_step_lots:
            broken = d.quantity_step_lots
        elif self.order.type == MARKET and 0 < d.market_quantity_max_lots < lots:
            broken = d.market_quantity_max_lots
        if broken < 0:
            return 0
        return self.refuse(LOT, INSTRUMENT, self.order.instrument, LOTS, broken, 0, 0, lots, lots, d.version)

    cdef int check_notional(self) noexcept nogil:
        """Value the order and refuse one below the exchange's minimum.

        A market order is valued at the worst price that the collar would let it
        reach. Without a quote there is none, and the next check refuses.
        """
        cdef Definition *d = &self.definition
        cdef QuoteRow *row = self.quote_at(self.order.instrument)
        cdef int64_t units = 0
        if not seqlock_read(
            &row.sequence, <int64_t *>&row.quote, <int64_t *>&self.quote, sizeof(Quote) // sizeof(int64_t)
        ):
            self.quote.bid_ticks = self.quote.ask_ticks = 0
        self.ticks = self.order.price_ticks
        if self.order.type == MARKET:
            self.ticks = self.collar_ticks()
        if self.ticks == 0:
            return 0
        if scaled_up(self.ticks, self.order.lots, 1, 1, VALUE_MAX, &self.tick_lots) or scaled_up(
            self.tick_lots, 1, d.value_numerator, d.value_denominator, VALUE_MAX, &self.value
        ) or scaled_up(self.tick_lots, d.quote_units_per_tick_lot, 1, 1, VALUE_MAX, &units):
            return self.refuse(OVERFLOW, ORDER, 0, NONE, VALUE_MAX, 0, 0, 0, 0, d.version)
        if units >= d.notional_min_units:
            return 0
        return self.refuse(
            NOTIONAL, INSTRUMENT, self.order.instrument, QUOTE_UNITS, d.notional_min_units, 0, 0, units,
            units, d.version,
        )

    # Price sanity.

    cdef int64_t collar_ticks(self) noexcept nogil:
        """Return the worst price that the collar allows the order's side, 0 without a quote."""
        if self.quote.bid_ticks <= 0 or self.quote.ask_ticks <= 0:
            return 0
        if self.order.side == BUY:
            return collar_above(self.quote.ask_ticks, self.definition.collar_bps)
        return collar_below(self.quote.bid_ticks, self.definition.collar_bps)

    cdef int check_market(self) noexcept nogil:
        """Refuse without a whole, fresh quote, and a price beyond the collar on the side where it hurts."""
        cdef Order *o = &self.order
        cdef Quote *q = &self.quote
        cdef Definition *d = &self.definition
        cdef int64_t age = o.now_ns - q.time_ns
        cdef int64_t worst = self.collar_ticks()
        if worst == 0 or q.bid_ticks >= q.ask_ticks:
            return self.refuse(
                REF, INSTRUMENT, o.instrument, TICKS, 0, q.bid_ticks, 0, q.ask_ticks, 0, d.version
            )
        # A quote from the future was stamped by a clock that was set back since: nobody knows its age.
        if age > d.quote_age_max_ns or age < -d.quote_age_max_ns:
            return self.refuse(
                REF, INSTRUMENT, o.instrument, NANOSECONDS, d.quote_age_max_ns, age, 0, 0, age, d.version
            )
        if (o.side == BUY and self.ticks > worst) or (o.side == SELL and self.ticks < worst):
            return self.refuse(
                COLLAR, INSTRUMENT, o.instrument, TICKS, worst, 0, 0, self.ticks, self.ticks, d.version
            )
        # What was never valued is missing in every gross sum.
        cdef int64_t unvalued = self.accounts[o.account].unvalued
        if self.reduces or unvalued <= self.holdings_at(o.account, o.instrument).unvalued:
            return 0
        return self.refuse(REF, ACCOUNT, o.account, NONE, 0, unvalued, 0, 0, 0, d.version)
