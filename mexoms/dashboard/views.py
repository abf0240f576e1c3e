"""The page and its buttons. Each post parses, makes one service call and answers with a line of HTML."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Access, access_of
from accounts.errors import AccountsError, NotAMember, ScopeMissing
from mexoms.dashboard import selectors
from mexoms.dashboard.errors import BadField, DashboardError
from mexoms.dashboard.kill_switch import parse_target, throw_switch
from risk.errors import RiskError
from risk.people import RISK_ROLES
from risk.services.kill_switches import STOP_ROLES
from trading import services as trading
from trading.errors import TradingError
from venues.base import OrderType, TimeInForce

View = Callable[..., HttpResponse]

FRAGMENT_HEADER = "X-Desk-Answer"

TYPES = [{"value": member.name, "label": member.name.replace("_", " ").capitalize()} for member in OrderType]
TIFS = [{"value": member.name, "label": member.name} for member in TimeInForce if member]
#: How often the page asks what became of an order before it leaves that to the tables.
ASKED_MAX = 60


@never_cache
@login_required
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Show the desk of the person's tenant; rows come over the live socket."""
    access = access_of(request)
    if access is None:
        return render(request, "dashboard/no_desk.html", status=403)
    return render(
        request,
        "dashboard/desk.html",
        {
            "desk": access.tenant,
            "may_trade": "trade" in access.scopes,
            "may_halt": access.role in STOP_ROLES,
            "may_release": access.role in RISK_ROLES,
            "accounts": selectors.active_accounts(),
            "instruments": selectors.tradable_symbols(),
            "types": TYPES,
            "tifs": TIFS,
        },
    )


def answering(view: View) -> View:
    """Let a person of a desk post; answer what services refuse with its code and message, as HTML."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            access = access_of(request)
            if access is None:
                raise NotAMember("you belong to no desk")
            return view(request, access, *args, **kwargs)
        except (TradingError, RiskError, AccountsError, DashboardError) as error:
            return fragment(request, "refused", {"error": error}, status=error.status)

    return never_cache(login_required(answer))


@answering
@require_POST
def place_order(request: HttpRequest, access: Access) -> HttpResponse:
    """Place the ticket's order and say what becomes of it."""
    require_trade(access)
    command = trading.place_order(
        tenant_id=access.tenant_id,
        requested_by=access.name,
        account_id=uuid_field(request, "account"),
        symbol=request.POST.get("symbol", ""),
        side=request.POST.get("side", ""),
        type=request.POST.get("type", ""),
        tif=request.POST.get("tif", ""),
        quantity=request.POST.get("quantity", ""),
        price=request.POST.get("price") or None,
        now_ns=time.time_ns(),
    )
    return fragment(request, "order_answer", {**selectors.order_answer(command.id), "asked": 0})


@answering
@require_safe
def order_answer(request: HttpRequest, access: Access, order_id: UUID) -> HttpResponse:
    """Say what has become of an order that was placed here; asked again while it is pending."""
    asked = int_field(request, "asked") + 1
    return fragment(
        request, "order_answer", {**selectors.order_answer(order_id), "asked": asked, "asked_max": ASKED_MAX}
    )


@answering
@require_POST
def cancel_order(request: HttpRequest, access: Access, order_id: UUID) -> HttpResponse:
    """Ask the engine to cancel one order."""
    require_trade(access)
    trading.cancel_order(
        tenant_id=access.tenant_id, requested_by=access.name, order_id=order_id, now_ns=time.time_ns()
    )
    return said(request, "The cancel is on its way to the engine.")


@answering
@require_POST
def cancel_all(request: HttpRequest, access: Access) -> HttpResponse:
    """Ask the engine to cancel the desk's or one account's open orders."""
    require_trade(access)
    trading.cancel_all(
        tenant_id=access.tenant_id,
        requested_by=access.name,
        account_id=uuid_field(request, "account") if request.POST.get("account") else None,
        now_ns=time.time_ns(),
    )
    return said(request, "The cancels are on their way to the engine.")


@answering
@require_POST
def set_kill_switch(request: HttpRequest, access: Access) -> HttpResponse:
    """Halt or release the desk, an account or a strategy at once; a halt also cancels what is open."""
    scope, target = parse_target(request.POST.get("target", ""))
    text = throw_switch(
        access=access,
        scope=scope,
        target=target,
        state=request.POST.get("state", ""),
        reason=request.POST.get("reason", ""),
        now_ns=time.time_ns(),
    )
    return said(request, text)


def require_trade(access: Access) -> None:
    """Raise ScopeMissing where the person's role may only look."""
    if "trade" not in access.scopes:
        raise ScopeMissing("this takes the scope trade", needs=["trade"])


def uuid_field(request: HttpRequest, name: str) -> UUID:
    """Return the posted id; raises BadField."""
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise BadField(f"choose the {name}", field=name) from None


def int_field(request: HttpRequest, name: str) -> int:
    """Return the count in the address; raises BadField."""
    try:
        return int(request.GET.get(name, "0"))
    except ValueError:
        raise BadField(f"{name} is a number", field=name) from None


def said(request: HttpRequest, text: str) -> HttpResponse:
    """Answer with one line."""
    return fragment(request, "said", {"text": text})


def fragment(request: HttpRequest, part: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Answer with a part of the page, marked as one: the page takes in nothing else."""
    response = render(request, f"dashboard/parts/{part}.html", context, status=status)
    response[FRAGMENT_HEADER] = part
    return response
