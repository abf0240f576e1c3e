"""Public market data as Binance writes it, for endpoints and streams alike."""

from __future__ import annotations

from typing import Any

from venues.simulator.amounts import amount_text
from venues.simulator.listing import Listing
from venues.simulator.matching import BUY, SELL
from venues.simulator.symbol_market import DepthUpdate, Levels, SymbolMarket
from venues.simulator.tape import MINUTE_MS, Minute, PublicTrade

DAY_MS = 86_400_000
INTERVAL_MINUTES = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
}


def level_texts(listing: Listing, levels: Levels) -> list[list[str]]:
    """Return levels as pairs of texts."""
    return [[listing.price(ticks), listing.quantity(lots)] for ticks, lots in levels]


def depth_snapshot(market: SymbolMarket, limit: int) -> dict[str, Any]:
    """Return the best levels of both sides with the update id that they belong to."""
    return {
        "lastUpdateId": market.floor.update_id,
        "bids": level_texts(market.listing, market.floor.levels(BUY, limit)),
        "asks": level_texts(market.listing, market.floor.levels(SELL, limit)),
    }


def depth_update(market: SymbolMarket, update: DepthUpdate, now_ms: int) -> dict[str, Any]:
    """Return the depth stream's event."""
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "s": market.listing.symbol,
        "U": update.first_id,
        "u": update.last_id,
        "b": level_texts(market.listing, update.bids),
        "a": level_texts(market.listing, update.asks),
    }


def book_ticker_event(market: SymbolMarket) -> dict[str, Any]:
    """Return the bookTicker stream's event, which bears no time."""
    row = book_ticker(market)
    return {
        "u": market.floor.update_id,
        "s": row["symbol"],
        "b": row["bidPrice"],
        "B": row["bidQty"],
        "a": row["askPrice"],
        "A": row["askQty"],
    }


def book_ticker(market: SymbolMarket) -> dict[str, Any]:
    """Return the touch."""
    bid, bid_lots, ask, ask_lots = market.floor.best()
    listing = market.listing
    return {
        "symbol": listing.symbol,
        "bidPrice": listing.price(bid),
        "bidQty": listing.quantity(bid_lots),
        "askPrice": listing.price(ask),
        "askQty": listing.quantity(ask_lots),
    }


def trade_event(market: SymbolMarket, trade: PublicTrade, now_ms: int) -> dict[str, Any]:
    """Return the trade stream's event."""
    return {
        "e": "trade",
        "E": now_ms,
        "s": market.listing.symbol,
        "t": trade.trade_id,
        "p": market.listing.price(trade.ticks),
        "q": market.listing.quantity(trade.lots),
        "T": trade.time_ms,
        "m": trade.buyer_is_maker,
        "M": True,
    }


def aggregate_event(market: SymbolMarket, trade: PublicTrade, now_ms: int) -> dict[str, Any]:
    """Return the aggTrade stream's event; here every trade is an aggregate of its own."""
    return {
        "e": "aggTrade",
        "E": now_ms,
        "s": market.listing.symbol,
        "a": trade.trade_id,
        "p": market.listing.price(trade.ticks),
        "q": market.listing.quantity(trade.lots),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time_ms,
        "m": trade.buyer_is_maker,
        "M": True,
    }


