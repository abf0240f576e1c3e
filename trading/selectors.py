"""Reads of trading. The tenant's lists answer plain values, which `trading.live` turns into rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts import selectors as accounts_selectors
from accounts.models import ExchangeAccount
from accounts.tenancy import tenant_scope
from trading import live
from trading.models import Asset, Balance, Command, Fill, Instrument, Order, Position
from trading.types import Account, AccountSecret
from venues.base import Instrument as VenueInstrument

ValuesQuery = QuerySet[Any, dict[str, Any]]

ACCOUNT_VALUES = (
    "id", "name", "venue", "kind", "email", "parent_id", "reserved_for", "active",
    "status__state", "status__reason", "status__changed_at",
)  # fmt: skip
ORDER_VALUES = (
    "id", "account_id", "account__name", "instrument__venue", "instrument__symbol", "strategy_instance",
    "client_order_id", "venue_order_id", "side", "type", "tif", "price", "quantity", "filled_quantity",
    "average_price", "state", "code", "text", "refusal", "tag", "why", "created_at", "updated_at",
)  # fmt: skip
FILL_VALUES = (
    "id", "account_id", "account__name", "instrument__venue", "instrument__symbol", "order_id",
    "order__client_order_id", "strategy_instance", "trade_id", "side", "price", "quantity",
    "quote_quantity", "fee", "fee_asset", "maker", "executed_at",
)  # fmt: skip
POSITION_VALUES = (
    "id", "account_id", "account__name", "instrument__venue", "instrument__symbol", "quantity", "cost",
    "realised", "updated_at",
)  # fmt: skip
BALANCE_VALUES = (
    "id", "account_id", "account__name", "account__venue", "asset", "total", "locked", "updated_at",
)  # fmt: skip


def accounts(*, since: datetime) -> ValuesQuery:
    """Return the tenant's accounts with their engine status and the orders placed since then."""
    placed = (
        Order.objects.filter(account_id=OuterRef("pk"), created_at__gte=since)
        .order_by()
        .values("account_id")
        .annotate(count=Count("*"))
        .values("count")
    )
    count = Coalesce(Subquery(placed, output_field=IntegerField()), Value(0))
    return ExchangeAccount.objects.annotate(orders_today=count).values(*ACCOUNT_VALUES, "orders_today")


def instruments() -> ValuesQuery:
    """Return every instrument; they are the same for all tenants."""
    return Instrument.objects.values()


def orders() -> ValuesQuery:
    """Return the tenant's orders."""
    return Order.objects.values(*ORDER_VALUES)


def fills() -> ValuesQuery:
    """Return the tenant's fills."""
    return Fill.objects.values(*FILL_VALUES)


def positions() -> ValuesQuery:
    """Return the tenant's positions."""
    return Position.objects.values(*POSITION_VALUES)


def balances() -> ValuesQuery:
    """Return the tenant's balances."""
    return Balance.objects.values(*BALANCE_VALUES)


def command(command_id: UUID) -> Command | None:
    """Return the tenant's command."""
    return Command.objects.filter(id=command_id).select_related("account").first()


LISTS: dict[str, tuple[Callable[[], ValuesQuery], Callable[[live.Values], live.Row]]] = {
    "orders": (orders, live.order_row),
    "fills": (fills, live.fill_row),
    "positions": (positions, live.position_row),
    "balances": (balances, live.balance_row),
}


def rows_by_id(table: str, ids: Sequence[UUID], *, since: datetime) -> list[live.Row]:
    """Return the named table's rows as the API lists them; `since` begins the accounts' day."""
    if table == "accounts":
        return [live.account_row(values) for values in accounts(since=since).filter(id__in=ids)]
    query, row = LISTS[table]
    return [row(values) for values in query().filter(id__in=ids)]


def engine_accounts(shard: int) -> tuple[tuple[Account, ...], tuple[AccountSecret, ...]]:
    """Return the shard's active accounts of all tenants, and the opened keys of those that have one.

    An account without an active key is left out: the engine could not trade it.
    """
    accounts: list[Account] = []
    secrets: list[AccountSecret] = []
    for tenant in accounts_selectors.tenants_of_shard(shard):
        with tenant_scope(tenant.id):
            for row in ExchangeAccount.objects.filter(active=True).order_by("slot"):
                key = accounts_selectors.active_key(row)
                if key is None:
                    continue
                accounts.append(engine_account(row, tenant.slot))
                secrets.append(AccountSecret(row.slot, *accounts_selectors.open_secret(key)))
    return tuple(accounts), tuple(secrets)


def engine_account(row: ExchangeAccount, tenant_slot: int) -> Account:
    """Return the account as the engine knows it."""
    return Account(
        slot=row.slot,
        id=str(row.id),
        tenant_slot=tenant_slot,
        tenant_id=str(row.tenant_id),
        name=row.name,
        venue=row.venue,
        kind=row.kind,
    )


def instruments_of(venue: str, symbols: Sequence[str]) -> list[VenueInstrument]:
    """Return the venue's instruments of these symbols, with slots."""
    return [row.contract() for row in Instrument.objects.filter(venue=venue, symbol__in=symbols)]


def all_instruments() -> list[VenueInstrument]:
    """Return every instrument with its slot."""
    return [row.contract() for row in Instrument.objects.all()]


def asset_slots() -> dict[str, int]:
    """Return the gate's slot of each asset."""
    return dict(Asset.objects.values_list("code", "slot"))
