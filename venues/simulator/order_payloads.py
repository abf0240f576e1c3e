"""Orders, trades and account changes as Binance writes them."""

from __future__ import annotations

from typing import Any

from venues.simulator.amounts import amount_text
from venues.simulator.listing import Listing
from venues.simulator.orders import AccountTrade, Order

ZERO = amount_text(0)


def order_state(order: Order, listing: Listing) -> dict[str, Any]:
    """Return the order as order queries list it."""
    return {
        "symbol": order.request.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.request.client_order_id,
        "price": listing.price(order.request.price_ticks),
        "origQty": listing.quantity(order.lots),
        "executedQty": listing.quantity(order.filled_lots),
        "cummulativeQuoteQty": amount_text(order.filled_quote),
        "status": order.status,
        "timeInForce": order.request.tif,
        "type": order.request.type,
        "side": order.request.side,
        "stopPrice": ZERO,
        "icebergQty": ZERO,
        "time": order.time_ms,
        "updateTime": order.update_ms,
        "isWorking": True,
        "workingTime": order.time_ms,
        "origQuoteOrderQty": amount_text(order.request.quote_units),
        "selfTradePreventionMode": order.request.self_trade_prevention,
        **expiry(order),
    }


def expiry(order: Order) -> dict[str, Any]:
    """Return why the order expired, where it did."""
    return {"expiryReason": order.expiry_reason} if order.expiry_reason else {}


def placed(order: Order, listing: Listing) -> dict[str, Any]:
    """Return the answer to a new order in the form that it asked for: ACK, RESULT or FULL."""
    answer: dict[str, Any] = {
        "symbol": order.request.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.request.client_order_id,
        "transactTime": order.update_ms,
    }
    if order.request.response_type == "ACK":
        return answer
    answer |= _result(order, listing)
    answer["workingTime"] = order.time_ms
    if order.request.response_type == "FULL":
        answer["fills"] = [_fill(trade, listing) for trade in order.trades]
    answer["selfTradePreventionMode"] = order.request.self_trade_prevention
    return answer | expiry(order)


def cancelled(order: Order, listing: Listing) -> dict[str, Any]:
    """Return the answer to a cancel."""
    return {
        "symbol": order.request.symbol,
        "origClientOrderId": order.request.client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.cancelled_by,
        "transactTime": order.update_ms,
        **_result(order, listing),
        "selfTradePreventionMode": order.request.self_trade_prevention,
    }


def my_trade(trade: AccountTrade, listing: Listing) -> dict[str, Any]:
    """Return a trade as myTrades lists it."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": listing.price(trade.ticks),
        "qty": listing.quantity(trade.lots),
        "quoteQty": amount_text(trade.quote_units),
        "commission": amount_text(trade.fee_units),
        "commissionAsset": trade.fee_asset,
        "time": trade.time_ms,
        "isBuyer": trade.is_buyer,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def execution_report(
    order: Order,
    listing: Listing,
    kind: str,
    now_ms: int,
    execution_id: int,
    trade: AccountTrade | None = None,
) -> dict[str, Any]:
    """Return the user stream's event about one change of one order."""
    cancel = kind == "CANCELED"
    return {
        "e": "executionReport",
        "E": now_ms,
        "s": order.request.symbol,
        "c": order.cancelled_by if cancel else order.request.client_order_id,
        "S": order.request.side,
        "o": order.request.type,
        "f": order.request.tif,
        "q": listing.quantity(order.lots),
        "p": listing.price(order.request.price_ticks),
        "P": ZERO,
        "F": ZERO,
        "g": -1,
        "C": order.request.client_order_id if cancel else "",
        "x": kind,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": listing.quantity(trade.lots) if trade else ZERO,
        "z": listing.quantity(order.filled_lots),
        "L": listing.price(trade.ticks) if trade else ZERO,
        "n": amount_text(trade.fee_units) if trade else "0",
        "N": trade.fee_asset if trade else None,
        "T": order.update_ms,
        "t": trade.trade_id if trade else -1,
        "I": execution_id,
        "w": order.is_open and (kind == "NEW" or order.request.tif == "GTC"),
        "m": trade.is_maker if trade else False,
        "M": trade is not None,
        "O": order.time_ms,
        "Z": amount_text(order.filled_quote),
        "Y": amount_text(trade.quote_units) if trade else ZERO,
        "Q": amount_text(order.request.quote_units),
        "W": order.time_ms,
        "V": order.request.self_trade_prevention,
        **_strategy(order),
        **({"eR": order.expiry_reason} if order.expiry_reason else {}),
        **({"A": listing.quantity(order.prevented_lots)} if order.prevented_lots else {}),
    }


def account_position(balances: list[tuple[str, int, int]], now_ms: int) -> dict[str, Any]:
    """Return the user stream's event about balances: rows of (asset, free, locked)."""
    return {
        "e": "outboundAccountPosition",
        "E": now_ms,
        "u": now_ms,
        "B": [
            {"a": asset, "f": amount_text(free), "l": amount_text(locked)} for asset, free, locked in balances
        ],
    }


def balance_update(asset: str, units: int, now_ms: int) -> dict[str, Any]:
    """Return the user stream's event about a deposit."""
    return {"e": "balanceUpdate", "E": now_ms, "a": asset, "d": amount_text(units), "T": now_ms}


def _strategy(order: Order) -> dict[str, Any]:
    found = {"j": order.request.strategy_id, "J": order.request.strategy_type}
    return {name: number for name, number in found.items() if number}


def _result(order: Order, listing: Listing) -> dict[str, Any]:
    return {
        "price": listing.price(order.request.price_ticks),
        "origQty": listing.quantity(order.lots),
        "executedQty": listing.quantity(order.filled_lots),
        "origQuoteOrderQty": amount_text(order.request.quote_units),
        "cummulativeQuoteQty": amount_text(order.filled_quote),
        "status": order.status,
        "timeInForce": order.request.tif,
        "type": order.request.type,
        "side": order.request.side,
    }


def _fill(trade: AccountTrade, listing: Listing) -> dict[str, Any]:
    return {
        "price": listing.price(trade.ticks),
        "qty": listing.quantity(trade.lots),
        "commission": amount_text(trade.fee_units),
        "commissionAsset": trade.fee_asset,
        "tradeId": trade.trade_id,
    }
