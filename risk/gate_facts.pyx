"""What the engine tells the gate: quotes, balances, positions, and what became of its orders."""

from libc.stdint cimport int64_t

from risk.gate_holdings cimport BUY, SELL, GateHoldings, Move, Place, Settlement
from risk.gate_layout cimport HOLDINGS, AssetRow, Definition, Holding, Quote, QuoteRow
from risk.gate_table cimport ACCOUNT, INSTRUMENT, NUMBER_MAX, UNITS_MAX, VALUE_MAX, owner_strategy, owner_tenant, scaled_up
from venues.shared_atomics cimport seqlock_begin, seqlock_end, seqlock_write

from risk.gate_table import GateError


cdef class GateFacts(GateHoldings):
    """The facts of one engine. None of them is asked about limits: they have happened."""

    def set_quote(self, int64_t instrument, int64_t bid_ticks, int64_t ask_ticks, int64_t now_ns):
        """Set the best bid and ask as this shard sees them; 0 where a side is empty."""
        self.need(INSTRUMENT, instrument)
        cdef QuoteRow *row = self.quote_at(instrument)
        cdef Quote quote = row.quote
        cdef bint first = quote.mid_twice == 0
        quote.bid_ticks = bid_ticks if 0 < bid_ticks <= NUMBER_MAX else 0
        quote.ask_ticks = ask_ticks if 0 < ask_ticks <= NUMBER_MAX else 0
        quote.time_ns = now_ns
        if 0 < quote.bid_ticks < quote.ask_ticks:
            quote.mid_twice = quote.bid_ticks + quote.ask_ticks
        seqlock_write(
            &row.sequence, <int64_t *>&row.quote, <int64_t *>&quote, sizeof(Quote) // sizeof(int64_t)
        )
        if first and quote.mid_twice > 0:
            self.revalue_holders(instrument)

    cdef int revalue_holders(self, int64_t instrument) except -1:
        """Value what was held before there was any price."""
        cdef int64_t account
        for account in range(self.header.accounts):
            if self.accounts[account].unvalued and self.accounts[account].shard == self.shard + 1:
                self.revalue(account, instrument)
        return 0

    def revalue_account(self, int64_t account):
        """Value the account's holdings at the present mids; between orders they stand at older ones."""
        self.need(ACCOUNT, account)
        cdef int64_t instrument
        if not self.claim(account):
            raise GateError(f"account {account} belongs to another shard")
        for instrument in range(self.header.instruments_used):
            self.revalue(account, instrument)

    cdef int revalue(self, int64_t account, int64_t instrument) except -1:
        """Value the account's and its strategies' holdings in one instrument."""
        cdef Holding *held = self.holdings_at(account, instrument)
        cdef int64_t tenant = owner_tenant(self.accounts[account].owner)
        cdef Move nothing = Move(BUY, 0, 0, 0)
        cdef int number
        if held.strategy == 0:
            return 0
        for number in range(1, HOLDINGS):
            if held[number].strategy:
                self.apply(tenant, account, held[number].strategy - 1, instrument, &nothing)
        return 0

    def set_total(self, int64_t account, int64_t asset, int64_t units):
        """Set what the account holds of the asset, free and reserved together."""
        cdef AssetRow *row = self.asset_at(account, asset)
        if not -UNITS_MAX <= units <= UNITS_MAX:
            raise GateError(f"{units} units do not fit")
        if not self.claim(account):
            raise GateError(f"account {account} belongs to another shard")
        seqlock_begin(&self.accounts[account].sequence)
        row.total = units
        seqlock_end(&self.accounts[account].sequence)

    def set_position(self, int64_t account, int64_t instrument, int64_t lots, int64_t strategy=-1):
        """Set the account's position; the change counts for the strategy, or the one that owns it, or manual."""
        self.need(ACCOUNT, account)
        self.need(INSTRUMENT, instrument)
        cdef int64_t owner = self.accounts[account].owner
        cdef Move move = Move(BUY, 0, 0, 0)
        if not -NUMBER_MAX <= lots <= NUMBER_MAX:
            raise GateError(f"{lots} lots do not fit")
        if strategy < 0:
            strategy = max(owner_strategy(owner), 0)
        move.position_lots = lots - self.holdings_at(account, instrument).position
        self.apply(owner_tenant(owner), account, strategy, instrument, &move)

    # The order's way, after the check.

    def reserve(
        self, int64_t tenant, int64_t account, int64_t strategy, int64_t instrument, int side,
        int64_t reserved_ticks, int64_t lots,
    ):
        """Count an open order without asking any limit: recovery, and orders that are not ours."""
        check_amounts(side, reserved_ticks, lots)
        cdef Move move = Move(side, lots, reserved_ticks * lots, 0)
        self.apply(tenant, account, strategy, instrument, &move)

    def release(
        self, int64_t tenant, int64_t account, int64_t strategy, int64_t instrument, int side,
        int64_t reserved_ticks, int64_t lots,
    ):
        """Give back what is left of an order, once the exchange said that it is over."""
        check_amounts(side, reserved_ticks, lots)
        cdef Move move = Move(side, -lots, -reserved_ticks * lots, 0)
        self.apply(tenant, account, strategy, instrument, &move)

    def fill(
        self, int64_t tenant, int64_t account, int64_t strategy, int64_t instrument, int side,
        int64_t reserved_ticks, int64_t fill_ticks, int64_t lots, int64_t fee_asset, int64_t fee_units,
    ):
        """Move lots from the open orders into the position, and the assets with them.

        `reserved_ticks` 0 means that nothing was reserved: a late or a foreign fill.
        `fee_asset` -1 means that there is no fee.
        """
        check_amounts(side, reserved_ticks if reserved_ticks else fill_ticks, lots)
        check_amounts(side, fill_ticks, lots)
        cdef Definition definition
        cdef Place place
        cdef Settlement settlement
        cdef int sign = 1 if side == BUY else -1
        cdef Move move = Move(side, 0, 0, sign * lots)
        if reserved_ticks:
            move.open_lots, move.open_tick_lots = -lots, -reserved_ticks * lots
        self.locate(&place, &definition, tenant, account, strategy, instrument)
        self.settle(&settlement, &place, &definition, sign * lots, fill_ticks, fee_asset, fee_units)
        self.apply(tenant, account, strategy, instrument, &move)
        seqlock_begin(&place.row.sequence)
        settlement.base.total = settlement.base_total
        settlement.quote.total = settlement.quote_total
        if fee_asset >= 0:
            settlement.fee.total = settlement.fee_total
        seqlock_end(&place.row.sequence)

    cdef int settle(
        self, Settlement *out, const Place *place, const Definition *definition, int64_t bought_lots,
        int64_t ticks, int64_t fee_asset, int64_t fee_units,
    ) except -1:
        """Compute the assets' totals after a fill; the fee may be in the base, the quote or a third asset."""
        cdef int64_t base_units = 0, quote_units = 0
        cdef int64_t lots = abs(bought_lots)
        cdef int sign = 1 if bought_lots > 0 else -1
        if scaled_up(lots, definition.base_units_per_lot, 1, 1, UNITS_MAX // 2, &base_units) or scaled_up(
            lots, ticks, definition.quote_units_per_tick_lot, 1, UNITS_MAX // 2, &quote_units
        ) or not 0 <= fee_units <= UNITS_MAX // 2:
            raise GateError("the fill or its fee does not fit")
        out.base = self.asset_at(place.account, definition.base_asset)
        out.quote = self.asset_at(place.account, definition.quote_asset)
        out.base_total = out.base.total + sign * base_units
        out.quote_total = out.quote.total - sign * quote_units
        refuse_large(out.base_total)
        refuse_large(out.quote_total)
        if fee_asset < 0:
            return 0
        out.fee = self.asset_at(place.account, fee_asset)
        out.fee_total = out.fee.total - fee_units
        if out.fee == out.base:
            out.fee_total = out.base_total - fee_units
        elif out.fee == out.quote:
            out.fee_total = out.quote_total - fee_units
        return refuse_large(out.fee_total)


cdef int check_amounts(int side, int64_t ticks, int64_t lots) except -1:
    """Raise GateError on what can be no order or fill."""
    if side not in (BUY, SELL) or not 0 < ticks <= NUMBER_MAX or not 0 < lots <= VALUE_MAX // ticks:
        raise GateError(f"side {side}, {ticks} ticks, {lots} lots is no order")
    return 0


cdef int refuse_large(int64_t units) except -1:
    """Raise GateError on a total that does not fit."""
    if not -UNITS_MAX <= units <= UNITS_MAX:
        raise GateError(f"a total of {units} units does not fit")
    return 0
