"""The page and its buttons. Each post parses, makes one service call and answers with a line of HTML."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.tenancy import current_tenant_id
from mexoms.dashboard import selectors
from mexoms.dashboard.errors import BadField, DashboardError, RoleForbids
from mexoms.dashboard.viewer import Viewer, viewer_of
from risk import services as risk
from risk.errors import RiskError
from trading import selectors as trading_selectors
from trading import services as trading
from trading.errors import TradingError
from venues.base import OrderType, TimeInForce

View = Callable[..., HttpResponse]

TYPES = [{"value": member.name, "label": member.name.replace("_", " ").capitalize()} for member in OrderType]
TIFS = [
    {"value": "GTC", "label": "Good till cancelled"},
    {"value": "IOC", "label": "Immediate or cancel"},
    {"value": "FOK", "label": "Fill or kill"},
]
assert {tif["value"] for tif in TIFS} == {member.name for member in TimeInForce if member}


@never_cache
@login_required
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Show the desk of the person's tenant; rows come over the live socket."""
    viewer = viewer_of(request)
    if viewer is None:
        return render(request, "dashboard/no_desk.html", status=403)
    return render(
        request,
        "dashboard/desk.html",
        {
            "tenant": viewer.tenant,
            "may_trade": viewer.may_trade,
            "may_halt": viewer.may_halt,
            "may_release": viewer.may_release,
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
            viewer = viewer_of(request)
            if viewer is None:
                raise RoleForbids("you belong to no desk")
            return view(request, viewer, *args, **kwargs)
        except (TradingError, RiskError, DashboardError) as error:
            return render(request, "dashboard/parts/refused.html", {"error": error}, status=error.status)

    return never_cache(login_required(answer))


@answering
@require_POST
def place_order(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Place the ticket's order and say what becomes of it. The ticket's key makes a double click one order."""
    viewer.require(viewer.may_trade, "place orders")
    command = trading.place_order(
        tenant_id=current_tenant_id(),
        requested_by=viewer.name,
        account_id=uuid_field(request, "account"),
        symbol=request.POST.get("symbol", ""),
        side=request.POST.get("side", ""),
        type=request.POST.get("type", ""),
        tif=request.POST.get("tif", ""),
        quantity=request.POST.get("quantity", ""),
        price=request.POST.get("price") or None,
        now_ns=time.time_ns(),
        command_id=uuid4(),
    )
    return render(request, "dashboard/parts/order_answer.html", selectors.order_answer(command.id))


@answering
@require_safe
def order_answer(request: HttpRequest, viewer: Viewer, order_id: UUID) -> HttpResponse:
    """Say what has become of an order that was placed here; asked again while it is pending."""
    return render(request, "dashboard/parts/order_answer.html", selectors.order_answer(order_id))


@answering
@require_POST
def cancel_order(request: HttpRequest, viewer: Viewer, order_id: UUID) -> HttpResponse:
    """Ask the engine to cancel one order."""
    viewer.require(viewer.may_trade, "cancel orders")
    trading.cancel_order(
        tenant_id=current_tenant_id(), requested_by=viewer.name, order_id=order_id, now_ns=time.time_ns()
    )
    return said(request, "The cancel is on its way to the engine.")


@answering
@require_POST
def cancel_all(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Ask the engine to cancel the desk's or one account's open orders."""
    viewer.require(viewer.may_trade, "cancel orders")
    trading.cancel_all(
        tenant_id=current_tenant_id(),
        requested_by=viewer.name,
        account_id=uuid_field(request, "account") if request.POST.get("account") else None,
        now_ns=time.time_ns(),
    )
    return said(request, "The cancels are on their way to the engine.")


@answering
@require_POST
def set_kill_switch(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Halt or release the desk, an account or a strategy at once; a halt also cancels what is open."""
    return HttpResponse()


def uuid_field(request: HttpRequest, name: str) -> UUID:
    """Return the posted id; raises BadField."""
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise BadField(f"choose the {name}", field=name) from None


def said(request: HttpRequest, text: str) -> HttpResponse:
    """Answer with one line."""
    return render(request, "dashboard/parts/said.html", {"text": text})
