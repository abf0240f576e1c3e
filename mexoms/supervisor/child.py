"""One process under supervision: start, follow, start again, end."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from mexoms.supervisor.output import Console, relay_lines
from mexoms.supervisor.readiness import Condition, at_once

RESTART_DELAY_FIRST_S = 0.5
RESTART_DELAY_MAX_S = 10.0
# A process that ran this long has recovered: its next end counts as the first again.
RESTART_FORGIVEN_AFTER_S = 30.0
READY_POLL_S = 0.03
LAST_LINES_TIMEOUT_S = 0.5

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Stage(IntEnum):
    """When a process is ended: lower stages first, within one all at once."""

    FACES = 0  # who takes or makes orders
    FOLLOWERS = 1  # who writes down what those did, and the exchange that they talk to
    SERVICES = 2  # the databases


@dataclass(frozen=True, kw_only=True)
class Process:
    """One row of the process table."""

    name: str
    command: tuple[str, ...]
    colour: int
    needs: tuple[str, ...] = ()
    ready: Condition = at_once
    # A step: it runs to its end before those who need it start, and is not started again.
    once: bool = False
    skip: Callable[[], bool] = lambda: False
    done: Callable[[], None] = lambda: None
    stop_stage: Stage = Stage.FACES
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    environment: Callable[[], Mapping[str, str]] = field(default=lambda: os.environ)


class StepFailed(Exception):
    """A step that others need ended with an error; its own lines say why."""

    code = "step_failed"


class Child:
    """Runs one process of the table until told to stop."""

    def __init__(self, process: Process, console: Console, directory: Path) -> None:
        self.process = process
        self.ready = asyncio.Event()
        self._console = console
        self._directory = directory
        self._stopping = asyncio.Event()
        self._popen: subprocess.Popen[bytes] | None = None
        self._ended: asyncio.Future[int] | None = None

    async def run(self) -> None:
        """Keep the process up. Returns after stop(), or when a step is done.

        Raises StepFailed when the process is a step and fails.
        """
        if self.process.skip():
            self.ready.set()
            return
        delay_s = RESTART_DELAY_FIRST_S
        while not self._stopping.is_set():
            started = time.monotonic()
            status = await self._run_once()
            if self._stopping.is_set():
                return
            if self.process.once:
                self._finish_step(status)
                return
            if time.monotonic() - started > RESTART_FORGIVEN_AFTER_S:
                delay_s = RESTART_DELAY_FIRST_S
            self.say(f"{exit_in_words(status)}; starting again in {delay_s:g} s")
            await self._pause(delay_s)
            delay_s = min(delay_s * 2, RESTART_DELAY_MAX_S)

    async def stop(self, grace_s: float) -> None:
        """End the process and everything in its group: politely, then, after the grace, surely."""
        self._stopping.set()
        if self._ended is None or self._ended.done():
            return
        self._signal(self.process.stop_signal)
        try:
            await asyncio.wait_for(asyncio.shield(self._ended), grace_s)
        except TimeoutError:
            self.say(f"did not end within {grace_s:g} s; killed")
            self.kill()
            await self._ended

    def kill(self) -> None:
        """End the process at once."""
        self._stopping.set()
        if self._ended is not None and not self._ended.done():
            self._signal(signal.SIGKILL)

    def notice_end(self) -> None:
        """Look whether the process has ended; called when some child of ours has."""
        if self._popen is None or self._ended is None or self._ended.done():
            return
        status = self._popen.poll()
        if status is not None:
            self._ended.set_result(status)

    def say(self, text: str) -> None:
        """Show a line under the process's name."""
        self._console.line(self.process.name, self.process.colour, text)

    async def _run_once(self) -> int:
        popen = start(self.process, self._directory)
        self._popen, self._ended = popen, asyncio.get_running_loop().create_future()
        if not self.process.once:
            self.say(f"started as process {popen.pid}")
        self.notice_end()  # it may have ended before there was a future to tell
        watcher = asyncio.create_task(self._become_ready())
        reader, pipe = await read_pipe(popen)
        relay = asyncio.create_task(relay_lines(reader, self.say))
        status = await self._ended
        watcher.cancel()
        # Whatever the process started in its group goes with it, and with that the pipe's last writer.
        self._signal(signal.SIGKILL)
        await asyncio.wait([relay], timeout=LAST_LINES_TIMEOUT_S)
        relay.cancel()
        pipe.close()
        return status

    async def _become_ready(self) -> None:
        if self.process.once:
            return
        while not await self.process.ready():
            await asyncio.sleep(READY_POLL_S)
        self.ready.set()

    def _finish_step(self, status: int) -> None:
        if status != 0:
            raise StepFailed(f"{self.process.name} {exit_in_words(status)}")
        self.process.done()
        self.ready.set()

    async def _pause(self, delay_s: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), delay_s)
        except TimeoutError:
            return

    def _signal(self, number: signal.Signals) -> None:
        if self._popen is None:
            return
        try:
            os.killpg(self._popen.pid, number)
        except ProcessLookupError:
            return


def start(process: Process, directory: Path) -> subprocess.Popen[bytes]:
    """Start the process in a group of its own, which a terminal's Ctrl-C does not reach.

    The kernel signals it when the supervisor dies, however that dies.
    """
    supervisor = os.getpid()

    def die_with_supervisor() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(process.orphan_signal))
        if os.getppid() != supervisor:  # it died between the fork and the line above
            os._exit(1)

    # The supervisor has one other thread, the console's, which holds no lock that the child needs.
    return subprocess.Popen(
        process.command,
        cwd=directory,
        env=dict(process.environment()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_supervisor,
    )


async def read_pipe(popen: subprocess.Popen[bytes]) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    """Return a reader on the process's output, and the transport that closes it."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), popen.stdout
    )
    return reader, transport


def exit_in_words(status: int) -> str:
    """Say how a process ended, by the status that subprocess gives."""
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
