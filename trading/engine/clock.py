"""The engine's edge to time: the one place that waits, so that the rest is told what time it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def tick_every(interval_ms: int, clock: Callable[[], int], tick: Callable[[int], None]) -> None:
    """Call `tick` with the time at each interval, until cancelled. A late tick is not made up for."""
    while True:
        await asyncio.sleep(interval_ms / 1000)
        tick(clock())
