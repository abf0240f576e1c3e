"""A Valkey of one test's own, which it may stop and start again."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from mexoms.supervisor.valkey import command

START_TIMEOUT_S = 10.0


class ValkeyServer:
    """The embedded server on a socket in a short directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "valkey.sock"
        self.url = f"unix://{self.socket}?db=0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(part) for part in command(self.socket)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            assert time.monotonic() < deadline, "valkey does not start"
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            return bool(redis.Redis.from_url(self.url).ping())
        except (redis.RedisError, OSError):
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.socket.unlink(missing_ok=True)
        self.process = None


@contextmanager
def running_valkey() -> Iterator[ValkeyServer]:
    """Yield a running server; it is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="mxv-") as directory:
        server = ValkeyServer(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop()
