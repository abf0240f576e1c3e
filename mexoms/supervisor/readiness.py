"""Conditions under which a process counts as ready; each answers at once and is asked again."""

from __future__ import annotations

import asyncio
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


async def at_once() -> bool:
    """Be ready as soon as started: for processes that nobody waits for."""
    return True
