"""Placing, cancelling and asking for orders."""

from __future__ import annotations

from typing import Any

from venues.simulator import order_payloads
from venues.simulator.catalogue import SIGNED, Call, Endpoint, check_window, names
from venues.simulator.errors import Refusal, no_such_order
from venues.simulator.order_form import NEW_ORDER_PARAMETERS, read_client_order_id, read_new_order
from venues.simulator.orders import Order
from venues.simulator.parameters import Parameters

ORDERS_MAX = 1000
CANCEL_RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


def place_order(call: Call) -> dict[str, Any]:
    """Place an order."""
    request = read_new_order(call.exchange, call.account, call.sent, lambda: fresh_client_id(call))
    order = call.exchange.place(call.account, request, call.now_ns)
    return order_payloads.placed(order, call.exchange.market(request.symbol).listing)


def test_order(call: Call) -> dict[str, Any]:
    """Check an order's form and filters without placing it."""
    read_new_order(call.exchange, call.account, call.sent, lambda: "unused")
    if call.sent.text("computeCommissionRates") != "true":
        return {}
    zero = {"maker": "0.00000000", "taker": "0.00000000"}
    return {
        "standardCommissionForOrder": standard_rates(call),
        "specialCommissionForOrder": zero,
        "taxCommissionForOrder": zero,
        "discount": NO_DISCOUNT,
    }


def cancel_order(call: Call) -> dict[str, Any]:
    """Cancel one open order."""
    symbol = call.exchange.market(call.sent.required("symbol")).listing.symbol
    order_id, client_id = named_order(call.sent)
    check_restriction(call, symbol, order_id, client_id)
    cancel_id = read_client_order_id(call.sent, "newClientOrderId") or fresh_client_id(call)
    order = call.exchange.cancel(call.account, symbol, order_id, client_id, cancel_id, call.now_ns)
    return order_payloads.cancelled(order, call.exchange.market(symbol).listing)


def cancel_open_orders(call: Call) -> list[dict[str, Any]]:
    """Cancel all open orders of a symbol."""
    market = call.exchange.market(call.sent.required("symbol"))
    symbol = market.listing.symbol
    orders = call.exchange.cancel_all(call.account, symbol, lambda: fresh_client_id(call), call.now_ns)
    return [order_payloads.cancelled(order, market.listing) for order in orders]


def query_order(call: Call) -> dict[str, Any]:
    """Return one order, open or not."""
    market = call.exchange.market(call.sent.required("symbol"))
    order_id, client_id = named_order(call.sent)
    order = call.exchange.settlement.orders[call.account].find(market.listing.symbol, order_id, client_id)
    if order is None:
        raise no_such_order()
    return order_payloads.order_state(order, market.listing)


def open_orders(call: Call) -> list[dict[str, Any]]:
    """Return the open orders, of one symbol or of all."""
    symbol = call.sent.text("symbol")
    if symbol is not None:
        call.exchange.market(symbol)
    orders = call.exchange.settlement.orders[call.account].open.values()
    return [state_of(call, order) for order in orders if symbol in (None, order.request.symbol)]


def all_orders(call: Call) -> list[dict[str, Any]]:
    """Return orders from an id on, of a time range, or the latest."""
    symbol = call.exchange.market(call.sent.required("symbol")).listing.symbol
    first_id, limit = call.sent.integer("orderId"), call.sent.integer_within("limit", 500, ORDERS_MAX)
    start, end = call.sent.integer("startTime"), call.sent.integer("endTime")
    check_window(start, end, hours=24)
    found = [
        order
        for order in call.exchange.settlement.orders[call.account].all(symbol)
        if order.order_id >= (first_id or 0) and (start or 0) <= order.time_ms <= (end or order.time_ms)
    ]
    chosen = found[:limit] if first_id is not None or start is not None else found[-limit:]
    return [state_of(call, order) for order in chosen]


def order_counts(call: Call) -> list[dict[str, Any]]:
    """Return the account's unfilled orders per interval."""
    return call.exchange.settlement.order_counts[call.account].states(call.now_ns)


