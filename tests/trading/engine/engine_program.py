"""An engine as a process of its own against a running simulator, for tests that kill it.

`trade` trades until it is ended, or ends itself at a named point of the order
path. `settle` recovers, takes back what is open, and prints what the books say.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from tests.trading.engine.engine_desk import account, intent, make_desk, open_engine
from trading.engine.engine import Engine
from trading.types import AccountSecret, Desk, OrderState
from venues.base import OrderType, Side, TimeInForce
from venues.binance.spot import BinanceSpot, BinanceSpotUrls
from venues.rate_budget import RateBudget

SYMBOL = "BTCUSDT"
READY_TIMEOUT_S = 30.0
SETTLE_TIMEOUT_S = 30.0
TRADE_PAUSE_S = 0.01
QUIET_S = 1.2


async def open_live(options: argparse.Namespace, crash: CrashPoint) -> Engine:
    """Start an engine with the options' accounts and wait until it may trade."""
    venue = BinanceSpot(urls_of(options.port), rate_budget=RateBudget(options.folder / "rate-budget"))
    keys = json.loads(options.keys.read_text())
    desk = await desk_of(venue, keys, options.epoch)
    engine = open_engine(options.folder, venue, time.time_ns, desk=desk, crash_point=crash)
    await engine.start()
    async with asyncio.timeout(READY_TIMEOUT_S):
        while not all(engine.account_ready(one.slot) for one in desk.accounts) or not quote(engine)[0]:
            await asyncio.sleep(0.01)
    return engine


def urls_of(port: int) -> BinanceSpotUrls:
    address = f"127.0.0.1:{port}"
    return BinanceSpotUrls(
        rest=f"http://{address}/api", stream=f"ws://{address}", ws_api=f"ws://{address}/ws-api/v3"
    )


async def desk_of(venue: BinanceSpot, keys: list[dict[str, str]], epoch: int) -> Desk:
    # One market is enough, and more would spend the minute's weight on their books.
    found = [one for one in await venue.instruments() if one.symbol == SYMBOL]
    instruments = [msgspec.structs.replace(one, slot=slot, version=1) for slot, one in enumerate(found, 1)]
    return make_desk(
        epoch=epoch,
        accounts=[account(slot) for slot in range(1, len(keys) + 1)],
        instruments=instruments,
        secrets=[AccountSecret(slot, key["api_key"], key["api_secret"]) for slot, key in enumerate(keys, 1)],
    )


def quote(engine: Engine) -> tuple[int, int]:
    last = engine.market.quotes[engine.ledger.slots[SYMBOL]]
    return last.bid_ticks, last.ask_ticks


class CrashPoint:
    """Ends the process, as kill -9 does, at the n-th time that the named point is passed while armed."""

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        self.left = count
        self.armed = False

    def __call__(self, point: str) -> None:
        if self.armed and point == self.name:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def trade(options: argparse.Namespace) -> None:
    """Buy, sell, quote and cancel on all accounts in turn, for ever."""
    crash = CrashPoint(options.crash_at, options.crash_after)
    engine = await open_live(options, crash)
    crash.armed = True
    print("trading", flush=True)
    accounts = [one.slot for one in engine.desk.accounts]
    for number in itertools.count():
        slot = accounts[number % len(accounts)]
        act(engine, slot, number)
        await asyncio.sleep(TRADE_PAUSE_S)


def act(engine: Engine, slot: int, number: int) -> None:
    """Do one of four things, by the number."""
    now_ns = time.time_ns()
    bid, ask = quote(engine)
    side = Side.BUY if number // 4 % 2 else Side.SELL
    lots = 100 + number % 50
    kind = number % 4
    if kind == 0:
        market = intent(account=slot, side=side, type=OrderType.MARKET, tif=TimeInForce.NONE, price_ticks=0)
        engine.submit(msgspec.structs.replace(market, quantity_lots=lots), now_ns)
    elif kind in (1, 2):
        ticks = bid - 5 * number % 2_000 if side is Side.BUY else ask + 5 * number % 2_000
        engine.submit(intent(account=slot, side=side, price_ticks=ticks, quantity_lots=lots), now_ns)
    else:
        for order in engine.ledger.open_orders(account=slot)[:2]:
            engine.cancel(order.client_order_id, now_ns)


async def settle(options: argparse.Namespace) -> None:
    """Recover, take back what is open, wait until all is quiet, and print the books."""
    engine = await open_live(options, CrashPoint("", 0))
    async with asyncio.timeout(SETTLE_TIMEOUT_S):
        while not is_settled(engine):
            for order in engine.ledger.open_orders():
                if order.state is not OrderState.UNKNOWN:
                    engine.cancel(order.client_order_id, time.time_ns())
            await asyncio.sleep(0.05)
        await asyncio.sleep(QUIET_S)
    engine.ledger._check()
    json.dump(books(engine), sys.stdout)
    await engine.stop()


def is_settled(engine: Engine) -> bool:
    """Return whether nothing is open but what the exchange denied, and no trade is missing."""
    asked = {key for key, doubt in engine.doubts.open.items() if doubt.asked and not doubt.asking}
    return not engine.ledger.owing and all(
        order.state is OrderState.UNKNOWN and (order.account, order.client_order_id) in asked
        for order in engine.ledger.open_orders()
    )


def books(engine: Engine) -> dict[str, Any]:
    ledger = engine.ledger
    slot = ledger.slots[SYMBOL]
    return {
        "hash": ledger.state_hash(),
        "positions": {str(one.slot): ledger.position_lots(one.slot, slot) for one in engine.desk.accounts},
        "gate": {str(one.slot): list(engine.gate.position(one.slot, slot)) for one in engine.desk.accounts},
        "trades": sorted([key[0], trade] for key, counted in ledger.trades.items() for trade in counted.ids),
        "balances": [[key[0], key[1], m.total_units, m.locked_units] for key, m in ledger.money.items()],
        "orders": {
            order.client_order_id: [order.account, order.state.name, order.filled_lots, order.side.name]
            for order in ledger.orders.values()
        },
        "gate_totals": [
            [one.slot, code, engine.gate.asset(one.slot, asset)[0]]
            for one in engine.desk.accounts
            for code, asset in engine.desk.assets.items()
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("trade", "settle"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--epoch", type=int, required=True)
    parser.add_argument("--crash-at", default="")
    parser.add_argument("--crash-after", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(trade(options) if options.mode == "trade" else settle(options))


if __name__ == "__main__":
    main()
