"""A small desk on a gate: two tenants, three accounts, three instruments, everything allowed at first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from risk.codes import Scope, TradingState
from risk.gate import Gate
from venues.base import OrderType, Side

NOW_NS = 1_700_000_000 * 1_000_000_000
TENANT, ACCOUNT, STRATEGY, INSTRUMENT = 1, 1, 1, 1
BASE, QUOTE, FEE = 1, 2, 3
TENANT_OF = {1: 1, 2: 1, 3: 2}
STRATEGIES = (0, 1, 2)
PLENTY = 10**15
WIDE = {
    "order_value_max": PLENTY,
    "open_value_max": PLENTY,
    "gross_value_max": PLENTY,
    "orders_per_second_max": 1000,
}
BID, ASK = 9_990, 10_000
#: 1 tick × 1 lot is 1,000 quote units of 1e-8, which are 10 micro-USDT.
DEFINITION: dict[str, Any] = {
    "version": 7,
    "trading": True,
    "base_asset": BASE,
    "quote_asset": QUOTE,
    "price_min_ticks": 10,
    "price_max_ticks": 1_000_000,
    "price_step_ticks": 1,
    "quantity_min_lots": 1,
    "quantity_max_lots": 100_000,
    "quantity_step_lots": 1,
    "market_quantity_max_lots": 50_000,
    "notional_min_units": 1_000_000,
    "base_units_per_lot": 1_000,
    "quote_units_per_tick_lot": 1_000,
    "value_numerator": 10,
    "value_denominator": 1,
    "collar_bps": 100,
    "quote_age_max_ns": 2_000_000_000,
    "fee_bps": 10,
}


def new_gate(path: Path, *, shard: int = 0, **sizes: int) -> Gate:
    """Return a gate on a small table of its own."""
    counts = {
        "accounts": 8,
        "instruments": 8,
        "strategies": 16,
        "tenants": 4,
        "assets": 8,
        "shards": 4,
    }
    Gate.create(path, **(counts | sizes))
    return Gate(path, shard=shard)


def open_desk(gate: Gate, **changed: Any) -> Gate:
    """Allow everything, for every account; keyword arguments change the first instrument's definition."""
    states = [(Scope.GLOBAL, 0), *((Scope.TENANT, slot) for slot in {*TENANT_OF.values()})]
    states += [(Scope.ACCOUNT, slot) for slot in TENANT_OF] + [(Scope.STRATEGY, s) for s in STRATEGIES]
    for scope, slot in states:
        gate.set_state(scope, slot, TradingState.ACTIVE)
        gate.set_limits(scope, slot, version=3, **WIDE)
    gate.set_instrument(INSTRUMENT, **(DEFINITION | changed))
    gate.set_quote(INSTRUMENT, BID, ASK, NOW_NS)
    for account, tenant in TENANT_OF.items():
        open_account(gate, account, tenant)
    return gate


def open_account(gate: Gate, account: int, tenant: int) -> None:
    """Give an account money, room and readiness."""
    gate.set_account(account, tenant=tenant)
    gate.set_position_limits(account, INSTRUMENT, order_lots_max=50_000, position_lots_max=200_000)
    for asset in (BASE, QUOTE):
        gate.set_total(account, asset, 10**16)
    gate.set_account_ready(account, True)


def check(gate: Gate, **changed: int) -> int:
    """Check a plain limit buy of 1,000 lots at the ask, but for what is changed."""
    order = {
        "tenant": TENANT,
        "account": ACCOUNT,
        "strategy": STRATEGY,
        "instrument": INSTRUMENT,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "price_ticks": ASK,
        "quantity_lots": 1_000,
        "now_ns": NOW_NS,
    }
    return gate.check(*(order | changed).values())


def books(gate: Gate) -> list[tuple[int, ...]]:
    """Return every holding, asset and sum of the desk, to see that nothing changed."""
    found: list[tuple[int, ...]] = []
    for account in TENANT_OF:
        found.append(gate.position(account, INSTRUMENT))
        found += [gate.asset(account, asset) for asset in (BASE, QUOTE, FEE)]
        found.append(gate.exposure(Scope.ACCOUNT, account))
    found += [gate.exposure(Scope.STRATEGY, strategy) for strategy in STRATEGIES]
    found += [gate.exposure(Scope.TENANT, tenant) for tenant in {*TENANT_OF.values()}]
    return [*found, gate.exposure(Scope.GLOBAL, 0)]
