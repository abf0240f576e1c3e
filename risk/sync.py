"""Write what Postgres and the flag files say into the gate's shared memory.

What is missing stays missing, and the gate refuses it. A state is the worst
that any source says: the row, the flag file, and what the memory says already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from accounts import selectors as accounts_selectors
from accounts.models import ExchangeAccount
from accounts.tenancy import tenant_scope
from risk import selectors
from risk.codes import Scope, TradingState
from risk.defaults import ScopeLimits, load_defaults
from risk.flags import read_flags
from risk.gate import Gate
from venues.base import Instrument

#: Values in the gate are micro-units of USDT.
VALUE_SCALE = 6
#: The strategy slot of orders that people and programs place themselves.
MANUAL = 0
#: A limit that the gate never reaches; it counts in signed 64 bits.
UNREACHED = 2**62

#: (target or None for every one, symbol, name) → the limit in one scope.
Held = dict[tuple[UUID | None, str, str], dict[str, Any]]
#: (scope, slot) → what it may do.
States = dict[tuple[int, int], TradingState]


class RunningStrategy(Protocol):
    """What the gate must know of a strategy instance; `trading.types.StrategyConfig` is one."""

    @property
    def slot(self) -> int:
        """The instance's row in the gate."""

    @property
    def id(self) -> str:
        """The instance's id."""

    @property
    def tenant_id(self) -> str:
        """The tenant's id."""


def sync_gate(
    gate: Gate,
    shard: int,
    *,
    instruments: Sequence[Instrument],
    strategies: Sequence[RunningStrategy],
    flags: Path,
) -> None:
    """Write limits and trading states of the shard's tenants, and the host's own.

    `instruments` (with slots) give the lots in which quantities are counted,
    `strategies` are those that the engine runs, `flags` is the directory of the
    kill flags.
    """
    states: States = {(Scope.GLOBAL, 0): TradingState.ACTIVE, (Scope.STRATEGY, MANUAL): TradingState.ACTIVE}
    write_host_limits(gate)
    for tenant in accounts_selectors.tenants_of_shard(shard):
        own = [strategy for strategy in strategies if UUID(strategy.tenant_id) == tenant.id]
        with tenant_scope(tenant.id):
            accounts = list(ExchangeAccount.objects.order_by("slot"))
            write_limits(gate, tenant.slot, accounts, own, instruments)
            states |= tenant_states(tenant.slot, accounts, own)
    for flag in read_flags(flags):
        key = (flag.scope, flag.slot)
        states[key] = max(states.get(key, TradingState.ACTIVE), flag.state)
    for (scope, slot), state in states.items():
        # What holds already is not written again: a halt may come between the look and the write.
        if state > gate.state(scope, slot):
            gate.set_state(scope, slot, state)


def tenant_states(
    slot: int, accounts: Iterable[ExchangeAccount], strategies: Iterable[RunningStrategy]
) -> States:
    """Return what the tenant and its parts may do by their rows; without a row they may trade."""
    states: States = {(Scope.TENANT, slot): TradingState.ACTIVE}
    states |= {(Scope.ACCOUNT, account.slot): TradingState.ACTIVE for account in accounts}
    states |= {(Scope.STRATEGY, strategy.slot): TradingState.ACTIVE for strategy in strategies}
    for row in selectors.kill_switches():
        states[Scope[row["scope"].upper()], row["slot"]] = TradingState[row["state"]]
    return states


def write_limits(
    gate: Gate,
    slot: int,
    accounts: Iterable[ExchangeAccount],
    strategies: Iterable[RunningStrategy],
    instruments: Sequence[Instrument],
) -> None:
    """Write the limits of the tenant in this slot, its accounts and its strategies."""
    write_scope(gate, Scope.TENANT, slot, None, held_in("tenant"))
    of_accounts = held_in("account")
    for account in accounts:
        write_scope(gate, Scope.ACCOUNT, account.slot, account.id, of_accounts)
        for instrument in instruments:
            write_quantities(gate, account, instrument, of_accounts)
    of_strategies = held_in("strategy")
    for strategy in strategies:
        write_scope(gate, Scope.STRATEGY, strategy.slot, UUID(strategy.id), of_strategies)


def held_in(scope: str) -> Held:
    """Return the limits of the tenant that hold now in one scope."""
    rows = selectors.limits().filter(scope=scope)
    return {(row["target"], row["symbol"], row["name"]): row for row in rows}


def write_scope(gate: Gate, scope: Scope, slot: int, target: UUID | None, held: Held) -> None:
    """Write the value and rate limits of one target; what nobody set is −1, which the gate refuses."""
    order, open_, gross, rate = (
        find(held, target, "", name)
        for name in ("order_value_max", "open_value_max", "gross_value_max", "orders_per_second_max")
    )
    gate.set_limits(
        scope,
        slot,
        version=max(row["version"] if row else 0 for row in (order, open_, gross, rate)),
        order_value_max=micro_usdt(order),
        open_value_max=micro_usdt(open_),
        gross_value_max=micro_usdt(gross),
        orders_per_second_max=int(rate["value"]) if rate else -1,
    )


def write_quantities(gate: Gate, account: ExchangeAccount, instrument: Instrument, held: Held) -> None:
    """Write an account's quantity limits in one instrument, where it has any."""
    order = find(held, account.id, instrument.symbol, "order_quantity_max")
    position = find(held, account.id, instrument.symbol, "position_quantity_max")
    if order is None or position is None:
        return
    gate.set_position_limits(
        account.slot,
        instrument.slot,
        order_lots_max=lots(order["value"], instrument),
        position_lots_max=lots(position["value"], instrument),
    )


def find(held: Held, target: UUID | None, symbol: str, name: str) -> dict[str, Any] | None:
    """Return the target's own limit, else the one for every target."""
    return held.get((target, symbol, name)) or held.get((None, symbol, name))


def micro_usdt(row: dict[str, Any] | None) -> int:
    """Return a value limit in the gate's unit, −1 for none."""
    return -1 if row is None else whole(row["value"].scaleb(VALUE_SCALE))


def lots(quantity: Decimal, instrument: Instrument) -> int:
    """Return how many whole lots the quantity allows."""
    return whole(quantity / instrument.lot)


def whole(amount: Decimal) -> int:
    """Return the amount rounded down, kept within what the gate can count."""
    return min(int(amount.to_integral_value(ROUND_FLOOR)), UNREACHED)


def write_host_limits(gate: Gate) -> None:
    """Write what all tenants of this host may do together, and people's own orders as a strategy."""
    defaults = load_defaults()
    write_defaults(gate, Scope.GLOBAL, 0, defaults.host)
    # People's orders carry no strategy; their account and tenant limit them.
    write_defaults(gate, Scope.STRATEGY, MANUAL, defaults.host)


def write_defaults(gate: Gate, scope: Scope, slot: int, limits: ScopeLimits) -> None:
    """Write limits from the configuration."""
    gate.set_limits(
        scope,
        slot,
        version=1,
        order_value_max=whole(limits.order_value_max.scaleb(VALUE_SCALE)),
        open_value_max=whole(limits.open_value_max.scaleb(VALUE_SCALE)),
        gross_value_max=whole(limits.gross_value_max.scaleb(VALUE_SCALE)),
        orders_per_second_max=limits.orders_per_second_max,
    )
