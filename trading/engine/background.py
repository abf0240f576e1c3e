"""The engine's own tasks. One that fails ends the engine: it restarts through recovery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Background:
    """Runs coroutines beside the loop and keeps the first failure."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed = asyncio.Event()
        self._watched = False
        self.failure: BaseException | None = None

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Run the coroutine as a task of this engine."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def wait_failed(self) -> None:
        """Wait until a task fails, and raise what it raised."""
        self._watched = True
        await self._failed.wait()
        assert self.failure is not None
        raise self.failure

    async def stop(self) -> None:
        """Cancel all tasks and wait for their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        self.fail(task.exception())

    def fail(self, failure: BaseException | None) -> None:
        """Keep the failure; where nobody waits for it, stop the loop rather than go on half dead."""
        log.critical("the engine failed", exc_info=failure)
        self.failure = self.failure or failure
        self._failed.set()
        if not self._watched:
            asyncio.get_running_loop().stop()
