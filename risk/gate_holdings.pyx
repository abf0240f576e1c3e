"""What is held and open, and how it adds up in every scope.

A holding knows its lots and, for its open orders, the sum of price × lots on each
side. What it contributes to values, reservations and exposure is a function of
these alone, rounded up once, and is stored beside them; a change adds the
difference of new and old to the sums. So no sequence of partial fills and
releases can leave a residue: when the last lot is gone, the sum of price × lots is
zero and every contribution with it, whatever the rounding, the mark or the
definition were in between.

Each account has one writer, the engine whose shard claimed it. Its sums are kept
per shard, so that those of an engine that died can be rebuilt from its holdings.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from risk.gate_layout cimport (
    HOLDINGS, SEEN_CHAINS, AccountRow, AssetRow, Definition, Exposure, Holding,
)
from risk.gate_table cimport (
    ACCOUNT, BPS, GLOBAL, INSTRUMENT, STRATEGY, TENANT, UNITS_MAX, VALUE_MAX, GateTable, owner_tenant,
    scaled_up, worst_position,
)
from venues.shared_atomics cimport (
    seqlock_begin, seqlock_end, seqlock_read, shared_add, shared_load_ordered, shared_store, shared_swap,
)

from risk.gate_table import GateError


cdef class GateHoldings(GateTable):
    """Holdings and the sums over them: each change is computed whole before anything is written."""

    cdef AssetRow *asset_at(self, int64_t account, int64_t asset) except NULL:
        """Return what the account has of the asset; raise GateError where there is no such slot."""
        self.need(ACCOUNT, account)
        if not 0 <= asset < self.header.assets:
            raise GateError(f"there is no asset slot {asset}")
        return &self.assets[account * self.header.assets + asset]

    # One change of one holding.

    cdef bint claim(self, int64_t account) noexcept nogil:
        """Make this shard the account's one writer; False where another shard is."""
        cdef int64_t *shard = &self.accounts[account].shard
        if shard[0] == self.shard + 1:
            return True
        return shared_swap(shard, 0, self.shard + 1)

    cdef Holding *part_of(self, int64_t account, int64_t instrument, int64_t strategy) noexcept nogil:
        """Return the strategy's holding, or one that nobody needs; NULL where all are in use."""
        cdef Holding *held = self.holdings_at(account, instrument)
        cdef Holding *unused = NULL
        cdef int number
        for number in range(1, HOLDINGS):
            if held[number].strategy == strategy + 1:
                return &held[number]
            if unused == NULL and not (held[number].position or held[number].open_buy or held[number].open_sell):
                unused = &held[number]
        return unused

    cdef int locate(
        self, Place *place, Definition *definition, int64_t tenant, int64_t account, int64_t strategy,
        int64_t instrument,
    ) except -1:
        """Find the rows that an order changes; raise GateError where one is missing or not ours to change."""
        self.need(ACCOUNT, account)
        self.need(STRATEGY, strategy)
        self.need(INSTRUMENT, instrument)
        if owner_tenant(self.accounts[account].owner) != tenant or tenant < 0:
            raise GateError(f"account {account} is not tenant {tenant}'s")
        if not self.claim(account):
            raise GateError(f"account {account} belongs to another shard")
        if not self.read_definition(instrument, definition):
            raise GateError(f"instrument {instrument} is not defined")
        place.account, place.tenant, place.strategy, place.instrument = account, tenant, strategy, instrument
        place.row = &self.accounts[account]
        place.own = self.holdings_at(account, instrument)
        place.part = self.part_of(account, instrument, strategy)
        if place.part == NULL:
            raise GateError(f"more than {HOLDINGS - 1} strategies hold instrument {instrument}")
        return 0

    cdef int apply(
        self, int64_t tenant, int64_t account, int64_t strategy, int64_t instrument, const Move *move
    ) except -1:
        """Make a change that no limit is asked about; raises GateError and changes nothing where it cannot be."""
        cdef Definition definition
        cdef Place place
        cdef Plan plan
        self.locate(&place, &definition, tenant, account, strategy, instrument)
        cdef int verdict = self.plan(&place, &definition, move, &plan)
        if verdict == BROKEN:
            raise GateError(f"account {account} has not so much reserved in instrument {instrument}")
        if verdict == TOO_LARGE or not self.sums_fit(&place, &definition, &plan):
            raise GateError("the change does not fit")
        self.commit(&place, &definition, &plan)
        return 0

    cdef int plan(
        self, const Place *place, const Definition *definition, const Move *move, Plan *plan
    ) noexcept nogil:
        """Compute both holdings as they would be; return FITS, TOO_LARGE or BROKEN."""
        cdef int64_t mid_twice = self.quote_at(place.instrument).quote.mid_twice
        cdef int verdict
        plan.own, plan.part = place.own[0], place.part[0]
        plan.own.strategy, plan.part.strategy = 1, place.strategy + 1
        verdict = shift(&plan.own, move)
        if verdict == FITS:
            verdict = shift(&plan.part, move)
        if verdict == FITS:
            verdict = weigh(&plan.own, definition, mid_twice) or reserve_assets(&plan.own, definition)
        return verdict or weigh(&plan.part, definition, mid_twice)

    cdef bint sums_fit(
        self, const Place *place, const Definition *definition, const Plan *plan
    ) noexcept nogil:
        """Return whether every sum still fits after the plan; the host's sum is the largest of its kind."""
        cdef Exposure *host = self.exposure_at(GLOBAL, 0)
        cdef Exposure *strategy = self.exposure_at(STRATEGY, place.strategy)
        cdef AssetRow *assets = &self.assets[place.account * self.header.assets]
        return (
            host.open_value + plan.own.open_value - place.own.open_value <= VALUE_MAX
            and host.gross_value + plan.own.gross_value - place.own.gross_value <= VALUE_MAX
            and strategy.open_value + plan.part.open_value - place.part.open_value <= VALUE_MAX
            and strategy.gross_value + plan.part.gross_value - place.part.gross_value <= VALUE_MAX
            and plan.own.reserved_quote - place.own.reserved_quote
            <= UNITS_MAX - assets[definition.quote_asset].reserved
            and plan.own.reserved_base - place.own.reserved_base
            <= UNITS_MAX - assets[definition.base_asset].reserved
        )

    cdef void commit(self, const Place *place, const Definition *definition, const Plan *plan) noexcept nogil:
        """Write the plan. If we die within, the odd sequence tells the next engine to rebuild the sums."""
        cdef int64_t open_value = plan.own.open_value - place.own.open_value
        cdef int64_t gross_value = plan.own.gross_value - place.own.gross_value
        cdef AssetRow *assets = &self.assets[place.account * self.header.assets]
        seqlock_begin(&place.row.sequence)
        self.add_exposure(ACCOUNT, place.account, self.shard, open_value, gross_value)
        self.add_exposure(TENANT, place.tenant, self.shard, open_value, gross_value)
        self.add_exposure(GLOBAL, 0, self.shard, open_value, gross_value)
        self.add_exposure(
            STRATEGY, place.strategy, self.shard, plan.part.open_value - place.part.open_value,
            plan.part.gross_value - place.part.gross_value,
        )
        assets[definition.quote_asset].reserved += plan.own.reserved_quote - place.own.reserved_quote
        assets[definition.base_asset].reserved += plan.own.reserved_base - place.own.reserved_base
        place.row.unvalued += plan.own.unvalued - place.own.unvalued
        place.own[0], place.part[0] = plan.own, plan.part
        seqlock_end(&place.row.sequence)

    # Sums.

    cdef Exposure *exposure_at(self, int scope, int64_t slot) noexcept nogil:
        """Return this shard's part of a scope's sums; the other shards' lie around it."""
        return &self.exposures[self.row_of(scope, slot) * self.header.shards + self.shard]

    cdef Exposure total(self, int scope, int64_t slot) noexcept nogil:
        """Return a scope's sums over all shards."""
        cdef Exposure *row = &self.exposures[self.row_of(scope, slot) * self.header.shards]
        cdef Exposure total = Exposure(0, 0)
        cdef int64_t shard
        for shard in range(shared_load_ordered(&self.header.shards_used)):
            total.open_value += shared_load_ordered(&row[shard].open_value)
            total.gross_value += shared_load_ordered(&row[shard].gross_value)
        return total

    cdef void add_exposure(
        self, int scope, int64_t slot, int64_t shard, int64_t open_value, int64_t gross_value
    ) noexcept nogil:
        """Add to a shard's part of a scope's sums."""
        cdef int64_t number = self.row_of(scope, slot)
        if number < 0:
            return
        cdef Exposure *row = &self.exposures[number * self.header.shards + shard]
        if open_value:
            shared_add(&row.open_value, open_value)
        if gross_value:
            shared_add(&row.gross_value, gross_value)

    # Recovery.

    def reset_account(self, int64_t account):
        """Forget the account's positions, reservations, totals and orders seen, and take over its writing.

        It is not ready afterwards. Where its last writer died within a change,
        that shard's sums are rebuilt from the holdings. The writer must be dead.
        """
        self.need(ACCOUNT, account)
        cdef AccountRow *row = &self.accounts[account]
        cdef int64_t shard = row.shard - 1 if row.shard else self.shard
        cdef bint died_within = row.sequence & 1
        shared_store(&row.ready, 0)
        seqlock_begin(&row.sequence)
        if not died_within:
            self.take_out(account, shard)
        self.clear(account)
        if died_within:
            self.rebuild(shard)
        shared_store(&row.shard, self.shard + 1)
        seqlock_end(&row.sequence)

    def reset_shard(self):
        """Reset every account of this shard and rebuild its sums: the start of an engine that trusts nothing."""
        cdef int64_t account
        for account in range(self.count_of(ACCOUNT)):
            if self.accounts[account].shard == self.shard + 1:
                self.reset_account(account)
        self.need(GLOBAL, 0)
        self.rebuild(self.shard)

    cdef void take_out(self, int64_t account, int64_t shard) noexcept nogil:
        """Take what the account's holdings contributed out of the shard's sums."""
        cdef Holding *held
        cdef int64_t instrument, tenant = owner_tenant(self.accounts[account].owner)
        cdef int number
        for instrument in range(self.header.instruments_used):
            held = self.holdings_at(account, instrument)
            if held.strategy == 0:
                continue
            self.add_exposure(ACCOUNT, account, shard, -held.open_value, -held.gross_value)
            self.add_exposure(TENANT, tenant, shard, -held.open_value, -held.gross_value)
            self.add_exposure(GLOBAL, 0, shard, -held.open_value, -held.gross_value)
            for number in range(1, HOLDINGS):
                if held[number].strategy:
                    self.add_exposure(
                        STRATEGY, held[number].strategy - 1, shard, -held[number].open_value,
                        -held[number].gross_value,
                    )

    cdef void clear(self, int64_t account) noexcept nogil:
        """Zero what the account holds; only rows that were ever written are touched."""
        cdef int64_t instrument
        for instrument in range(self.header.instruments_used):
            if self.holdings_at(account, instrument).strategy:
                memset(self.holdings_at(account, instrument), 0, HOLDINGS * sizeof(Holding))
        memset(&self.assets[account * self.header.assets], 0, self.header.assets * sizeof(AssetRow))
        memset(&self.seen_chains[account * SEEN_CHAINS], 0, SEEN_CHAINS * sizeof(int64_t))
        self.accounts[account].unvalued = 0
        self.accounts[account].orders_seen = 0

    cdef int rebuild(self, int64_t shard) except -1:
        """Add the shard's sums up anew from the holdings of its accounts.

        They are added up aside and stored at the end, so that the host's sums,
        which other engines ask about, are never short in between.
        """
        cdef int64_t rows = self.first_scope[INSTRUMENT]
        cdef int64_t row, account, instrument
        cdef Exposure *sums = <Exposure *>calloc(rows, sizeof(Exposure))
        if sums == NULL:
            raise MemoryError
        for account in range(self.header.accounts):
            if self.accounts[account].shard != shard + 1:
                continue
            for instrument in range(self.header.instruments_used):
                self.add_up(sums, account, instrument)
        for row in range(rows):
            shared_store(&self.exposures[row * self.header.shards + shard].open_value, sums[row].open_value)
            shared_store(&self.exposures[row * self.header.shards + shard].gross_value, sums[row].gross_value)
        free(sums)
        return 0

    cdef void add_up(self, Exposure *sums, int64_t account, int64_t instrument) noexcept nogil:
        """Add one account's holdings in one instrument to the sums by row."""
        cdef Holding *held = self.holdings_at(account, instrument)
        cdef int64_t tenant = owner_tenant(self.accounts[account].owner)
        cdef int number
        if held.strategy == 0:
            return
        add_to(&sums[self.row_of(ACCOUNT, account)], held)
        add_to(&sums[self.row_of(TENANT, tenant)], held)
        add_to(&sums[self.row_of(GLOBAL, 0)], held)
        for number in range(1, HOLDINGS):
            if held[number].strategy:
                add_to(&sums[self.row_of(STRATEGY, held[number].strategy - 1)], &held[number])

    # Reads, from any process.

    def position(self, int64_t account, int64_t instrument):
        """Return (lots, open buy lots, open sell lots); raises GateError where its writer died in a change."""
        self.need(ACCOUNT, account)
        self.need(INSTRUMENT, instrument)
        cdef Holding held
        if not seqlock_read(
            &self.accounts[account].sequence, <int64_t *>self.holdings_at(account, instrument),
            <int64_t *>&held, sizeof(Holding) // sizeof(int64_t),
        ):
            raise GateError(f"account {account} waits for its recovery")
        return held.position, held.open_buy, held.open_sell

    def asset(self, int64_t account, int64_t asset):
        """Return (total, reserved) units of the asset. Raises GateError as `position` does."""
        cdef AssetRow held
        if not seqlock_read(
            &self.accounts[account if 0 <= account < self.count_of(ACCOUNT) else 0].sequence,
            <int64_t *>self.asset_at(account, asset), <int64_t *>&held, sizeof(AssetRow) // sizeof(int64_t),
        ):
            raise GateError(f"account {account} waits for its recovery")
        return held.total, held.reserved

    def exposure(self, int scope, int64_t slot):
        """Return (open orders' value, worst-case positions' value) in micro-USDT, over all shards."""
        self.need(scope, slot)
        if scope == INSTRUMENT:
            raise GateError("instruments have no sums")
        cdef Exposure total = self.total(scope, slot)
        return total.open_value, total.gross_value


