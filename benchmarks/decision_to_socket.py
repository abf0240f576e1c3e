"""From the call of `venue.place` to the signed bytes in the socket, on a real loopback connection.

The reference builds and signs the same order with python-binance; it sends nothing.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from typing import Any

import uvloop
from binance.async_client import AsyncClient
from picows import WSFrame, WSListener, WSTransport, ws_create_server

from tests.instruments import BTCUSDT
from venues.base import OrderReport, OrderType, PlaceOrder, Side, TimeInForce
from venues.binance.orders import Orders
from venues.binance.settings import BinanceSpotLimits, BinanceSpotUrls
from venues.binance.signing import Credentials
from venues.binance.weights import Weights
from venues.binance.ws_api import WsApi

ID = "decision_to_socket"
ORDERS = 20_000
PAUSE_EVERY = 100
GOAL_US = 100.0
API_KEY, API_SECRET = "k" * 64, "s" * 64


class Exchange(WSListener):
    """The other end: counts what arrives and answers nothing."""

    def __init__(self) -> None:
        self.requests = 0
        self.last = b""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count a request."""
        self.requests += 1
        self.last = frame.get_payload_as_bytes()


def order(number: int) -> PlaceOrder:
    """Return one of many different orders."""
    return PlaceOrder(
        account=1,
        instrument=BTCUSDT,
        client_order_id=f"mx-1-1-{number}",
        side=Side.BUY,
        type=OrderType.LIMIT,
        tif=TimeInForce.GTC,
        price_ticks=6_100_000 + number % 1000,
        quantity_lots=100 + number % 1000,
        signed_at_ms=time.time_ns() // 1_000_000,
        recv_window_ms=2_000,
    )


def ignore(*_: OrderReport | int) -> None:
    """Take no notice."""


async def ours() -> list[int]:
    """Return the ns of each call. The other end reads in the pauses, outside the measured time."""
    exchange = Exchange()
    server = await ws_create_server(lambda request: exchange, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    urls = BinanceSpotUrls(rest=f"http://{address}", stream=f"ws://{address}", ws_api=f"ws://{address}/")
    limits = BinanceSpotLimits(requests_pending_max=10 * ORDERS, ack_timeout_ms=60_000)
    api = WsApi(name="orders", urls=urls, limits=limits, weights=Weights(None, time.time_ns))
    orders = Orders(api=api, credentials={1: Credentials(API_KEY, API_SECRET)}, report=ignore, refused=ignore)
    api.connection.start()
    await api.connection.wait_up(5_000)
    taken = []
    for number in range(ORDERS):
        request = order(number)
        started = time.perf_counter_ns()
        orders.place(request)
        taken.append(time.perf_counter_ns() - started)
        if number % PAUSE_EVERY == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while exchange.requests < ORDERS:
            await asyncio.sleep(0.001)
    assert b'"signature"' in exchange.last, exchange.last
    await api.stop()
    server.close()
    return taken


async def python_binance() -> list[int]:
    """Return the ns that python-binance takes to build and sign the same order, without any network."""
    client = AsyncClient(API_KEY, API_SECRET)
    taken = []
    for number in range(ORDERS // 4):
        request = order(number)
        started = time.perf_counter_ns()
        parameters = {
            "symbol": request.instrument.symbol,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": f"{request.instrument.quantity(request.quantity_lots):f}",
            "price": f"{request.instrument.price(request.price_ticks):f}",
            "newClientOrderId": request.client_order_id,
        }
        client._get_request_kwargs("post", True, data=parameters)
        taken.append(time.perf_counter_ns() - started)
    await client.close_connection()
    return taken


def percentile_us(taken: list[int], share: float) -> float:
    """Return the time that so large a share of the calls does not exceed, in µs."""
    return sorted(taken)[int(share * (len(taken) - 1))] / 1000


def measure() -> dict[str, Any]:
    """Measure ours and the reference."""
    gc.collect()
    taken = uvloop.run(ours())
    reference = uvloop.run(python_binance())
    p99 = percentile_us(taken, 0.99)
    return {
        "id": ID,
        "what": "place() → signed bytes written to a loopback socket",
        "unit": "µs",
        "median": statistics.median(taken) / 1000,
        "p99": p99,
        "n": len(taken),
        "reference": {
            "python-binance, build and sign only": statistics.median(reference) / 1000,
            "its p99": percentile_us(reference, 0.99),
        },
        "goal": {"p99": GOAL_US},
        "met": p99 <= GOAL_US,
    }


if __name__ == "__main__":
    print(measure())
