"""The rows that people and programs see: one shape for the API's lists and the live socket.

The builders take the plain values that `trading.selectors` selects. Ids of
venues are strings, since JavaScript rounds big integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.wire_format import amount_text, id_text, time_text

Row = dict[str, Any]
Values = Mapping[str, Any]


def account_row(values: Values) -> Row:
    """Return an account with what the engine says of it; `incomplete` until it said anything."""
    return {
        "id": str(values["id"]),
        "name": values["name"],
        "venue": values["venue"],
        "kind": values["kind"],
        "email": values["email"],
        "parent": id_text(values["parent_id"]),
        "reserved_for": id_text(values["reserved_for"]),
        "active": values["active"],
        "state": values["status__state"] or "incomplete",
        "reason": values["status__reason"] or "",
        "changed_at": time_text(values["status__changed_at"]),
        "orders_today": values["orders_today"],
    }


def instrument_row(values: Values) -> Row:
    """Return an instrument with its filters in decimal units."""
    tick, lot = values["tick"], values["lot"]
    return {
        "id": str(values["id"]),
        "venue": values["venue"],
        "symbol": values["symbol"],
        "base": values["base"],
        "quote": values["quote"],
        "tick": amount_text(tick),
        "lot": amount_text(lot),
        "price_min": amount_text(values["price_min_ticks"] * tick),
        "price_max": amount_text(values["price_max_ticks"] * tick),
        "quantity_min": amount_text(values["quantity_min_lots"] * lot),
        "quantity_max": amount_text(values["quantity_max_lots"] * lot),
        "market_quantity_max": amount_text(values["market_quantity_max_lots"] * lot),
        "notional_min": amount_text(Decimal(values["notional_min_units"]).scaleb(-values["quote_scale"])),
        "trading": values["trading"],
        "version": values["version"],
    }


def order_row(values: Values) -> Row:
    """Return an order; `strategy` is the strategy instance, null for people and programs."""
    return {
        "id": str(values["id"]),
        "account": str(values["account_id"]),
        "account_name": values["account__name"],
        "venue": values["instrument__venue"],
        "symbol": values["instrument__symbol"],
        "strategy": id_text(values["strategy_instance"]),
        "client_order_id": values["client_order_id"],
        "venue_order_id": id_text(values["venue_order_id"]),
        "side": values["side"],
        "type": values["type"],
        "tif": values["tif"],
        "price": amount_text(values["price"]),
        "quantity": amount_text(values["quantity"]),
        "filled_quantity": amount_text(values["filled_quantity"]),
        "average_price": amount_text(values["average_price"]),
        "state": values["state"],
        "code": values["code"],
        "text": values["text"],
        "refusal": values["refusal"],
        "tag": values["tag"],
        "why": values["why"],
        "created_at": time_text(values["created_at"]),
        "updated_at": time_text(values["updated_at"]),
    }


def fill_row(values: Values) -> Row:
    """Return a fill; `fee` is in `fee_asset`."""
    return {
        "id": str(values["id"]),
        "account": str(values["account_id"]),
        "account_name": values["account__name"],
        "venue": values["instrument__venue"],
        "symbol": values["instrument__symbol"],
        "order": id_text(values["order_id"]),
        "client_order_id": values["order__client_order_id"],
        "strategy": id_text(values["strategy_instance"]),
        "trade_id": str(values["trade_id"]),
        "side": values["side"],
        "price": amount_text(values["price"]),
        "quantity": amount_text(values["quantity"]),
        "quote_quantity": amount_text(values["quote_quantity"]),
        "fee": amount_text(values["fee"]),
        "fee_asset": values["fee_asset"],
        "maker": values["maker"],
        "executed_at": time_text(values["executed_at"]),
    }


def position_row(values: Values) -> Row:
    """Return a position; `average_price` is null where nothing is held."""
    quantity: Decimal = values["quantity"]
    average = (values["cost"] / quantity).quantize(Decimal("1E-8")) if quantity else None
    return {
        "id": str(values["id"]),
        "account": str(values["account_id"]),
        "account_name": values["account__name"],
        "venue": values["instrument__venue"],
        "symbol": values["instrument__symbol"],
        "quantity": amount_text(quantity),
        "cost": amount_text(values["cost"]),
        "average_price": amount_text(average),
        "realised": amount_text(values["realised"]),
        "updated_at": time_text(values["updated_at"]),
    }


def balance_row(values: Values) -> Row:
    """Return a balance; `free` is what is not locked in open orders."""
    return {
        "id": str(values["id"]),
        "account": str(values["account_id"]),
        "account_name": values["account__name"],
        "venue": values["account__venue"],
        "asset": values["asset"],
        "total": amount_text(values["total"]),
        "locked": amount_text(values["locked"]),
        "free": amount_text(values["total"] - values["locked"]),
        "updated_at": time_text(values["updated_at"]),
    }


def group_of(tenant_id: UUID) -> str:
    """Return the channel layer's group of the tenant's dashboards."""
    return f"live.tenant.{tenant_id.hex}"
