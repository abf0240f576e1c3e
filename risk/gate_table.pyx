"""The mapped table under the gate: where each row is, who may write it, and how it is read whole.

Definitions and limits belong to the control plane, whose writers keep each other
out with a lock on the file; holdings and quotes belong to one engine each; a
state is one word that anybody may set. Nobody who reads ever waits for a lock.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

from risk.gate_layout cimport (
    HOLDINGS, LAYOUT_VERSION, ORDER_NUMBER_BITS_MAX, SEEN_CHAINS, SEEN_ORDERS, AccountRow, AssetRow,
    Definition, DefinitionRow, Exposure, Header, Holding, Limits, PositionLimits, PositionLimitsRow,
    QuoteRow, ScopeRow, SeenOrder,
)
from venues.shared_atomics cimport (
    seqlock_read, seqlock_write, shared_add, shared_load, shared_store, shared_swap,
)

from math import gcd
from pathlib import Path

from venues.shared_file import SharedFile, SharedFileError, make_shared

GATE_VERSION = LAYOUT_VERSION
SHARDS_MAX = 16
DUPLICATE_WINDOW_MS = 500

cdef int64_t MAGIC = int.from_bytes(b"mxomgate", "little")
# Prices, quantities: any two of them multiply within 128 bits with room for a scale.
NUMBER_MAX = <int64_t>1 << ORDER_NUMBER_BITS_MAX
# Values of a shard: SHARDS_MAX of them add up within 64 bits.
VALUE_MAX = <int64_t>1 << 58
# Amounts of an asset: two of them add up within 64 bits.
UNITS_MAX = <int64_t>1 << 62


class GateError(Exception):
    """The table cannot be used, a slot is out of range, or an engine broke the gate's invariants."""