cdef int shift(Holding *held, const Move *move) noexcept nogil:
    """Move the lots; return BROKEN where more would leave than is there."""
    held.position += move.position_lots
    if move.side == BUY:
        held.open_buy += move.open_lots
        held.buy_tick_lots += move.open_tick_lots
    else:
        held.open_sell += move.open_lots
        held.sell_tick_lots += move.open_tick_lots
    # Orders without lots have no price × lots either, or somebody gave back at another price.
    if held.open_buy < 0 or held.buy_tick_lots < 0 or (held.open_buy == 0) != (held.buy_tick_lots == 0):
        return BROKEN
    if held.open_sell < 0 or held.sell_tick_lots < 0 or (held.open_sell == 0) != (held.sell_tick_lots == 0):
        return BROKEN
    if held.buy_tick_lots > VALUE_MAX or held.sell_tick_lots > VALUE_MAX:
        return TOO_LARGE
    return FITS if -VALUE_MAX <= held.position <= VALUE_MAX else TOO_LARGE


cdef int weigh(Holding *held, const Definition *definition, int64_t mid_twice) noexcept nogil:
    """Value open orders at their prices and the worst-case position at the mid; return 1 where it does not fit."""
    cdef int64_t worst = worst_lots(held)
    cdef int64_t numerator = definition.value_numerator
    cdef int64_t denominator = definition.value_denominator
    held.unvalued = worst != 0 and mid_twice == 0
    return scaled_up(
        held.buy_tick_lots + held.sell_tick_lots, 1, numerator, denominator, VALUE_MAX, &held.open_value
    ) or scaled_up(worst, mid_twice, numerator, 2 * denominator, VALUE_MAX, &held.gross_value)


cdef int reserve_assets(Holding *held, const Definition *definition) noexcept nogil:
    """Compute what the open orders may take: quote and fee for buys, base for sells; return 1 if too large."""
    cdef int64_t fee = 0
    if scaled_up(
        held.buy_tick_lots, definition.quote_units_per_tick_lot, 1, 1, UNITS_MAX // 2, &held.reserved_quote
    ) or scaled_up(held.reserved_quote, definition.fee_bps, 1, BPS, UNITS_MAX // 2, &fee):
        return TOO_LARGE
    held.reserved_quote += fee
    return scaled_up(held.open_sell, definition.base_units_per_lot, 1, 1, UNITS_MAX, &held.reserved_base)


cdef int64_t worst_lots(const Holding *held) noexcept nogil:
    """Return the largest position, either way, that fills of the open orders could lead to."""
    return worst_position(held.position, held.open_buy, held.open_sell)


cdef void add_to(Exposure *sum, const Holding *held) noexcept nogil:
    """Add what a holding contributes."""
    sum.open_value += held.open_value
    sum.gross_value += held.gross_value
