"""A Valkey of the test's own, which it may stop and start."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mexoms.dashboard import live_feed
from mexoms.supervisor import valkey

START_TIMEOUT_S = 10.0


class Broker:
    """One Valkey on a socket; what it held is gone when it stops."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "valkey.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.process = subprocess.Popen(valkey.command(self.socket), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.socket.exists():
            assert time.monotonic() < deadline, "valkey did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)


@pytest.fixture
def broker(settings) -> Iterator[Broker]:
    """Yield a running broker that the channel layer uses."""
    # Not pytest's directory: its path is too long for a socket.
    directory = Path(tempfile.mkdtemp(prefix="mx-"))
    broker = Broker(directory)
    broker.start()
    host = {"address": f"unix://{broker.socket}?db=0", "socket_timeout": None}
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [host]},
        }
    }
    yield broker
    broker.stop()
    shutil.rmtree(directory)


@pytest.fixture
def quick_beats(monkeypatch) -> None:
    """Let beats come twenty times a second, so that silence is noticed at once."""
    monkeypatch.setattr(live_feed, "BEAT_INTERVAL_S", 0.05)


async def until(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    """Return as soon as the condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what
