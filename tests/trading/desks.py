"""Two tenants with accounts and one instrument, for tests of what reads and writes rows."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import connection

from accounts.models import ExchangeAccount, Tenant
from accounts.tenancy import tenant_scope
from tests.instruments import LISTED_BTCUSDT
from tests.trading.projector.journal_story import Owner
from trading import services
from trading.models import AccountStatus, Balance, Command, Fill, JournalCursor, Order, Position
from venues.base import Instrument

JOURNALLED = (Order, Fill, Position, Balance, AccountStatus)


def list_btcusdt(**changes: Any) -> Instrument:
    """Make BTCUSDT known and return it with its slot."""
    changed = msgspec.structs.replace(LISTED_BTCUSDT, **changes)
    return services.sync_instruments(venue="binance_spot", instruments=[changed])[0]


def owners_of(tenant: Tenant) -> list[Owner]:
    """Return the tenant's accounts as the journal names them, by slot."""
    with tenant_scope(tenant.id):
        accounts = ExchangeAccount.objects.order_by("slot")
        return [Owner(account.slot, account.id, tenant.id) for account in accounts]


def rows_written(*tenants: Tenant) -> dict[str, list[dict[str, Any]]]:
    """Return every journalled row and command of the tenants, in a fixed order."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for tenant in tenants:
        with tenant_scope(tenant.id):
            for model in (*JOURNALLED, Command):
                rows.setdefault(model.__name__, []).extend(model.objects.order_by("pk").values())
    return rows


def forget_rows(*tenants: Tenant) -> None:
    """Empty the journalled tables and set the cursors back, as if nothing had been projected."""
    for tenant in tenants:
        with tenant_scope(tenant.id):
            for model in (Fill, Position, Balance, AccountStatus, Order):
                model.objects.all().delete()
    JournalCursor.objects.all().delete()


def backend_process() -> int:
    """Return the id of the server process behind the connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
