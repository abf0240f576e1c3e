"""Starts the processes in their order, keeps them up, and ends them in the other order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from mexoms.supervisor.child import Child, Process
from mexoms.supervisor.output import Console

# Three stages of at most this long stay within the five seconds that an operator is promised.
# A machine that is loaded far beyond its cores may be given more.
STOP_GRACE_S = float(os.environ.get("MEXOMS_STOP_GRACE_S") or 1.4)
READY_TIMEOUT_S = 180.0


class NotReady(Exception):
    """The platform did not come up in time."""

    code = "not_ready"


class Conductor:
    """Holds the children of one platform."""

    def __init__(self, table: tuple[Process, ...], console: Console, directory: Path) -> None:
        self.children = {process.name: Child(process, console, directory) for process in table}
        self._stop_asked = asyncio.Event()

    async def run(self, when_ready: Callable[[], None]) -> None:
        """Run the platform until a signal asks for its end.

        Raises StepFailed or NotReady when it cannot start; everything is ended then, too.
        """
        self._listen()
        watch = asyncio.create_task(self._announce(when_ready))
        runs = [asyncio.create_task(self._run_in_order(child)) for child in self.children.values()]
        asked = asyncio.create_task(self._stop_asked.wait())
        try:
            await first_failure_or(asked, [*runs, watch])
        finally:
            await self.stop()
            for task in (*runs, watch, asked):
                task.cancel()
            await asyncio.gather(*runs, watch, asked, return_exceptions=True)

    async def stop(self) -> None:
        """End all processes, stage by stage."""
        in_order = sorted(self.children.values(), key=lambda child: child.process.stop_stage)
        for _, stage in groupby(in_order, key=lambda child: child.process.stop_stage):
            await asyncio.gather(*(child.stop(STOP_GRACE_S) for child in stage))

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_stop_signal)
        loop.add_signal_handler(signal.SIGCHLD, self._on_child_signal)

    def _on_stop_signal(self) -> None:
        if self._stop_asked.is_set():  # asked twice: at once
            for child in self.children.values():
                child.kill()
        self._stop_asked.set()

    def _on_child_signal(self) -> None:
        for child in self.children.values():
            child.notice_end()

    async def _run_in_order(self, child: Child) -> None:
        """Start the child when what it needs is ready. What is not in the table is given from outside."""
        for name in child.process.needs:
            if name in self.children:
                await self.children[name].ready.wait()
        await child.run()

    async def _announce(self, when_ready: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                for child in self.children.values():
                    await child.ready.wait()
        except TimeoutError:
            late = ", ".join(name for name, child in self.children.items() if not child.ready.is_set())
            raise NotReady(f"not ready after {READY_TIMEOUT_S:g} s: {late}") from None
        when_ready()


async def first_failure_or(asked: asyncio.Task[bool], tasks: list[asyncio.Task[None]]) -> None:
    """Wait until the end is asked for. Raises what a task raised before that."""
    waiting: set[asyncio.Task[None]] = set(tasks)
    while not asked.done():
        done, _ = await asyncio.wait({asked, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in done & waiting:
            waiting.discard(task)
            task.result()
