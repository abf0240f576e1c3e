"""A small engine on a scripted venue, its accounts ready and a price in the gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.trading.engine.engine_desk import PRICE, Clock, close_engine, make_desk, open_engine
from tests.trading.engine.scripted_venue import ScriptedVenue
from trading.engine.engine import Engine
from venues.base import Balance

TURNS_MAX = 200


async def settle(engine: Engine) -> None:
    """Let the engine's tasks run until nothing moves any more."""
    for _ in range(TURNS_MAX):
        await asyncio.sleep(0)


async def start_engine(engine: Engine, venue: ScriptedVenue, clock: Clock) -> None:
    """Start the engine and let its accounts become ready."""
    venue.money = venue.money or [Balance("USDT", 10**15, 0), Balance("BTC", 10**12, 0)]
    await engine.start()
    engine.on_quote("BTCUSDT", PRICE - 1, 100, PRICE + 1, 100)
    engine.on_timer(clock.pass_ms(1))
    await settle(engine)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def venue() -> ScriptedVenue:
    return ScriptedVenue()


@pytest.fixture
async def engine(tmp_path: Path, venue: ScriptedVenue, clock: Clock) -> AsyncIterator[Engine]:
    engine = open_engine(tmp_path, venue, clock, desk=make_desk())
    await start_engine(engine, venue, clock)
    yield engine
    await engine.background.stop()
    close_engine(engine)
