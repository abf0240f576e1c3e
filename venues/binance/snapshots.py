"""Turn what the exchange answers when asked into orders, fills and balances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from venues.base import (
    Balance,
    FillSnapshot,
    Instrument,
    InstrumentUnusable,
    Misaligned,
    OrderSnapshot,
    OrderType,
    Side,
    TimeInForce,
)
from venues.binance.account_events import balance_of, units

NS_PER_MS = 1_000_000
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
TYPES = {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET, "LIMIT_MAKER": OrderType.LIMIT_MAKER}
TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}


def order_snapshot(account: int, instrument: Instrument, order: Mapping[str, Any]) -> OrderSnapshot:
    """Return the order; raises InstrumentUnusable when it is not understood or not exact."""
    try:
        kind = TYPES[order["type"]]
        return OrderSnapshot(
            account=account,
            symbol=instrument.symbol,
            client_order_id=order["clientOrderId"],
            venue_order_id=int(order["orderId"]),
            side=SIDES[order["side"]],
            type=kind,
            # The exchange writes GTC beside kinds of orders that know no time in force.
            tif=TIMES_IN_FORCE[order["timeInForce"]] if kind is OrderType.LIMIT else TimeInForce.NONE,
            price_ticks=instrument.price_ticks(order["price"]),
            quantity_lots=instrument.quantity_lots(order["origQty"]),
            filled_lots=instrument.quantity_lots(order["executedQty"]),
            status=order["status"],
            updated_ns=int(order["updateTime"]) * NS_PER_MS,
        )
    except (KeyError, ValueError, ArithmeticError, Misaligned) as error:
        raise InstrumentUnusable(f"an order that is not understood: {error!r}") from error


def fill_snapshot(account: int, instrument: Instrument, trade: Mapping[str, Any]) -> FillSnapshot:
    """Return the fill; raises InstrumentUnusable when it is not understood or not exact."""
    try:
        return FillSnapshot(
            account=account,
            symbol=instrument.symbol,
            trade_id=int(trade["id"]),
            venue_order_id=int(trade["orderId"]),
            side=Side.BUY if trade["isBuyer"] else Side.SELL,
            price_ticks=instrument.price_ticks(trade["price"]),
            lots=instrument.quantity_lots(trade["qty"]),
            fee_units=units(trade["commission"]),
            fee_asset=trade["commissionAsset"],
            maker=bool(trade["isMaker"]),
            event_ns=int(trade["time"]) * NS_PER_MS,
        )
    except (KeyError, ValueError, ArithmeticError, Misaligned) as error:
        raise InstrumentUnusable(f"a fill that is not understood: {error!r}") from error


def non_zero_balances(balances: Iterable[Mapping[str, Any]]) -> list[Balance]:
    """Return the balances that hold something."""
    read = (balance_of(entry["asset"], entry["free"], entry["locked"]) for entry in balances)
    return [balance for balance in read if balance.free_units or balance.locked_units]
