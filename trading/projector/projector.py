"""Apply the journals to the database: the only writer of orders, fills, positions and balances.

A batch is one transaction over all its tenants, and the cursor moves in the same
transaction. So a kill at any moment loses no row and doubles none: either the
rows and the cursor are there, or neither is and the batch is read again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction

from accounts.tenancy import tenant_scope
from trading import records, services
from trading.models import JournalCursor
from trading.projector import tables
from trading.projector.directory import Directory
from trading.projector.fold import Fold, Key
from trading.projector.live_rows import Changes
from trading.projector.rows import uuid_of

if TYPE_CHECKING:
    from trading.engine.journal import Entry

log = logging.getLogger(__name__)

#: Records applied in one transaction.
BATCH_RECORDS_MAX = 1_000

Parts = list[tuple[Key, UUID | None, records.AnyRecord]]


class Projector:
    """Applies entries of one host's journals. `strategy_of` names a strategy slot's instance."""

    def __init__(self, strategy_of: Callable[[int], UUID | None]) -> None:
        self.directory = Directory(strategy_of)

    def apply(self, shard: int, entries: Iterable[Entry]) -> Changes:
        """Apply the entries that the cursor has not passed yet; return what changed, by tenant."""
        changes = Changes()
        with transaction.atomic():
            # The rows can be had from the journal again, and the cursor is lost together
            # with them: waiting for the disk at each batch would buy nothing.
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
            place = lock_cursor(shard)
            new = [
                entry for entry in entries if (entry.epoch, entry.sequence) > (place.epoch, place.sequence)
            ]
            for tenant_id, parts in self.by_tenant(new).items():
                with tenant_scope(tenant_id):
                    self.apply_tenant(tenant_id, parts, changes)
            if new:
                move_cursor(place, new[-1])
        return changes

    def apply_tenant(self, tenant_id: UUID, parts: Parts, changes: Changes) -> None:
        """Apply one tenant's records inside its scope and note which rows changed."""
        orders = tables.load_orders({name for _, _, record in parts if (name := order_named(record))})
        fold = Fold(tenant_id, orders, self.directory.scale, self.directory.strategy)
        for key, account_id, record in parts:
            fold.apply(key, account_id, record)
        changed = changes.of(tenant_id)
        changed.add("orders", tables.write_orders(list(fold.orders_changed.values())))
        changed.add("fills", tables.write_fills(list(fold.fills.values())))
        changed.add("positions", tables.write_positions(list(fold.positions.values())))
        changed.add("balances", tables.write_balances(list(fold.balances.values())))
        changed.add("accounts", tables.write_statuses(list(fold.statuses.values())))
        tables.write_commands(list(fold.commands.values()))
        if fold.asked_for or fold.commands:
            services.release_cancels(tenant_id=tenant_id, places=fold.asked_for | fold.commands.keys())

    def by_tenant(self, entries: Iterable[Entry]) -> dict[UUID, Parts]:
        """Return each tenant's records in the journal's order, with the account's id."""
        parts: dict[UUID, Parts] = {}
        for entry in entries:
            key = Key(entry.shard, entry.epoch, entry.sequence, entry.time_ns)
            for tenant_id, account_id, record in self.addressed(entry):
                parts.setdefault(tenant_id, []).append((key, account_id, record))
        return parts

    def addressed(self, entry: Entry) -> Iterable[tuple[UUID, UUID | None, records.AnyRecord]]:
        """Return whom the record concerns: its tenant and account, or every account of the shard."""
        record = entry.record
        if isinstance(record, records.CancelSending):
            return []
        if isinstance(record, records.EngineStarted | records.EngineStopped):
            return [
                (tenant_id, account_id, state_of_all(record, tenant_id, account_id))
                for tenant_id, account_id in self.directory.owners(entry.shard)
            ]
        if isinstance(record, records.OrderReported):
            owner = self.directory.owner(entry.shard, record.report.account)
            if owner is None:
                log.error(
                    "report for an unknown account slot %s at %s", record.report.account, entry.sequence
                )
                return []
            return [(*owner, record)]
        if isinstance(record, records.CommandHandled):
            return [(uuid_of(record.tenant_id), None, record)]
        return [(uuid_of(record.tenant_id), uuid_of(record.account_id), record)]


def order_named(record: records.AnyRecord) -> str:
    """Return the client order id of the order row that the record needs, "" for none."""
    if isinstance(record, records.OrderReported):
        return record.report.client_order_id
    if isinstance(
        record, records.OrderSending | records.OrderAdopted | records.OrderRefused | records.FillApplied
    ):
        return record.client_order_id
    return ""


def state_of_all(
    record: records.EngineStarted | records.EngineStopped, tenant_id: UUID, account_id: UUID
) -> records.AccountStateChanged:
    """Return what an engine's start or end means for one account."""
    started = isinstance(record, records.EngineStarted)
    return records.AccountStateChanged(
        tenant_id=str(tenant_id),
        account_id=str(account_id),
        account=0,
        state="incomplete" if started else "stale",
        reason="the engine started and has not reconciled it yet" if started else "the engine is stopped",
    )


def lock_cursor(shard: int) -> JournalCursor:
    """Return the shard's cursor, locked, so that a second projector waits for this batch."""
    JournalCursor.objects.get_or_create(shard=shard)
    return JournalCursor.objects.select_for_update().get(shard=shard)


def move_cursor(place: JournalCursor, last: Entry) -> None:
    """Set the cursor behind the last applied entry."""
    place.segment, place.offset = last.next.segment, last.next.offset
    place.epoch, place.sequence = last.epoch, last.sequence
    place.save(update_fields=["segment", "offset", "epoch", "sequence"])
