"""The bus: committed commands on their way to the engine, over one Redis stream per shard.

Nothing depends on it being there. A command is a committed row first; what the
bus loses, `trading.tasks.requeue_commands` puts on it again, and the engine
takes a command at most once by its id.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import Any

import msgspec
import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from trading.types import Command

log = logging.getLogger(__name__)

#: Messages that a stream keeps, about; the oldest go first.
STREAM_MESSAGES_MAX = 10_000
#: How long a writer waits for Redis before it leaves the command to the sweeper.
PUBLISH_TIMEOUT_MS = 300
#: How long one read waits for news.
READ_BLOCK_MS = 1_000
#: Messages taken in one read.
READ_MESSAGES_MAX = 100
#: The reader's pause after a torn connection: doubling from the first to the last.
RECONNECT_FIRST_MS = 50
RECONNECT_LAST_MS = 2_000

BEGINNING = "0-0"


def stream_name(shard: int) -> str:
    """Return the name of the shard's stream."""
    return f"mx:commands:{shard}"


def encode(command: Command) -> bytes:
    """Return the command as it stands on the bus."""
    return msgspec.json.encode(command)


def decode(message: bytes) -> Command:
    """Return the command of a message; raises msgspec.DecodeError."""
    command: Command = msgspec.json.decode(message, type=Command)
    return command


@functools.cache
def writer(url: str) -> redis.Redis:
    """Return the process's connection pool for writing; it never waits longer than PUBLISH_TIMEOUT_MS."""
    timeout = PUBLISH_TIMEOUT_MS / 1000
    return redis.Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )


def publish(shard: int, command: Command, *, url: str = "") -> bool:
    """Put the command on the shard's stream; return False where Redis is away, since the row is the truth."""
    try:
        writer(url or settings.ENV.redis_url).xadd(
            stream_name(shard), {"m": encode(command)}, maxlen=STREAM_MESSAGES_MAX, approximate=True
        )
    except (RedisError, OSError) as error:
        log.warning("command %s waits for the sweeper, the bus is away: %s", command.id, error)
        return False
    return True


class CommandReader:
    """The engine's end of the bus. Begins at the oldest message; the engine drops what it has seen."""

    def __init__(self, url: str, shard: int) -> None:
        self.stream = stream_name(shard)
        self.position = BEGINNING
        self._url = url
        self._client: redis.asyncio.Redis | None = None
        self._pause_ms = 0

    async def read(self) -> list[Command]:
        """Return the next commands, waiting up to READ_BLOCK_MS; an empty list where there are none.

        A torn connection is waited for with growing pauses and keeps the position,
        unless the stream that comes back is younger than it.
        """
        if self._pause_ms:
            await asyncio.sleep(self._pause_ms / 1000)
        try:
            messages = await self._next_messages()
        except (RedisError, OSError) as error:
            await self._lose_connection(error)
            return []
        self._pause_ms = 0
        return self._decoded(messages)

    async def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _next_messages(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        client = await self._connected()
        answer: Any = await client.xread(
            {self.stream: self.position}, count=READ_MESSAGES_MAX, block=READ_BLOCK_MS
        )
        streams = list(answer.items()) if isinstance(answer, dict) else answer or []
        messages: list[tuple[bytes, dict[bytes, bytes]]] = []
        for _, entries in streams:
            messages.extend(entries)
        return messages

    async def _connected(self) -> redis.asyncio.Redis:
        if self._client is None:
            client = redis.asyncio.Redis.from_url(
                self._url,
                # Longer than a read blocks, so that silence is not taken for a torn connection.
                socket_timeout=READ_BLOCK_MS / 1000 + 2,
                socket_connect_timeout=1,
                retry=AsyncRetry(NoBackoff(), 0),
            )
            self._client = client
            await self._check_position(client)
        return self._client

    async def _check_position(self, client: redis.asyncio.Redis) -> None:
        """Begin again where Redis lost the stream and its clock is behind our position."""
        newest: Any = await client.xrevrange(self.stream, count=1)
        if not newest or order_of(newest[0][0]) < order_of(self.position):
            self.position = BEGINNING

    async def _lose_connection(self, error: Exception) -> None:
        if not self._pause_ms:
            log.warning("the bus is away, commands wait: %s", error)
        self._pause_ms = min(max(self._pause_ms * 2, RECONNECT_FIRST_MS), RECONNECT_LAST_MS)
        try:
            await self.close()
        except (RedisError, OSError):
            log.debug("the torn connection did not close in order")

    def _decoded(self, messages: list[tuple[bytes, dict[bytes, bytes]]]) -> list[Command]:
        commands: list[Command] = []
        for message_id, fields in messages:
            self.position = message_id.decode()
            try:
                commands.append(decode(fields[b"m"]))
            except (msgspec.MsgspecError, KeyError) as error:
                log.error("message %s on %s is not a command: %s", self.position, self.stream, error)
        return commands


def order_of(message_id: bytes | str) -> tuple[int, int]:
    """Return a stream id as what it is ordered by."""
    text = message_id.decode() if isinstance(message_id, bytes) else message_id
    first, _, second = text.partition("-")
    return int(first), int(second or 0)