cdef class GateTable:
    """The rows, the control plane's writes, and the states."""

    @staticmethod
    def create(
        path, *, accounts=1024, instruments=256, strategies=256, tenants=64, assets=256, shards=16,
        duplicate_window_ms=DUPLICATE_WINDOW_MS,
    ):
        """Make the table, mode 0600; one of the same sizes that is there already stays as it is.

        Raises GateError where one of other sizes or another layout is there.
        """
        cdef Header header
        memset(&header, 0, sizeof(Header))
        header.magic, header.version = MAGIC, LAYOUT_VERSION
        header.accounts, header.instruments, header.strategies = accounts, instruments, strategies
        header.tenants, header.assets, header.shards = tenants, assets, shards
        header.duplicate_window_ns = duplicate_window_ms * 1_000_000
        if min(accounts, instruments, strategies, tenants, assets, shards) < 1 or shards > SHARDS_MAX:
            raise GateError(f"sizes are positive, and there are at most {SHARDS_MAX} shards")
        header.size = size_of(&header)
        if make_shared(Path(path), (<char *>&header)[:sizeof(Header)], header.size):
            return
        there = GateTable(path)
        try:
            if there.sizes() != (accounts, instruments, strategies, tenants, assets, shards):
                raise GateError(f"{path} is there with other sizes")
        finally:
            there.close()

    def __init__(self, path, *, shard=0):
        """Map the table. Raises GateError where it is missing, truncated or of another layout."""
        try:
            self._file = SharedFile(Path(path), sizeof(Header))
        except (SharedFileError, FileNotFoundError) as error:
            raise GateError(str(error)) from error
        self._view = self._file.memory
        self.header = <Header *>&self._view[0]
        self.shard = shard
        if not self.is_ours() or not 0 <= shard < self.header.shards:
            self.close()
            raise GateError(f"{path} is truncated, of another layout, or without shard {shard}")
        self.open_sections()
        self.mark_used(&self.header.shards_used, shard + 1)

    cdef bint is_ours(self):
        """Return whether the file is a whole table of this layout."""
        return (
            self.header.magic == MAGIC
            and self.header.version == LAYOUT_VERSION
            and self.header.size == self._file.size
            and self.header.size == size_of(self.header)
        )

    cdef int open_sections(self) except -1:
        """Find where each kind of row begins; `size_of` adds the same up."""
        cdef Header *h = self.header
        cdef int64_t pairs = h.accounts * h.instruments
        self.first_scope[GLOBAL] = 0
        self.first_scope[TENANT] = 1
        self.first_scope[ACCOUNT] = 1 + h.tenants
        self.first_scope[STRATEGY] = self.first_scope[ACCOUNT] + h.accounts
        self.first_scope[INSTRUMENT] = self.first_scope[STRATEGY] + h.strategies
        self.scopes = <ScopeRow *>(h + 1)
        self.definitions = <DefinitionRow *>(self.scopes + self.first_scope[INSTRUMENT] + h.instruments)
        self.quotes = <QuoteRow *>(self.definitions + h.instruments)
        self.position_limits_rows = <PositionLimitsRow *>(self.quotes + h.shards * h.instruments)
        self.accounts = <AccountRow *>(self.position_limits_rows + pairs)
        self.assets = <AssetRow *>(self.accounts + h.accounts)
        self.exposures = <Exposure *>(self.assets + h.accounts * h.assets)
        self.seen_chains = <int64_t *>(self.exposures + self.first_scope[INSTRUMENT] * h.shards)
        self.seen_orders = <SeenOrder *>(self.seen_chains + h.accounts * SEEN_CHAINS)
        self.holdings = <Holding *>(self.seen_orders + h.accounts * SEEN_ORDERS)
        assert <int64_t>(<char *>(self.holdings + pairs * HOLDINGS) - <char *>h) == h.size
        return 0

    cdef int mark_used(self, int64_t *word, int64_t count) except -1:
        """Raise the word to the count; several processes may do so at once."""
        cdef int64_t before = shared_load(word)
        while before < count and not shared_swap(word, before, count):
            before = shared_load(word)
        return 0

    def close(self):
        """Unmap the table; afterwards everything raises GateError."""
        if self.header == NULL:
            return
        self.header = NULL
        self._view = None
        self._file.close()

    def sizes(self):
        """Return the counts of accounts, instruments, strategies, tenants, assets and shards."""
        self.need(GLOBAL, 0)
        cdef Header *h = self.header
        return h.accounts, h.instruments, h.strategies, h.tenants, h.assets, h.shards

    cdef int64_t count_of(self, int scope) noexcept nogil:
        """Return how many slots the scope has."""
        if self.header == NULL:
            return 0
        if scope == GLOBAL:
            return 1
        if scope == TENANT:
            return self.header.tenants
        if scope == ACCOUNT:
            return self.header.accounts
        if scope == STRATEGY:
            return self.header.strategies
        return self.header.instruments if scope == INSTRUMENT else 0

    cdef int64_t row_of(self, int scope, int64_t slot) noexcept nogil:
        """Return the number of a slot's row among all scopes, -1 where there is none."""
        return self.first_scope[scope] + slot if 0 <= slot < self.count_of(scope) else -1

    cdef int need(self, int scope, int64_t slot) except -1:
        """Raise GateError unless the slot exists."""
        if not 0 <= slot < self.count_of(scope):
            raise GateError(f"scope {scope} has no slot {slot}, or the table is closed")
        return 0

    cdef ScopeRow *scope_at(self, int scope, int64_t slot) except NULL:
        """Return the slot's row; raise GateError where there is none."""
        self.need(scope, slot)
        return &self.scopes[self.row_of(scope, slot)]

    cdef Holding *holdings_at(self, int64_t account, int64_t instrument) noexcept nogil:
        """Return the account's own holding in the instrument; its strategies' follow."""
        return &self.holdings[(account * self.header.instruments + instrument) * HOLDINGS]

    cdef QuoteRow *quote_at(self, int64_t instrument) noexcept nogil:
        """Return the quote as this shard sees it: each engine reads its own market data and writes alone."""
        return &self.quotes[self.shard * self.header.instruments + instrument]

    # States: one word each, any process, any time.

    def set_state(self, int scope, int64_t slot, int state):
        """Set what the scope may do; 0 takes the state away, which refuses."""
        if not MISSING <= state <= HALTED:
            raise GateError(f"there is no state {state}")
        shared_store(&self.scope_at(scope, slot).state, state)

    def state(self, int scope, int64_t slot):
        """Return what the scope may do, 0 where nobody said."""
        return shared_load(&self.scope_at(scope, slot).state)

    cdef int64_t state_of(self, int scope, int64_t slot) noexcept nogil:
        """Return the state, MISSING for a slot that does not exist."""
        cdef int64_t row = self.row_of(scope, slot)
        return MISSING if row < 0 else shared_load(&self.scopes[row].state)

    def may_send(self, int64_t tenant, int64_t account, int64_t strategy):
        """Return whether none of them is halted or missing now: the look right before the socket."""
        cdef int64_t states[4]
        states[0] = self.state_of(GLOBAL, 0)
        states[1] = self.state_of(TENANT, tenant)
        states[2] = self.state_of(ACCOUNT, account)
        states[3] = self.state_of(STRATEGY, strategy)
        for state in states:
            if state != ACTIVE and state != REDUCING:
                return False
        return True

    # Definitions and limits: the control plane.

    def set_instrument(
        self, int64_t slot, *, int64_t version, bint trading, int64_t base_asset, int64_t quote_asset,
        int64_t price_min_ticks, int64_t price_max_ticks, int64_t quantity_min_lots,
        int64_t quantity_max_lots, int64_t market_quantity_max_lots, int64_t price_step_ticks=1,
        int64_t quantity_step_lots=1, int64_t notional_min_units, int64_t base_units_per_lot,
        int64_t quote_units_per_tick_lot, value_numerator, value_denominator, int64_t collar_bps,
        int64_t quote_age_max_ns, int64_t fee_bps,
    ):
        """Define an instrument. A new one becomes ACTIVE; any state it has already stays.

        `value_numerator ÷ value_denominator` is the micro-USDT that one lot is worth
        at a price of one tick. Raises GateError on nonsense, and on other assets than
        the slot had while anybody holds it.
        """
        self.need(INSTRUMENT, slot)
        divisor = gcd(value_numerator, value_denominator) or 1
        cdef Definition d = Definition(
            version, trading, base_asset, quote_asset, price_min_ticks, price_max_ticks, price_step_ticks,
            quantity_min_lots, quantity_max_lots, quantity_step_lots, market_quantity_max_lots,
            notional_min_units, base_units_per_lot, quote_units_per_tick_lot, value_numerator // divisor,
            value_denominator // divisor, collar_bps, quote_age_max_ns, fee_bps,
        )
        check_definition(&d, self.header.assets)
        with self._file.exclusive():
            self.refuse_other_assets(slot, base_asset, quote_asset)
            self.mark_used(&self.header.instruments_used, slot + 1)
            seqlock_write(
                &self.definitions[slot].sequence, <int64_t *>&self.definitions[slot].definition,
                <int64_t *>&d, sizeof(Definition) // sizeof(int64_t),
            )
        shared_swap(&self.scope_at(INSTRUMENT, slot).state, MISSING, ACTIVE)

    cdef int refuse_other_assets(self, int64_t slot, int64_t base, int64_t quote) except -1:
        """Raise GateError where reservations in the slot's former assets would never come back."""
        cdef Definition *before = &self.definitions[slot].definition
        cdef Holding *held
        cdef int64_t account
        if before.value_denominator == 0 or (before.base_asset == base and before.quote_asset == quote):
            return 0
        for account in range(self.header.accounts):
            held = self.holdings_at(account, slot)
            if held.position or held.open_buy or held.open_sell:
                raise GateError(f"account {account} holds instrument {slot}, whose assets would change")
        return 0

    cdef bint read_definition(self, int64_t slot, Definition *definition) noexcept nogil:
        """Copy a whole definition; False where there is none, or none whole."""
        cdef DefinitionRow *row = &self.definitions[slot]
        return seqlock_read(
            &row.sequence, <int64_t *>&row.definition, <int64_t *>definition,
            sizeof(Definition) // sizeof(int64_t),
        ) and definition.value_denominator > 0

    def instrument(self, int64_t slot):
        """Return the definition by field names, empty where there is none."""
        cdef Definition definition
        self.need(INSTRUMENT, slot)
        return <dict>definition if self.read_definition(slot, &definition) else {}

    def set_account(self, int64_t slot, *, int64_t tenant, int64_t reserved_for=-1):
        """Say whose the account is, and which strategy alone may use it (-1: all may).

        Raises GateError where it would change hands while anything is held or open.
        """
        self.need(ACCOUNT, slot)
        self.need(TENANT, tenant)
        if reserved_for != -1:
            self.need(STRATEGY, reserved_for)
        cdef AccountRow *row = &self.accounts[slot]
        cdef int64_t before = owner_tenant(shared_load(&row.owner))
        if before not in (-1, tenant) and self.is_exposed(slot):
            raise GateError(f"account {slot} has exposure under tenant {before}: reset it first")
        shared_store(&row.owner, owner_word(tenant, reserved_for))

    def is_exposed(self, int64_t account):
        """Return whether the account contributes to anybody's sums."""
        self.need(ACCOUNT, account)
        cdef Exposure *row = &self.exposures[self.row_of(ACCOUNT, account) * self.header.shards]
        cdef int64_t shard
        for shard in range(self.header.shards):
            if row[shard].open_value or row[shard].gross_value:
                return True
        return self.accounts[account].unvalued != 0

    def set_account_ready(self, int64_t slot, bint ready):
        """Say whether the account is reconciled; while it is not, its orders are refused."""
        self.need(ACCOUNT, slot)
        shared_store(&self.accounts[slot].ready, ready)

    def set_limits(
        self, int scope, int64_t slot, *, int64_t version, int64_t order_value_max=-1,
        int64_t open_value_max=-1, int64_t gross_value_max=-1, int64_t orders_per_second_max=-1,
    ):
        """Set a scope's limits, values in micro-USDT; -1 is missing, and what is missing refuses."""
        cdef ScopeRow *row = self.scope_at(scope, slot)
        cdef int64_t[4] given = [order_value_max, open_value_max, gross_value_max, orders_per_second_max]
        if scope == INSTRUMENT:
            raise GateError("instruments have no such limits")
        for limit in given:
            if not -1 <= limit <= UNITS_MAX:
                raise GateError(f"{limit} is no limit")
        cdef Limits limits = Limits(version, given[0] + 1, given[1] + 1, given[2] + 1, given[3] + 1)
        with self._file.exclusive():
            seqlock_write(
                &row.sequence, <int64_t *>&row.limits, <int64_t *>&limits,
                sizeof(Limits) // sizeof(int64_t),
            )

    def limits(self, int scope, int64_t slot):
        """Return (version, order, open and gross value, orders per second), -1 where missing.

        Raises GateError where no whole row can be read: its writer died.
        """
        cdef ScopeRow *row = self.scope_at(scope, slot)
        cdef Limits limits
        cdef int words = sizeof(Limits) // sizeof(int64_t)
        if not seqlock_read(&row.sequence, <int64_t *>&row.limits, <int64_t *>&limits, words):
            raise GateError(f"the limits of scope {scope}, slot {slot} are being written")
        return (
            limits.version, limits.order_value_max - 1, limits.open_value_max - 1,
            limits.gross_value_max - 1, limits.orders_per_second_max - 1,
        )

    def set_position_limits(
        self, int64_t account, int64_t instrument, *, int64_t order_lots_max, int64_t position_lots_max
    ):
        """Set an account's quantity limits in one instrument; -1 is missing."""
        self.need(ACCOUNT, account)
        self.need(INSTRUMENT, instrument)
        if min(order_lots_max, position_lots_max) < -1 or max(order_lots_max, position_lots_max) > UNITS_MAX:
            raise GateError("a quantity limit is -1 or more")
        cdef PositionLimits limits = PositionLimits(order_lots_max + 1, position_lots_max + 1)
        cdef PositionLimitsRow *row = &self.position_limits_rows[
            account * self.header.instruments + instrument
        ]
        with self._file.exclusive():
            seqlock_write(
                &row.sequence, <int64_t *>&row.limits, <int64_t *>&limits,
                sizeof(PositionLimits) // sizeof(int64_t),
            )