def trade_row(listing: Listing, trade: PublicTrade) -> dict[str, Any]:
    """Return a trade as the trades endpoint lists it."""
    return {
        "id": trade.trade_id,
        "price": listing.price(trade.ticks),
        "qty": listing.quantity(trade.lots),
        "quoteQty": amount_text(listing.value(trade.ticks, trade.lots)),
        "time": trade.time_ms,
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


def aggregate_row(listing: Listing, trade: PublicTrade) -> dict[str, Any]:
    """Return a trade as the aggTrades endpoint lists it."""
    return {
        "a": trade.trade_id,
        "p": listing.price(trade.ticks),
        "q": listing.quantity(trade.lots),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time_ms,
        "m": trade.buyer_is_maker,
        "M": True,
    }


def quote_text(listing: Listing, value: int) -> str:
    """Return tick-lots as an amount of the quote asset."""
    return amount_text(value * listing.units_per_tick_lot)


def kline_row(listing: Listing, bar: Minute, minutes: int) -> list[Any]:
    """Return a bar as the klines endpoint lists it."""
    return [
        bar.open_ms,
        listing.price(bar.open),
        listing.price(bar.high),
        listing.price(bar.low),
        listing.price(bar.close),
        listing.quantity(bar.lots),
        bar.open_ms + minutes * MINUTE_MS - 1,
        quote_text(listing, bar.value),
        bar.count,
        listing.quantity(bar.taker_buy_lots),
        quote_text(listing, bar.taker_buy_value),
        "0",
    ]


def kline_event(market: SymbolMarket, interval: str, now_ms: int) -> dict[str, Any]:
    """Return the kline stream's event about the bar that is open."""
    listing, minutes = market.listing, INTERVAL_MINUTES[interval]
    bar = market.tape.bars(minutes)[-1]
    return {
        "e": "kline",
        "E": now_ms,
        "s": listing.symbol,
        "k": {
            "t": bar.open_ms,
            "T": bar.open_ms + minutes * MINUTE_MS - 1,
            "s": listing.symbol,
            "i": interval,
            "f": bar.first_id,
            "L": bar.last_id,
            "o": listing.price(bar.open),
            "c": listing.price(bar.close),
            "h": listing.price(bar.high),
            "l": listing.price(bar.low),
            "v": listing.quantity(bar.lots),
            "n": bar.count,
            "x": now_ms >= bar.open_ms + minutes * MINUTE_MS - 1,
            "q": quote_text(listing, bar.value),
            "V": listing.quantity(bar.taker_buy_lots),
            "Q": quote_text(listing, bar.taker_buy_value),
            "B": "0",
        },
    }


def day_ticker(market: SymbolMarket, now_ms: int) -> dict[str, Any]:
    """Return the rolling 24 hours as ticker/24hr does."""
    listing, day = market.listing, market.tape.day()
    change = day.close - day.open
    average = day.value // day.lots if day.lots else day.close
    touch = book_ticker(market)
    return {
        "symbol": listing.symbol,
        "priceChange": amount_text(change * listing.tick),
        "priceChangePercent": percent(change, day.open),
        "weightedAvgPrice": listing.price(average),
        "prevClosePrice": listing.price(day.open),
        "lastPrice": listing.price(market.tape.last_ticks),
        "lastQty": listing.quantity(market.tape.last_lots),
        "bidPrice": touch["bidPrice"],
        "bidQty": touch["bidQty"],
        "askPrice": touch["askPrice"],
        "askQty": touch["askQty"],
        "openPrice": listing.price(day.open),
        "highPrice": listing.price(day.high),
        "lowPrice": listing.price(day.low),
        "volume": listing.quantity(day.lots),
        "quoteVolume": quote_text(listing, day.value),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.count,
    }


def ticker_event(market: SymbolMarket, now_ms: int) -> dict[str, Any]:
    """Return the ticker stream's event."""
    row = day_ticker(market, now_ms)
    short = {
        "p": "priceChange",
        "P": "priceChangePercent",
        "w": "weightedAvgPrice",
        "x": "prevClosePrice",
        "c": "lastPrice",
        "Q": "lastQty",
        "b": "bidPrice",
        "B": "bidQty",
        "a": "askPrice",
        "A": "askQty",
        "o": "openPrice",
        "h": "highPrice",
        "l": "lowPrice",
        "v": "volume",
        "q": "quoteVolume",
        "O": "openTime",
        "C": "closeTime",
        "F": "firstId",
        "L": "lastId",
        "n": "count",
    }
    head = {"e": "24hrTicker", "E": now_ms, "s": row["symbol"]}
    return head | {letter: row[name] for letter, name in short.items()}


def mini_ticker_event(market: SymbolMarket, now_ms: int) -> dict[str, Any]:
    """Return the miniTicker stream's event."""
    row = day_ticker(market, now_ms)
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": row["symbol"],
        "c": row["lastPrice"],
        "o": row["openPrice"],
        "h": row["highPrice"],
        "l": row["lowPrice"],
        "v": row["volume"],
        "q": row["quoteVolume"],
    }


def percent(change: int, base: int) -> str:
    """Return change ÷ base in percent with three decimals."""
    thousandths = change * 100_000 // base
    sign = "-" if thousandths < 0 else ""
    whole, rest = divmod(abs(thousandths), 1000)
    return f"{sign}{whole}.{rest:03d}"
