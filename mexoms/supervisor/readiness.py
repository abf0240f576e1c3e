"""Conditions under which a process counts as ready; each answers at once and is asked again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

Condition = Callable[[], Awaitable[bool]]
ANSWER_TIMEOUT_S = 2.0
ANSWER_BYTES_MAX = 65_536


def answers_http(port: int, path: str) -> Condition:
    """Return a condition: GET on loopback is answered with 200."""

    async def condition() -> bool:
        request = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        answer = await ask(asyncio.open_connection("127.0.0.1", port), request)
        return answer.split(b" ", 2)[1:2] == [b"200"]

    return condition


def answers_ping(socket: Path) -> Condition:
    """Return a condition: the Redis-speaking server on the socket says PONG."""

    async def condition() -> bool:
        return (await ask(asyncio.open_unix_connection(socket), b"PING\r\n")).startswith(b"+PONG")

    return condition


async def ask(
    connecting: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]], request: bytes
) -> bytes:
    """Return the first bytes of the answer, empty when nobody answers in time."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await connecting
            try:
                writer.write(request)
                return await reader.read(ANSWER_BYTES_MAX)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


def reports_trading(heartbeat: Path) -> Condition:
    """Return a condition: an engine has since written that at least one account of its trades.

    With many accounts on one IP's budget the last may take minutes; the desk is open with the first.
    """
    since_ns = time.time_ns()

    async def condition() -> bool:
        try:
            beat = json.loads(heartbeat.read_text())
        except (OSError, ValueError):
            return False
        return bool(beat["time_ns"] > since_ns and beat["accounts_ready"] > 0)

    return condition


async def at_once() -> bool:
    """Be ready as soon as started: for processes that nobody waits for."""
    return True
