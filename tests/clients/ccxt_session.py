"""A trading session of ccxt's own Binance class against an exchange; prints what it saw as JSON.

Run by `.venv-clients/bin/python` with the exchange's address, key and secret.
The class is unmodified: only its addresses point elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

import ccxt.pro

EVENTS_TIMEOUT_S = 20


def moved(urls: Any, address: str) -> Any:
    """Return the same tree of addresses on another host."""
    if isinstance(urls, dict):
        return {name: moved(value, address) for name, value in urls.items()}
    parts = urlsplit(urls)
    scheme = "ws" if parts.scheme.startswith("ws") else "http"
    return f"{scheme}://{address}{parts.path}"


async def order_events(exchange: Any, seen: list[dict[str, Any]]) -> None:
    while True:
        seen.extend(await exchange.watch_orders("BTC/USDT"))


async def until(condition: Any) -> None:
    async with asyncio.timeout(EVENTS_TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0.05)


async def session(address: str, key: str, secret: str) -> dict[str, Any]:
    exchange = ccxt.pro.binance({"apiKey": key, "secret": secret, "newUpdates": True})
    exchange.urls["api"] = moved(exchange.urls["api"], address)
    seen: list[dict[str, Any]] = []
    try:
        markets = await exchange.load_markets()
        book = await exchange.watch_order_book("BTC/USDT")
        watching = asyncio.create_task(order_events(exchange, seen))
        balance = await exchange.fetch_balance()
        bid = (await exchange.fetch_order_book("BTC/USDT"))["bids"][0][0]
        resting = await exchange.create_order("BTC/USDT", "limit", "buy", 0.001, round(bid * 0.98, 2))
        open_orders = await exchange.fetch_open_orders("BTC/USDT")
        cancelled = await exchange.cancel_order(resting["id"], "BTC/USDT")
        taken = await exchange.create_order("BTC/USDT", "market", "buy", 0.001)
        await until(lambda: any(one["id"] == taken["id"] and one["status"] == "closed" for one in seen))
        trades = await exchange.fetch_my_trades("BTC/USDT")
        watching.cancel()
        return {
            "markets": len(markets),
            "book_sides": [len(book["bids"]), len(book["asks"])],
            "usdt": balance["USDT"]["total"],
            "open_found": resting["id"] in {one["id"] for one in open_orders},
            "cancelled_status": cancelled["status"],
            "taken_filled": taken["filled"],
            "events": [[one["id"] == taken["id"], one["status"]] for one in seen],
            "trades": len(trades),
        }
    finally:
        await exchange.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(session(*sys.argv[1:4]))))
