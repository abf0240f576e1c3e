"""A trading session of python-binance's AsyncClient against an exchange; prints what it saw as JSON.

Run by `.venv-clients/bin/python` with the exchange's address, key and secret.
The classes are unmodified: only their addresses point elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from binance import AsyncClient, BinanceSocketManager

EVENTS_TIMEOUT_S = 20


def client_for(address: str) -> type[AsyncClient]:
    """Return the client class with its addresses on another host."""
    addresses = {
        "API_URL": f"http://{address}/api",
        "MARGIN_API_URL": f"http://{address}/sapi",
        "FUTURES_URL": f"http://{address}/fapi",
        "WS_API_URL": f"ws://{address}/ws-api/v3",
    }
    return type("Client", (AsyncClient,), addresses)


async def read_events(stream: Any, seen: list[dict[str, Any]]) -> None:
    while True:
        message = await stream.recv()
        if message:
            seen.append(message.get("event", message))


async def until(condition: Any) -> None:
    async with asyncio.timeout(EVENTS_TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0.05)


async def session(address: str, key: str, secret: str) -> dict[str, Any]:
    client = await client_for(address).create(key, secret)
    sockets = BinanceSocketManager(client)
    sockets.STREAM_URL = f"ws://{address}/"
    seen: list[dict[str, Any]] = []
    market: list[dict[str, Any]] = []
    try:
        info = await client.get_exchange_info()
        async with sockets.user_socket() as user, sockets.symbol_book_ticker_socket("BTCUSDT") as ticker:
            reading = asyncio.create_task(read_events(user, seen))
            watching = asyncio.create_task(read_events(ticker, market))
            await until(lambda: market)
            bid = float(market[0]["b"])
            resting = await client.create_order(
                symbol="BTCUSDT",
                side="BUY",
                type="LIMIT",
                timeInForce="GTC",
                quantity="0.001",
                price=f"{bid * 0.98:.2f}",
                newClientOrderId="client-rest-1",
            )
            over_socket = await client.ws_create_order(
                symbol="BTCUSDT",
                side="BUY",
                type="LIMIT",
                timeInForce="GTC",
                quantity="0.001",
                price=f"{bid * 0.97:.2f}",
                newClientOrderId="client-ws-1",
            )
            open_orders = await client.get_open_orders(symbol="BTCUSDT")
            cancelled = await client.cancel_order(symbol="BTCUSDT", orderId=resting["orderId"])
            await client.ws_cancel_order(symbol="BTCUSDT", orderId=over_socket["orderId"])
            taken = await client.order_market_buy(symbol="BTCUSDT", quantity="0.001")
            await until(
                lambda: any(one.get("i") == taken["orderId"] and one.get("X") == "FILLED" for one in seen)
            )
            reading.cancel()
            watching.cancel()
        account = await client.get_account()
        trades = await client.get_my_trades(symbol="BTCUSDT")
        return {
            "symbols": len(info["symbols"]),
            "open": sorted(one["clientOrderId"] for one in open_orders),
            "cancelled_status": cancelled["status"],
            "taken_status": taken["status"],
            "events": [[one.get("e"), one.get("x"), one.get("X")] for one in seen],
            "balances": len(account["balances"]),
            "trades": len(trades),
        }
    finally:
        await client.close_connection()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(session(*sys.argv[1:4]))))