cdef int check_definition(const Definition *d, int64_t assets) except -1:
    """Raise GateError on a definition that nothing could be computed with."""
    if not (0 <= d.base_asset < assets and 0 <= d.quote_asset < assets):
        raise GateError("an instrument's assets must have slots")
    if min(d.price_step_ticks, d.quantity_step_lots, d.base_units_per_lot, d.quote_units_per_tick_lot) < 1:
        raise GateError("steps and units are positive")
    if not (d.value_numerator > 0 and 0 < d.value_denominator < UNITS_MAX):
        raise GateError("without a value in USDT no limit can be measured")
    if not (0 <= d.collar_bps <= BPS and 0 <= d.fee_bps <= BPS and d.quote_age_max_ns >= 0):
        raise GateError("collar and fee are within 0 and 10000 basis points, ages are not negative")
    if min(
        d.price_min_ticks, d.price_max_ticks, d.quantity_min_lots, d.quantity_max_lots,
        d.market_quantity_max_lots, d.notional_min_units,
    ) < 0:
        raise GateError("filters are not negative; 0 means that there is none")
    return 0


cdef int64_t size_of(const Header *h):
    """Return the bytes that a table of these counts takes."""
    scopes = 1 + h.tenants + h.accounts + h.strategies
    pairs = h.accounts * h.instruments
    return (
        sizeof(Header)
        + (scopes + h.instruments) * sizeof(ScopeRow)
        + h.instruments * (sizeof(DefinitionRow) + h.shards * sizeof(QuoteRow))
        + pairs * (sizeof(PositionLimitsRow) + HOLDINGS * sizeof(Holding))
        + h.accounts * (sizeof(AccountRow) + h.assets * sizeof(AssetRow))
        + scopes * h.shards * sizeof(Exposure)
        + h.accounts * (SEEN_CHAINS * sizeof(int64_t) + SEEN_ORDERS * sizeof(SeenOrder))
    )
