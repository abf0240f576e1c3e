"""Hand changed rows to the dashboards, without ever holding up the projection.

Changed ids are collected and sent as the rows they are by then, so bursts are
conflated. While Redis is away the ids wait, up to a limit, and go out when it is
back; the limit drops the oldest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from channels.layers import get_channel_layer

from accounts.tenancy import tenant_scope
from accounts.wire_format import time_of
from trading import selectors
from trading.live import Row, group_of

log = logging.getLogger(__name__)

#: Between two messages to one tenant.
PUBLISH_INTERVAL_NS = 100_000_000
#: How long one message may take before Redis counts as away.
SEND_TIMEOUT_MS = 200
#: How long Redis is left alone after a failure.
RETRY_INTERVAL_NS = 1_000_000_000
#: Ids that wait per tenant and table.
PENDING_ROWS_MAX = 2_000
#: Rows in one message.
MESSAGE_ROWS_MAX = 500


class TenantChanges:
    """Ids of changed rows by table, oldest change first."""

    def __init__(self) -> None:
        self.ids: dict[str, dict[UUID, None]] = {}

    def add(self, table: str, ids: Iterable[UUID]) -> None:
        """Note changed rows; the newest stay when the limit is passed."""
        pending = self.ids.setdefault(table, {})
        for row_id in ids:
            pending.pop(row_id, None)
            pending[row_id] = None
        while len(pending) > PENDING_ROWS_MAX:
            del pending[next(iter(pending))]

    def __bool__(self) -> bool:
        return any(self.ids.values())


class Changes:
    """Changed rows of several tenants."""

    def __init__(self) -> None:
        self.tenants: dict[UUID, TenantChanges] = {}

    def of(self, tenant_id: UUID) -> TenantChanges:
        """Return the tenant's changes."""
        return self.tenants.setdefault(tenant_id, TenantChanges())

    def merge(self, other: Changes) -> None:
        """Take in later changes."""
        for tenant_id, changes in other.tenants.items():
            for table, ids in changes.ids.items():
                self.of(tenant_id).add(table, ids)

    def __bool__(self) -> bool:
        return any(self.tenants.values())


class LivePublisher:
    """Sends changed rows to the channel layer; owns an event loop, since the projector has none."""

    def __init__(self) -> None:
        self.pending = Changes()
        self.due_ns = 0
        self.away = False
        self._loop = asyncio.new_event_loop()

    def add(self, changes: Changes) -> None:
        """Note what a committed batch changed."""
        self.pending.merge(changes)

    def flush(self, now_ns: int) -> None:
        """Send what is pending when it is time to; a dead Redis costs SEND_TIMEOUT_MS, then a pause."""
        if now_ns < self.due_ns or not self.pending:
            return
        self.due_ns = now_ns + PUBLISH_INTERVAL_NS
        for tenant_id, changes in list(self.pending.tenants.items()):
            if not self.send_all(tenant_id, rows_of(tenant_id, changes, now_ns)):
                self.due_ns = now_ns + RETRY_INTERVAL_NS
                return
            del self.pending.tenants[tenant_id]

    def send_all(self, tenant_id: UUID, rows: dict[str, list[Row]]) -> bool:
        """Send the tenant's rows in messages of bounded size; return whether all went."""
        return all(self.send(tenant_id, part) for part in messages_of(rows))

    def send(self, tenant_id: UUID, rows: dict[str, list[Row]]) -> bool:
        """Send one message; say once that Redis is away, and once that it is back."""
        message = {"type": "live.rows", "rows": rows}
        try:
            self._loop.run_until_complete(
                asyncio.wait_for(self.group_send(group_of(tenant_id), message), SEND_TIMEOUT_MS / 1000)
            )
        # The channel layer states no errors of its own; whatever it raises, the rows are safe in Postgres.
        except Exception as error:  # noqa: BLE001
            if not self.away:
                log.warning("live rows wait, the channel layer does not take them: %r", error)
            self.away = True
            return False
        if self.away:
            log.info("the channel layer takes live rows again")
        self.away = False
        return True

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send to the configured channel layer."""
        layer = get_channel_layer()
        assert layer is not None, "settings name a channel layer"
        await layer.group_send(group, message)

    def close(self) -> None:
        """Close the loop; the channel layer closes its connections with it."""
        self._loop.close()


def rows_of(tenant_id: UUID, changes: TenantChanges, now_ns: int) -> dict[str, list[Row]]:
    """Return the changed rows as they are now, in the shape of the API's lists."""
    day = time_of(now_ns).replace(hour=0, minute=0, second=0, microsecond=0)
    with tenant_scope(tenant_id):
        rows = {
            table: selectors.rows_by_id(table, list(ids), since=day)
            for table, ids in changes.ids.items()
            if ids
        }
    refused = [row for row in rows.get("orders", []) if row["state"] == "refused"]
    if refused:
        rows["refusals"] = refused
    return rows


def messages_of(rows: dict[str, list[Row]]) -> list[dict[str, list[Row]]]:
    """Return the rows cut into messages of at most MESSAGE_ROWS_MAX rows of one table each, or all in one."""
    if sum(map(len, rows.values())) <= MESSAGE_ROWS_MAX:
        return [rows]
    return [
        {table: part[start : start + MESSAGE_ROWS_MAX]}
        for table, part in rows.items()
        for start in range(0, len(part), MESSAGE_ROWS_MAX)
    ]
