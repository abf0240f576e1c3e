"""One engine's life: take the shard, wire the parts, trade until told to stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop
from django.conf import settings

from mexoms.engine_process.desk import open_gate, take_shard
from mexoms.engine_process.market_feed import MarketFeed
from strategies.library.catalogue import STRATEGIES
from strategies.runner import StrategyRunner
from trading.bus import CommandReader
from trading.engine.engine import Engine
from trading.engine.journal import Journal
from trading.types import Desk
from venues.binance.spot import BinanceSpot, BinanceSpotUrls
from venues.rate_budget import RateBudget
from venues.settings import load_venues

log = logging.getLogger(__name__)

SIMULATOR = "simulator"
HEARTBEAT_INTERVAL_MS = 1_000
#: After SIGTERM, how long quotes that were taken back may take to be confirmed.
STOP_TIMEOUT_MS = 700


def run_engine(*, shard: int) -> None:
    """Run the engine of the shard until SIGTERM or SIGINT; raises JournalLocked when another one does."""
    # The lock comes first: whoever holds it is the shard's only engine, whatever the database says.
    # Real money must survive a power cut, too; the simulator's would not survive it itself.
    durability = "process" if settings.ENV.venue == SIMULATOR else "power"
    journal = Journal.open(settings.JOURNAL_PATH / f"shard-{shard}", shard=shard, durability=durability)
    try:
        uvloop.run(trade(shard, journal))
    finally:
        journal.close()


async def trade(shard: int, journal: Journal) -> None:
    """Wire the parts, recover, trade, and end in order."""
    rate_budget = RateBudget(settings.RATE_BUDGET_PATH)
    venue = BinanceSpot(venue_urls(), rate_budget=rate_budget)
    desk = await asyncio.to_thread(take_shard, shard=shard, instruments=await venue.instruments())
    gate = await asyncio.to_thread(open_gate, path=settings.GATE_PATH, desk=desk)
    feed = MarketFeed(venue, desk.instruments)
    engine = Engine(
        desk=desk, venue=venue, gate=gate, journal=journal, rate_budget=rate_budget, clock=time.time_ns
    )
    runner = StrategyRunner(
        desk=engine,
        configs=desk.strategies,
        instruments={instrument.slot: instrument for instrument in desk.instruments},
        catalogue=STRATEGIES,
    )
    end_on_surprise(engine)
    engine.observe(runner)
    engine.observe(feed)
    stop = stop_event()
    log.info("engine %d: epoch %d, %d accounts", shard, desk.epoch, len(desk.accounts))
    await engine.start()
    runner.on_start(time.time_ns())
    await run_beside(
        stop,
        engine.wait_failed(),
        feed.run(),
        follow_commands(engine, CommandReader(settings.ENV.redis_url, shard)),
        heartbeat(engine),
    )
    runner.on_stop(time.time_ns())
    await settle(engine)
    await engine.stop()


def venue_urls() -> BinanceSpotUrls:
    """Return the addresses of the environment that MEXOMS_VENUE names; no other host is allowed.

    The simulator's port is the supervisor's choice, so its addresses are made here.
    """
    if settings.ENV.venue != SIMULATOR:
        return load_venues(settings.VENUES_CONFIG).binance_spot[settings.ENV.venue].urls
    address = f"127.0.0.1:{settings.SIMULATOR_PORT}"
    return BinanceSpotUrls(
        rest=f"http://{address}/api", stream=f"ws://{address}", ws_api=f"ws://{address}/ws-api/v3"
    )


def end_on_surprise(engine: Engine) -> None:
    """Let what a callback of the loop did not expect end the engine, which restarts through recovery.

    The loop would only log it, and the connection whose callback it was would stay silent.
    """

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        error = context.get("exception")
        # Connections break all the time; their sessions reconnect by themselves.
        if error is not None and not isinstance(error, OSError):
            engine.background.fail(error)

    asyncio.get_running_loop().set_exception_handler(handle)


def stop_event() -> asyncio.Event:
    """Return the event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_beside(stop: asyncio.Event, *jobs: Coroutine[Any, Any, None]) -> None:
    """Run the jobs until the event; a job that fails ends the engine, which restarts through recovery."""
    tasks = [asyncio.create_task(job) for job in jobs]
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiting}:
            task.result()
    finally:
        for task in [waiting, *tasks]:
            task.cancel()
        await asyncio.gather(waiting, *tasks, return_exceptions=True)


async def follow_commands(engine: Engine, reader: CommandReader) -> None:
    """Hand every command of the bus to the engine, which answers each once."""
    while True:
        for command in await reader.read():
            engine.handle(command)


async def heartbeat(engine: Engine) -> None:
    """Leave a sign of life that /readyz reads: a file, since Redis and Postgres may be away."""
    path = heartbeat_path(engine.desk)
    while True:
        ready = sum(engine.account_ready(account.slot) for account in engine.desk.accounts)
        write_atomically(
            path,
            {
                "time_ns": time.time_ns(),
                "epoch": engine.desk.epoch,
                "accounts": len(engine.desk.accounts),
                "accounts_ready": ready,
                "pid": os.getpid(),
            },
        )
        await asyncio.sleep(HEARTBEAT_INTERVAL_MS / 1000)


def heartbeat_path(desk: Desk) -> Path:
    """Return the file of the shard's sign of life."""
    path: Path = settings.HOME / f"engine-{desk.shard}.json"
    return path


def write_atomically(path: Path, values: dict[str, object]) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(values))
    draft.replace(path)


async def settle(engine: Engine) -> None:
    """Wait a moment for the answers to what the strategies took back."""
    try:
        async with asyncio.timeout(STOP_TIMEOUT_MS / 1000):
            while any(order.canceling for order in engine.open_orders()):
                await asyncio.sleep(0.02)
    except TimeoutError:
        log.warning("some cancels are unanswered at the end; the next start will ask the exchange")
