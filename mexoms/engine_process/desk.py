"""Read from Postgres what an engine must know before it trades, and write it to the gate.

Everything here runs once, at start; afterwards the engine needs no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.db import connections

from risk import sync as limits
from risk.gate import Gate
from strategies.selectors import running_instances, slot_of_instance
from trading import gate_sync, selectors, services
from trading.types import Desk
from venues.base import Instrument


def take_shard(*, shard: int, instruments: Sequence[Instrument]) -> Desk:
    """Raise the shard's epoch and return what the engine trades with."""
    try:
        known = services.sync_instruments(venue="binance_spot", instruments=instruments)
        accounts, secrets = selectors.engine_accounts(shard, slot_of_instance=slot_of_instance)
        return Desk(
            shard=shard,
            epoch=services.next_epoch(shard=shard),
            accounts=accounts,
            secrets=secrets,
            instruments=tuple(known),
            assets=selectors.asset_slots(),
            strategies=tuple(running_instances(shard)),
        )
    finally:
        # Postgres may go away from here on; an idle connection would only notice late.
        connections.close_all()


def open_gate(*, path: Path, desk: Desk) -> Gate:
    """Map the gate, make it where it is missing, and write definitions, limits and states into it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        Gate.create(path)
    gate = Gate(path, shard=desk.shard)
    try:
        gate_sync.write_instruments(gate, desk.instruments, desk.assets)
        gate_sync.write_accounts(gate, desk.accounts)
        limits.sync_gate(
            gate,
            desk.shard,
            instruments=desk.instruments,
            strategies=desk.strategies,
            flags=settings.FLAGS_PATH,
        )
    finally:
        connections.close_all()
    return gate
