"""Reads of the dashboard: who watches, and what his desk looks like now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import auth
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from accounts import selectors as accounts_selectors
from accounts.middleware import CHOSEN_DESK
from accounts.models import ExchangeAccount
from accounts.tenancy import tenant_scope
from risk import selectors as risk_selectors
from trading import live
from trading import selectors as trading_selectors
from trading.errors import UnknownOrder
from trading.models import Command, CommandState, Instrument, Order
from trading.models.orders import TERMINAL_STATES

Row = dict[str, Any]

#: Rows that a snapshot holds at most, newest first.
OPEN_ORDERS_MAX = 2_000
FILLS_MAX = 200
REFUSALS_MAX = 100
SYMBOLS_MAX = 500
ANSWERED = ("client_order_id", "state", "code", "text")
REFUSALS_SINCE = timedelta(days=1)
#: Accounts, positions and balances: what 200 accounts hold in a few dozen assets.
HOLDINGS_MAX = 10_000
REFUSED_STATES = ("refused", "rejected", "not_sent")


def tenant_of_session(session_key: str) -> UUID | None:
    """Return the tenant that the session's person works for, None when either has ended.

    Reads the session and the person anew each time, so that a revoked one shows.
    """
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = auth.get_user(request)
    if not user.is_authenticated:
        return None
    membership = accounts_selectors.membership_of(user, request.session.get(CHOSEN_DESK))
    return membership.tenant_id if membership else None


def desk_rows(tenant_id: UUID) -> dict[str, list[Row]]:
    """Return the tenant's desk as the live socket's snapshot, read in one transaction."""
    orders = trading_selectors.orders
    with tenant_scope(tenant_id):
        return {
            "accounts": rows(trading_selectors.accounts(since=midnight()), live.account_row, HOLDINGS_MAX),
            "orders": rows(
                orders().exclude(state__in=TERMINAL_STATES).order_by("-created_at", "-id"),
                live.order_row,
                OPEN_ORDERS_MAX,
            ),
            "fills": rows(
                trading_selectors.fills().order_by("-executed_at", "-id"), live.fill_row, FILLS_MAX
            ),
            "positions": rows(trading_selectors.positions(), live.position_row, HOLDINGS_MAX),
            "balances": rows(trading_selectors.balances(), live.balance_row, HOLDINGS_MAX),
            "refusals": rows(
                # The day's, since no index knows refusals apart from other orders.
                orders()
                .filter(state__in=REFUSED_STATES, created_at__gte=datetime.now(UTC) - REFUSALS_SINCE)
                .order_by("-created_at", "-id"),
                live.order_row,
                REFUSALS_MAX,
            ),
            "kill_switches": switch_rows(),
        }


def kill_switches(tenant_id: UUID) -> list[Row]:
    """Return the tenant's kill switches."""
    with tenant_scope(tenant_id):
        return switch_rows()


def switch_rows() -> list[Row]:
    """Return the current tenant's kill switches."""
    return rows(risk_selectors.kill_switches(), risk_selectors.kill_switch_row, HOLDINGS_MAX)


def active_accounts() -> list[dict[str, Any]]:
    """Return id, name and whether people may order on it, of the current tenant's active accounts."""
    fields = ("id", "name", "kind", "reserved_for")
    found = ExchangeAccount.objects.filter(active=True).order_by("slot").values(*fields)
    return [{**row, "for_people": row["kind"] != "strategy" and not row["reserved_for"]} for row in found]


def tradable_symbols() -> list[str]:
    """Return the symbols that a venue trades now."""
    found = Instrument.objects.filter(trading=True).order_by("symbol").values_list("symbol", flat=True)
    return list(found.distinct()[:SYMBOLS_MAX])


def order_answer(order_id: UUID) -> dict[str, Any]:
    """Return what has become of an order placed on the page: its row's state, else its command's.

    Raises UnknownOrder. `state` is pending while the engine has not answered.
    """
    order = Order.objects.filter(id=order_id).values(*ANSWERED).first()
    if order is not None:
        return {**order, "order_id": order_id, "refused": order["state"] in REFUSED_STATES}
    command = Command.objects.filter(id=order_id, kind="place").first()
    if command is None:
        raise UnknownOrder("there is no such order", order=str(order_id))
    # An accepted command's order is on its way through the journal.
    waits = command.state in {CommandState.PENDING, CommandState.ACCEPTED}
    state = "pending" if waits else command.state
    answer = {"state": state, "code": command.code, "text": command.text}
    return {**answer, "order_id": order_id, "refused": not waits}


def rows(query: Any, row: Any, rows_max: int) -> list[Row]:
    """Return the query's first rows in the shape of the API's lists."""
    return [row(values) for values in query[:rows_max]]


def midnight() -> datetime:
    """Return when the desk's day began, in UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
