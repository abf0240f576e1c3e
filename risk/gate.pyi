from os import PathLike

GATE_VERSION: int

class Refusal:
    """The numbers behind the last refusal of this process, all in the stated unit."""

    code: int
    scope: int
    slot: int
    limit: int
    current: int
    reserved: int
    requested: int
    would_be: int
    unit: int
    limits_version: int

class GateError(Exception):
    """The shared table is missing, of another layout version, or a slot is out of range."""

class Gate:
    """The pre-trade risk gate over one memory-mapped table, shared by the host's processes."""

    @staticmethod
    def create(
        path: str | PathLike[str],
        *,
        accounts: int = 1024,
        instruments: int = 256,
        strategies: int = 256,
        tenants: int = 64,
        assets: int = 256,
        shards: int = 16,
        duplicate_window_ms: int = 500,
    ) -> None: ...
    def __init__(self, path: str | PathLike[str], *, shard: int = 0) -> None: ...
    def close(self) -> None: ...

    # Kill flags: any process, any time. Scope and State are in risk.codes.
    def set_state(self, scope: int, slot: int, state: int) -> None: ...
    def state(self, scope: int, slot: int) -> int: ...
    def may_send(self, tenant: int, account: int, strategy: int) -> bool: ...

    # Control plane: definitions and limits. An instrument that is defined for the first time
    # becomes ACTIVE; value_numerator / value_denominator are the micro-USDT that ONE LOT is worth
    # at a price of ONE TICK, so they hold the tick's and the lot's size.
    def set_instrument(
        self,
        slot: int,
        *,
        version: int,
        trading: bool,
        base_asset: int,
        quote_asset: int,
        price_min_ticks: int,
        price_max_ticks: int,
        quantity_min_lots: int,
        quantity_max_lots: int,
        market_quantity_max_lots: int,
        price_step_ticks: int = 1,
        quantity_step_lots: int = 1,
        notional_min_units: int,
        base_units_per_lot: int,
        quote_units_per_tick_lot: int,
        value_numerator: int,
        value_denominator: int,
        collar_bps: int,
        quote_age_max_ns: int,
        fee_bps: int,
    ) -> None: ...
    def set_account(self, slot: int, *, tenant: int, reserved_for: int = -1) -> None: ...
    def set_account_ready(self, slot: int, ready: bool) -> None: ...
    def set_limits(
        self,
        scope: int,
        slot: int,
        *,
        version: int,
        order_value_max: int = -1,
        open_value_max: int = -1,
        gross_value_max: int = -1,
        orders_per_second_max: int = -1,
    ) -> None: ...
    def set_position_limits(
        self, account: int, instrument: int, *, order_lots_max: int, position_lots_max: int
    ) -> None: ...

    # Engine: what the limits are measured against.
    def set_quote(self, instrument: int, bid_ticks: int, ask_ticks: int, now_ns: int) -> None: ...
    def set_total(self, account: int, asset: int, units: int) -> None: ...
    def set_position(self, account: int, instrument: int, lots: int, strategy: int = -1) -> None: ...
    def reset_account(self, account: int) -> None: ...
    def reset_shard(self) -> None: ...
    def revalue_account(self, account: int) -> None: ...

    # The order's way.
    def check(
        self,
        tenant: int,
        account: int,
        strategy: int,
        instrument: int,
        side: int,
        order_type: int,
        price_ticks: int,
        quantity_lots: int,
        now_ns: int,
    ) -> int: ...
    @property
    def reserved_ticks(self) -> int: ...
    def refusal(self) -> Refusal: ...
    def reserve(
        self,
        tenant: int,
        account: int,
        strategy: int,
        instrument: int,
        side: int,
        reserved_ticks: int,
        lots: int,
    ) -> None: ...
    def release(
        self,
        tenant: int,
        account: int,
        strategy: int,
        instrument: int,
        side: int,
        reserved_ticks: int,
        lots: int,
    ) -> None: ...
    def fill(
        self,
        tenant: int,
        account: int,
        strategy: int,
        instrument: int,
        side: int,
        reserved_ticks: int,
        fill_ticks: int,
        lots: int,
        fee_asset: int,
        fee_units: int,
    ) -> None: ...

    # Reads.
    def position(self, account: int, instrument: int) -> tuple[int, int, int]: ...
    def asset(self, account: int, asset: int) -> tuple[int, int]: ...
    def exposure(self, scope: int, slot: int) -> tuple[int, int]: ...
    def instrument(self, slot: int) -> dict[str, int]: ...
    def limits(self, scope: int, slot: int) -> tuple[int, int, int, int, int]: ...
    def is_exposed(self, account: int) -> bool: ...
    def sizes(self) -> tuple[int, int, int, int, int, int]: ...
    @property
    def shard(self) -> int: ...
