"""Public endpoints: the rules, the time, books, trades, bars and tickers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from venues.simulator import market_payloads as payloads
from venues.simulator.catalogue import KEY, Call, Endpoint, names
from venues.simulator.errors import Refusal, bad_symbol, missing
from venues.simulator.parameters import Parameters
from venues.simulator.rate_limits import order_windows, weight_windows
from venues.simulator.symbol_market import SymbolMarket

DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
SYMBOLS_LEGAL = '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$'


def ping(call: Call) -> dict[str, Any]:
    """Answer."""
    return {}


def server_time(call: Call) -> dict[str, Any]:
    """Return the exchange's time."""
    return {"serverTime": call.now_ms}


def exchange_info(call: Call) -> dict[str, Any]:
    """Return limits, symbols and filters."""
    limits = call.exchange.config.limits
    weight, requests = weight_windows(limits)
    return {
        "timezone": "UTC",
        "serverTime": call.now_ms,
        "rateLimits": [window.rule() for window in (weight, *order_windows(limits), requests)],
        "exchangeFilters": [],
        "symbols": [market.listing.info() for market in chosen_markets(call)[0]],
        "sors": [],
    }


def depth(call: Call) -> dict[str, Any]:
    """Return a snapshot of the book."""
    market = call.exchange.market(call.sent.required("symbol"))
    return payloads.depth_snapshot(market, call.sent.integer_within("limit", 100, 5000))


def trades(call: Call) -> list[dict[str, Any]]:
    """Return the latest trades, or those from an id on."""
    market = call.exchange.market(call.sent.required("symbol"))
    found, first_id = list(market.tape.trades), call.sent.integer("fromId")
    limit = call.sent.integer_within("limit", 500, 1000)
    if first_id is not None:
        found = [trade for trade in found if trade.trade_id >= first_id][:limit]
    return [payloads.trade_row(market.listing, trade) for trade in found[-limit:]]


def aggregate_trades(call: Call) -> list[dict[str, Any]]:
    """Return trades as aggregates, each of one trade."""
    sent, market = call.sent, call.exchange.market(call.sent.required("symbol"))
    limit, first_id = sent.integer_within("limit", 500, 1000), sent.integer("fromId")
    start, end = sent.integer("startTime"), sent.integer("endTime")
    found = [
        trade
        for trade in market.tape.trades
        if trade.trade_id >= (first_id or 0) and (start or 0) <= trade.time_ms <= (end or trade.time_ms)
    ]
    chosen = found[-limit:] if first_id is None and start is None else found[:limit]
    return [payloads.aggregate_row(market.listing, trade) for trade in chosen]


def klines(call: Call) -> list[list[Any]]:
    """Return bars."""
    sent, market = call.sent, call.exchange.market(call.sent.required("symbol"))
    minutes = payloads.INTERVAL_MINUTES.get(sent.required("interval"))
    if minutes is None:
        raise Refusal(-1120, "Invalid interval.")
    start, end = sent.integer("startTime"), sent.integer("endTime")
    limit = sent.integer_within("limit", 500, 1000)
    market.tape.roll(call.now_ms)
    found = [bar for bar in market.tape.bars(minutes) if (start or 0) <= bar.open_ms <= (end or bar.open_ms)]
    chosen = found[-limit:] if start is None else found[:limit]
    return [payloads.kline_row(market.listing, bar, minutes) for bar in chosen]


def average_price(call: Call) -> dict[str, Any]:
    """Return the average price of the last five minutes."""
    market = call.exchange.market(call.sent.required("symbol"))
    market.tape.roll(call.now_ms)
    price = market.listing.price(market.tape.average_ticks())
    return {"mins": 5, "price": price, "closeTime": call.now_ms}


def price_ticker(call: Call) -> Any:
    """Return last prices."""
    return per_symbol(
        call, lambda one: {"symbol": one.listing.symbol, "price": one.listing.price(one.tape.last_ticks)}
    )


def book_ticker(call: Call) -> Any:
    """Return the best bids and asks."""
    return per_symbol(call, payloads.book_ticker)


