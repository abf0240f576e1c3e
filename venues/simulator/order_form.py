"""From parameters to an order whose form and filters are right, or Binance's refusal."""

from __future__ import annotations

import re
from collections.abc import Callable

from venues.simulator.catalogue import names
from venues.simulator.errors import (
    Refusal,
    filter_failure,
    illegal_characters,
    missing,
    not_required,
    order_rejected,
)
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.listing import ORDER_TYPES, Listing
from venues.simulator.orders import NewOrder
from venues.simulator.parameters import Parameters
from venues.simulator.symbol_market import SymbolMarket

CLIENT_ORDER_ID = r"^[a-zA-Z0-9-_]{1,36}$"
TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
UNSUPPORTED = {
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}
NEVER_SUPPORTED = {
    "icebergQty": "Iceberg orders are not supported for this symbol.",
    "trailingDelta": "Trailing stop orders are not supported for this symbol.",
    "pegPriceType": "Pegged orders are not supported for this symbol.",
}
NEW_ORDER_PARAMETERS = names(
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType "
    "stopPrice trailingDelta icebergQty newOrderRespType selfTradePreventionMode pegPriceType pegOffsetValue "
    "pegOffsetType"
)


def read_new_order(
    exchange: SimulatedExchange, account: int, sent: Parameters, new_id: Callable[[], str]
) -> NewOrder:
    """Return the order that the parameters describe; `new_id` names one without newClientOrderId."""
    market = exchange.market(sent.required("symbol"))
    side = sent.one_of("side", ("BUY", "SELL"), Refusal(-1117, "Invalid side."))
    kind = sent.one_of("type", (*ORDER_TYPES, *UNSUPPORTED), Refusal(-1116, "Invalid orderType."))
    if kind in UNSUPPORTED:
        raise order_rejected(UNSUPPORTED[kind])
    check_unsupported(sent)
    quantity, quote_units, price = read_amounts(sent, kind)
    check_filters(exchange, market, account, side, kind, price, quantity, quote_units)
    return NewOrder(
        symbol=market.listing.symbol,
        side=side,
        type=kind,
        tif=read_time_in_force(sent, kind),
        price_ticks=price // market.listing.tick,
        lots=quantity // market.listing.lot,
        quote_units=quote_units,
        client_order_id=read_client_order_id(sent, "newClientOrderId") or new_id(),
        response_type=read_response_type(sent, kind),
        self_trade_prevention=read_self_trade_prevention(sent),
        strategy_id=sent.integer("strategyId") or 0,
        strategy_type=read_strategy_type(sent),
    )


def read_client_order_id(sent: Parameters, name: str) -> str | None:
    """Return the client order id; refuses characters that are not legal in one."""
    value = sent.text(name)
    if value is not None and not re.match(CLIENT_ORDER_ID, value):
        raise illegal_characters(name, CLIENT_ORDER_ID)
    return value


def check_unsupported(sent: Parameters) -> None:
    """Refuse parameters of kinds of orders that no symbol here supports."""
    if "stopPrice" in sent.values:
        raise not_required("stopPrice")
    for name, text in NEVER_SUPPORTED.items():
        if name in sent.values:
            raise order_rejected(text)


def read_amounts(sent: Parameters, kind: str) -> tuple[int, int, int]:
    """Return quantity, quote amount and price in units; zero where the kind has none."""
    if kind != "MARKET":
        if "quoteOrderQty" in sent.values:
            raise not_required("quoteOrderQty")
        quantity, price = sent.required_units("quantity"), sent.required_units("price")
        return quantity, 0, price
    if "price" in sent.values:
        raise not_required("price")
    lots, amount = sent.units("quantity"), sent.units("quoteOrderQty")
    if lots is None and amount is None:
        raise Refusal(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    if lots is not None and amount is not None:
        raise not_required("quoteOrderQty")
    return lots or 0, amount or 0, 0


def read_time_in_force(sent: Parameters, kind: str) -> str:
    """Return the time in force; only LIMIT takes one, the others count as GTC."""
    if kind == "LIMIT":
        return sent.one_of("timeInForce", TIMES_IN_FORCE, Refusal(-1115, "Invalid timeInForce."))
    if "timeInForce" in sent.values:
        raise not_required("timeInForce")
    return "GTC"


def read_response_type(sent: Parameters, kind: str) -> str:
    """Return how detailed the answer shall be."""
    value = sent.text("newOrderRespType")
    if value is None:
        return "ACK" if kind == "LIMIT_MAKER" else "FULL"
    if value not in ("ACK", "RESULT", "FULL"):
        raise missing("newOrderRespType")
    return value


def read_self_trade_prevention(sent: Parameters) -> str:
    """Return the mode; EXPIRE_MAKER is the only one that symbols here allow."""
    value = sent.text("selfTradePreventionMode") or "EXPIRE_MAKER"
    if value != "EXPIRE_MAKER":
        raise order_rejected("This symbol does not allow the specified self-trade prevention mode.")
    return value


def read_strategy_type(sent: Parameters) -> int:
    """Return the strategy type; below a million they are reserved."""
    value = sent.integer("strategyType")
    if value is not None and value < 1_000_000:
        raise Refusal(-1134, "`strategyType` was less than 1000000.")
    return value or 0


def check_filters(
    exchange: SimulatedExchange,
    market: SymbolMarket,
    account: int,
    side: str,
    kind: str,
    price: int,
    quantity: int,
    quote_units: int,
) -> None:
    """Refuse what the symbol's filters do not let pass, in the order in which they are listed."""
    listing = market.listing
    average = market.tape.average_ticks() * listing.tick
    if kind != "MARKET":
        check_price(listing, price)
    if quantity or not quote_units:
        check_quantity(listing, kind, quantity)
    if kind != "MARKET":
        check_percent_price(listing, price, average)
    check_notional(listing, kind, price or average, quantity, quote_units)
    open_orders = exchange.settlement.orders[account].open.values()
    if sum(1 for one in open_orders if one.request.symbol == listing.symbol) >= listing.shape.orders_max:
        raise filter_failure("MAX_NUM_ORDERS")


def check_price(listing: Listing, price: int) -> None:
    """Refuse a price outside the range or between two ticks."""
    if not listing.tick <= price <= listing.price_max or price % listing.tick:
        raise filter_failure("PRICE_FILTER")


def check_quantity(listing: Listing, kind: str, quantity: int) -> None:
    """Refuse a quantity outside the range or between two lots."""
    if not listing.lot <= quantity <= listing.quantity_max or quantity % listing.lot:
        raise filter_failure("LOT_SIZE")
    if kind == "MARKET" and quantity > listing.market_quantity_max:
        raise filter_failure("MARKET_LOT_SIZE")


def check_percent_price(listing: Listing, price: int, average: int) -> None:
    """Refuse a price too far from the average of the last minutes."""
    if not average * listing.price_down <= price <= average * listing.price_up:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def check_notional(listing: Listing, kind: str, price: int, quantity: int, quote_units: int) -> None:
    """Refuse an order that is worth too little or too much; the maximum spares MARKET orders."""
    value = quote_units or price * quantity // 10**8
    too_large = kind != "MARKET" and value > listing.notional_max
    if value < listing.notional_min or too_large:
        raise filter_failure("NOTIONAL")
