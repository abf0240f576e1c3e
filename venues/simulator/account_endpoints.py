"""What an account has and did."""

from __future__ import annotations

from typing import Any

from venues.simulator import order_payloads
from venues.simulator.amounts import amount_text
from venues.simulator.catalogue import SIGNED, Call, Endpoint, check_window, names
from venues.simulator.order_endpoints import NO_DISCOUNT, standard_rates

TRADES_MAX = 1000


def account_state(call: Call) -> dict[str, Any]:
    """Return commission rates and balances."""
    rates = standard_rates(call)
    settlement, maker, taker = call.exchange.settlement, rates["maker"], rates["taker"]
    return {
        "makerCommission": settlement.maker_fee // 10_000,
        "takerCommission": settlement.taker_fee // 10_000,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": maker, "taker": taker, "buyer": "0.00000000", "seller": "0.00000000"},
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": settlement.updated_ms[call.account],
        "accountType": "SPOT",
        "balances": balances(call),
        "permissions": ["SPOT"],
        "uid": call.exchange.accounts[call.account].uid,
    }


def balances(call: Call) -> list[dict[str, str]]:
    """Return free and locked of every asset, or of those that the account holds."""
    ledger, rows = call.exchange.settlement.ledger, []
    only_held = call.sent.values.get("omitZeroBalances") == "true"
    for asset in assets_of(call):
        free, locked = ledger.free(call.account, asset), ledger.locked(call.account, asset)
        if free or locked or not only_held:
            rows.append({"asset": asset, "free": amount_text(free), "locked": amount_text(locked)})
    return rows


def assets_of(call: Call) -> list[str]:
    """Return all assets that the exchange knows."""
    listed = {
        asset
        for market in call.exchange.markets.values()
        for asset in (market.listing.base, market.listing.quote)
    }
    return sorted(listed | set(call.exchange.config.opening_balances))


def my_trades(call: Call) -> list[dict[str, Any]]:
    """Return the account's trades: of an order, from an id on, of a time range, or the latest."""
    sent, market = call.sent, call.exchange.market(call.sent.required("symbol"))
    order_id, first_id = sent.integer("orderId"), sent.integer("fromId")
    start, end = sent.integer("startTime"), sent.integer("endTime")
    check_window(start, end, hours=24)
    limit = sent.integer_within("limit", 500, TRADES_MAX)
    found = [
        trade
        for trade in call.exchange.settlement.orders[call.account].trades
        if trade.symbol == market.listing.symbol
        and order_id in (None, trade.order_id)
        and trade.trade_id >= (first_id or 0)
        and (start or 0) <= trade.time_ms <= (end or trade.time_ms)
    ]
    chosen = found[-limit:] if first_id is None and start is None else found[:limit]
    return [order_payloads.my_trade(trade, market.listing) for trade in chosen]


def commission(call: Call) -> dict[str, Any]:
    """Return the account's commission rates for a symbol."""
    zero = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
    return {
        "symbol": call.exchange.market(call.sent.required("symbol")).listing.symbol,
        "standardCommission": zero | standard_rates(call),
        "specialCommission": zero,
        "taxCommission": zero,
        "discount": NO_DISCOUNT,
    }


ENDPOINTS = [
    Endpoint(
        method="GET",
        rest="/api/v3/account",
        websocket="account.status",
        weight=20,
        security=SIGNED,
        parameters=names("omitZeroBalances"),
        handler=account_state,
    ),
    Endpoint(
        method="GET",
        rest="/api/v3/myTrades",
        websocket="myTrades",
        weight=lambda sent: 5 if "orderId" in sent.values else 20,
        security=SIGNED,
        parameters=names("symbol orderId startTime endTime fromId limit"),
        handler=my_trades,
    ),
    Endpoint(
        method="GET",
        rest="/api/v3/account/commission",
        websocket="account.commission",
        weight=20,
        security=SIGNED,
        parameters=names("symbol"),
        handler=commission,
    ),
]