def state_of(call: Call, order: Order) -> dict[str, Any]:
    """Return an order as queries list it."""
    return order_payloads.order_state(order, call.exchange.market(order.request.symbol).listing)


def named_order(sent: Parameters) -> tuple[int | None, str | None]:
    """Return the ids that name an order; refuses a request that names none."""
    order_id, client_id = sent.integer("orderId"), sent.text("origClientOrderId")
    if order_id is None and client_id is None:
        raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return order_id, client_id


def check_restriction(call: Call, symbol: str, order_id: int | None, client_id: str | None) -> None:
    """Refuse a cancel that is restricted to another state of the order."""
    restriction = call.sent.text("cancelRestrictions")
    if restriction is None:
        return
    if restriction not in CANCEL_RESTRICTIONS:
        raise Refusal(-1145, "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.")
    order = call.exchange.settlement.orders[call.account].find_open(symbol, order_id, client_id)
    if order is not None and order.status != CANCEL_RESTRICTIONS[restriction]:
        raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")


def fresh_client_id(call: Call) -> str:
    """Return an id such as the exchange gives where the client named none: 22 letters and digits."""
    settlement = call.exchange.settlement
    settlement.next_execution_id += 1
    return f"sim{settlement.next_execution_id:019d}"


def standard_rates(call: Call) -> dict[str, str]:
    """Return the commission rates of the account."""
    fees = call.exchange.config.fees
    return {"maker": f"{fees.maker:0<10}", "taker": f"{fees.taker:0<10}"}


NO_DISCOUNT = {
    "enabledForAccount": False,
    "enabledForSymbol": False,
    "discountAsset": "BNB",
    "discount": "0.75000000",
}

ENDPOINTS = [
    Endpoint(
        method="POST",
        rest="/api/v3/order",
        websocket="order.place",
        weight=1,
        security=SIGNED,
        parameters=NEW_ORDER_PARAMETERS,
        handler=place_order,
        costs_order=True,
        free_on_success=True,
    ),
    Endpoint(
        method="POST",
        rest="/api/v3/order/test",
        websocket="order.test",
        weight=lambda sent: 20 if sent.values.get("computeCommissionRates") == "true" else 1,
        security=SIGNED,
        parameters=NEW_ORDER_PARAMETERS | {"computeCommissionRates"},
        handler=test_order,
    ),
    Endpoint(
        method="DELETE",
        rest="/api/v3/order",
        websocket="order.cancel",
        weight=1,
        security=SIGNED,
        parameters=names("symbol orderId origClientOrderId newClientOrderId cancelRestrictions"),
        handler=cancel_order,
        free_on_success=True,
    ),
    Endpoint(
        method="DELETE",
        rest="/api/v3/openOrders",
        websocket="openOrders.cancelAll",
        weight=1,
        security=SIGNED,
        parameters=names("symbol"),
        handler=cancel_open_orders,
        free_on_success=True,
    ),
    Endpoint(
        method="GET",
        rest="/api/v3/order",
        websocket="order.status",
        weight=4,
        security=SIGNED,
        parameters=names("symbol orderId origClientOrderId"),
        handler=query_order,
    ),
    Endpoint(
        method="GET",
        rest="/api/v3/openOrders",
        websocket="openOrders.status",
        weight=lambda sent: 6 if "symbol" in sent.values else 80,
        security=SIGNED,
        parameters=names("symbol"),
        handler=open_orders,
    ),
    Endpoint(
        method="GET",
        rest="/api/v3/allOrders",
        websocket="allOrders",
        weight=20,
        security=SIGNED,
        parameters=names("symbol orderId startTime endTime limit"),
        handler=all_orders,
    ),
    Endpoint(
        method="GET",
        rest="/api/v3/rateLimit/order",
        websocket="account.rateLimits.orders",
        weight=40,
        security=SIGNED,
        handler=order_counts,
    ),
]
