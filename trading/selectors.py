"""Reads of trading. The tenant's lists answer plain values, which `trading.live` turns into rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts import selectors as accounts_selectors
from accounts.models import ExchangeAccount, Tenant
from accounts.tenancy import current_tenant_id, tenant_scope
from accounts.wire_format import id_text, time_text
from trading import live
from trading.errors import UnknownOrder
from trading.models import Asset, Balance, Command, Fill, Instrument, Order, Position
from trading.types import Account, AccountSecret
from venues.base import Instrument as VenueInstrument
from venues.base import OrderType, Side, TimeInForce

log = logging.getLogger(__name__)

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
    found: ValuesQuery = ExchangeAccount.objects.annotate(orders_today=count).values(
        *ACCOUNT_VALUES, "orders_today"
    )
    return found


def instruments() -> ValuesQuery:
    """Return every instrument; they are the same for all tenants."""
    found: Any = Instrument.objects.values()
    return cast("ValuesQuery", found)


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


def order(*, order_id: UUID) -> dict[str, Any]:
    """Return the tenant's order, or what its command says while there is no row; raises UnknownOrder."""
    found = orders().filter(id=order_id).first()
    if found is not None:
        return found
    command = Command.objects.filter(id=order_id, kind="place").select_related("account").first()
    if command is None:
        raise UnknownOrder("there is no such order", order=str(order_id))
    return order_of_command(command)


#: What the order of a command without an order row is called.
STATES_WITHOUT_ROW = {
    "pending": "pending",
    "accepted": "pending",
    "refused": "refused",
    "expired": "not_sent",
}


def order_of_command(command: Command) -> dict[str, Any]:
    """Return the values of an order that the engine has not written down yet."""
    message = command.payload
    instrument = Instrument.objects.get(id=message["instrument"])
    contract = instrument.contract()
    tif = TimeInForce(message["tif"])
    return dict.fromkeys(ORDER_VALUES) | {
        "id": command.id,
        "account_id": command.account_id,
        "account__name": command.account.name if command.account else "",
        "instrument__venue": instrument.venue,
        "instrument__symbol": instrument.symbol,
        "client_order_id": command.client_order_id,
        "side": Side(message["side"]).name,
        "type": OrderType(message["type"]).name,
        "tif": "" if tif is TimeInForce.NONE else tif.name,
        "price": contract.price(message["price_ticks"]) if message["price_ticks"] else None,
        "quantity": contract.quantity(message["quantity_lots"]),
        "filled_quantity": Decimal(0),
        "state": STATES_WITHOUT_ROW[command.state],
        "code": command.code,
        "text": command.text,
        "tag": "",
        "why": "",
        "created_at": command.created_at,
        "updated_at": command.handled_at or command.created_at,
    }


def command_row(command: Command, *, order: UUID | None = None) -> live.Row:
    """Return a command as the API answers it."""
    return {
        "id": str(command.id),
        "kind": command.kind,
        "state": command.state,
        "order": id_text(order),
        "deadline_at": time_text(command.deadline_at),
        "created_at": time_text(command.created_at),
    }


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


def engine_accounts(
    shard: int, *, slot_of_instance: Callable[[UUID], int | None]
) -> tuple[tuple[Account, ...], tuple[AccountSecret, ...]]:
    """Return the shard's active accounts of all tenants, and their opened keys.

    An account without an active key is left out: the engine could not trade it.
    `slot_of_instance` names the slot of a strategy instance, which trading cannot
    know; it is called in the instance's tenant.
    """
    accounts: list[Account] = []
    secrets: list[AccountSecret] = []
    for tenant in accounts_selectors.tenants_of_shard(shard):
        with tenant_scope(tenant.id):
            for row in ExchangeAccount.objects.filter(active=True).order_by("slot"):
                key = accounts_selectors.active_key(row)
                if key is None:
                    continue
                reserved_for = slot_of_instance(row.reserved_for) if row.reserved_for else -1
                if reserved_for is None:
                    log.error("account %s is reserved for an instance that is gone: nobody trades it", row.id)
                    continue
                accounts.append(engine_account(row, tenant.slot, reserved_for))
                secrets.append(AccountSecret(row.slot, *accounts_selectors.open_secret(key)))
    return tuple(accounts), tuple(secrets)


def engine_account(row: ExchangeAccount, tenant_slot: int, reserved_for: int) -> Account:
    """Return the account as the engine knows it."""
    return Account(
        slot=row.slot,
        id=str(row.id),
        tenant_slot=tenant_slot,
        tenant_id=str(row.tenant_id),
        name=row.name,
        venue=row.venue,
        kind=row.kind,
        reserved_for=reserved_for,
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


def slot_of(scope: str, target: UUID | None) -> int | None:
    """Return the gate's slot of the current tenant, or of one of its accounts."""
    if scope == "tenant" and target is None:
        return Tenant.objects.values_list("slot", flat=True).get(id=current_tenant_id())
    return ExchangeAccount.objects.filter(id=target).values_list("slot", flat=True).first()