def day_ticker(call: Call) -> Any:
    """Return the last 24 hours."""

    def row(market: SymbolMarket) -> dict[str, Any]:
        market.tape.roll(call.now_ms)
        return payloads.day_ticker(market, call.now_ms)

    return per_symbol(call, row)


def per_symbol(call: Call, row: Callable[[SymbolMarket], dict[str, Any]]) -> Any:
    """Return one row where one symbol was asked for, else a list of rows."""
    markets, single = chosen_markets(call)
    return row(markets[0]) if single else [row(market) for market in markets]


def chosen_markets(call: Call) -> tuple[list[SymbolMarket], bool]:
    """Return the markets that `symbol` or `symbols` name, all without; and whether it was one `symbol`."""
    symbol, symbols = call.sent.text("symbol"), call.sent.text("symbols")
    if symbol is not None and symbols is not None:
        raise Refusal(-1101, "Too many parameters; expected '0' or '1' and received '2'.")
    if symbol is not None:
        return [call.exchange.market(symbol)], True
    if symbols is None:
        return list(call.exchange.markets.values()), False
    return [call.exchange.market(name) for name in symbol_list(symbols)], False


def symbol_list(text: str) -> list[str]:
    """Return the symbols of a JSON list in a parameter."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Refusal(
            -1100, f"Illegal characters found in parameter 'symbols'; legal range is '{SYMBOLS_LEGAL}'."
        ) from error
    if not isinstance(found, list) or not found:
        raise missing("symbols")
    if len(set(found)) != len(found):
        raise Refusal(-1151, "Symbol is present multiple times in the list.")
    if not all(isinstance(one, str) for one in found):
        raise bad_symbol()
    return found


def depth_weight(sent: Parameters) -> int:
    """Return the weight of a snapshot of this many levels."""
    text = sent.values.get("limit", "100")
    limit = int(text) if text.isdigit() else 100
    return next((weight for levels, weight in DEPTH_WEIGHTS if limit <= levels), 250)


def ticker_weight(single: int, several: int) -> Callable[[Parameters], int]:
    """Return the weight function of a ticker."""
    return lambda sent: single if "symbol" in sent.values else several


def public(
    path: str,
    websocket: str,
    weight: int | Callable[[Parameters], int],
    handler: Callable[[Call], Any],
    sent: str = "",
) -> Endpoint:
    """Return a public GET endpoint."""
    return Endpoint(
        method="GET",
        rest=f"/api/v3/{path}",
        websocket=websocket,
        weight=weight,
        parameters=names(sent),
        handler=handler,
    )


BARS = "symbol interval startTime endTime timeZone limit"

ENDPOINTS = [
    public("ping", "ping", 1, ping),
    public("time", "time", 1, server_time),
    public(
        "exchangeInfo",
        "exchangeInfo",
        20,
        exchange_info,
        "symbol symbols permissions showPermissionSets symbolStatus",
    ),
    public("depth", "depth", depth_weight, depth, "symbol limit symbolStatus"),
    public("trades", "trades.recent", 25, trades, "symbol limit"),
    Endpoint(
        method="GET",
        rest="/api/v3/historicalTrades",
        websocket="trades.historical",
        weight=25,
        security=KEY,
        parameters=names("symbol limit fromId"),
        handler=trades,
    ),
    public("aggTrades", "trades.aggregate", 4, aggregate_trades, "symbol fromId startTime endTime limit"),
    public("klines", "klines", 2, klines, BARS),
    public("uiKlines", "uiKlines", 2, klines, BARS),
    public("avgPrice", "avgPrice", 2, average_price, "symbol"),
    public("ticker/price", "ticker.price", ticker_weight(2, 4), price_ticker, "symbol symbols symbolStatus"),
    public(
        "ticker/bookTicker", "ticker.book", ticker_weight(2, 4), book_ticker, "symbol symbols symbolStatus"
    ),
    public(
        "ticker/24hr", "ticker.24hr", ticker_weight(2, 80), day_ticker, "symbol symbols type symbolStatus"
    ),
]
