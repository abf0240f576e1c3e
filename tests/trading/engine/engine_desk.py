"""A desk for engine tests: real gate, real budget, real journal, under one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from risk.codes import Scope, TradingState
from risk.gate import Gate
from tests.instruments import BTCUSDT
from trading.engine.engine import Engine
from trading.engine.journal import Entry, Journal, JournalReader, Position
from trading.engine.order_path import no_crash
from trading.engine.replay import entries_of
from trading.types import Account, AccountSecret, Desk, Intent
from venues.base import Instrument, OrderType, Side, TimeInForce, Venue
from venues.rate_budget import RateBudget

TENANT = 1
MANUAL, STRATEGY = 0, 1
START_NS = 1_780_000_000_000_000_000
MS = 1_000_000
S = 1_000_000_000
PLENTY = 10**15

PRICE = 6_000_000


def account(slot: int, tenant: int = TENANT) -> Account:
    return Account(
        slot=slot,
        id=f"00000000-0000-0000-0000-0000000000{slot:02d}",
        tenant_slot=tenant,
        tenant_id=f"10000000-0000-0000-0000-0000000000{tenant:02d}",
        name=f"account-{slot}",
        venue="binance_spot",
        kind="main",
    )


def make_desk(
    epoch: int = 1,
    accounts: Sequence[Account] = (account(1), account(2)),
    instruments: Sequence[Instrument] = (BTCUSDT,),
    secrets: Sequence[AccountSecret] = (),
) -> Desk:
    codes = sorted({code for one in instruments for code in (one.base, one.quote)} | {"BNB"})
    return Desk(
        shard=0,
        epoch=epoch,
        accounts=tuple(accounts),
        secrets=tuple(secrets),
        instruments=tuple(instruments),
        assets={code: slot for slot, code in enumerate(codes, 1)},
        strategies=(),
    )


def open_gate(folder: Path, desk: Desk) -> Gate:
    """Map the folder's gate and allow everything on it."""
    path = folder / "gate"
    if not path.exists():
        Gate.create(path, accounts=64, instruments=16, strategies=16, tenants=8, assets=32, shards=2)
    gate = Gate(path, shard=desk.shard)
    tenants = {one.tenant_slot for one in desk.accounts}
    scopes = [(Scope.GLOBAL, 0), *((Scope.TENANT, slot) for slot in tenants)]
    scopes += [(Scope.ACCOUNT, one.slot) for one in desk.accounts]
    scopes += [(Scope.STRATEGY, slot) for slot in (MANUAL, STRATEGY)]
    for scope, slot in scopes:
        gate.set_state(scope, slot, TradingState.ACTIVE)
        gate.set_limits(
            scope,
            slot,
            version=1,
            order_value_max=PLENTY,
            open_value_max=PLENTY,
            gross_value_max=PLENTY,
            orders_per_second_max=1_000_000,
        )
    for one in desk.instruments:
        gate.set_instrument(
            one.slot,
            version=one.version,
            trading=one.trading,
            base_asset=desk.assets[one.base],
            quote_asset=desk.assets[one.quote],
            price_min_ticks=one.price_min_ticks,
            price_max_ticks=one.price_max_ticks,
            quantity_min_lots=one.quantity_min_lots,
            quantity_max_lots=one.quantity_max_lots,
            market_quantity_max_lots=one.market_quantity_max_lots,
            notional_min_units=one.notional_min_units,
            base_units_per_lot=one.units_per_lot,
            quote_units_per_tick_lot=one.units_per_tick_lot,
            value_numerator=1,
            value_denominator=100,
            collar_bps=2_000,
            quote_age_max_ns=10 * S,
            fee_bps=10,
        )
    for owned in desk.accounts:
        gate.set_account(owned.slot, tenant=owned.tenant_slot)
        for one in desk.instruments:
            gate.set_position_limits(owned.slot, one.slot, order_lots_max=10**9, position_lots_max=10**9)
    return gate


class Clock:
    """Time as the test says."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def pass_ms(self, ms: int) -> int:
        self.now_ns += ms * MS
        return self.now_ns


def open_engine(
    folder: Path,
    venue: Venue,
    clock: Callable[[], int],
    *,
    desk: Desk | None = None,
    crash_point: Callable[[str], None] = no_crash,
    durability: str = "process",
) -> Engine:
    """Return an engine on the folder's journal, as `mexoms.engine_process` wires one."""
    desk = desk or make_desk()
    journal = Journal.open(folder / "journal", shard=desk.shard, durability=durability)
    return Engine(
        desk=desk,
        venue=venue,
        gate=open_gate(folder, desk),
        journal=journal,
        rate_budget=RateBudget(folder / "rate-budget"),
        clock=clock,
        crash_point=crash_point,
    )


def close_engine(engine: Engine) -> None:
    engine.journal.close()
    engine.gate.close()


def intent(**changed: object) -> Intent:
    """Return a limit buy of 10 lots, but for what is changed."""
    plain = Intent(
        account=1,
        instrument=1,
        strategy=MANUAL,
        side=Side.BUY,
        type=OrderType.LIMIT,
        tif=TimeInForce.GTC,
        price_ticks=PRICE,
        quantity_lots=10,
    )
    return msgspec.structs.replace(plain, **changed)


def journal_of(folder: Path) -> list[Entry]:
    return list(entries_of(JournalReader(folder / "journal")))


def records_of(folder: Path, *types: type) -> list:
    """Return the journal's records of these types, or all."""
    return [entry.record for entry in journal_of(folder) if not types or isinstance(entry.record, types)]


__all__ = ["BTCUSDT", "MS", "PRICE", "START_NS", "Clock", "Position", "S"]
