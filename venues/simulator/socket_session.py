"""One WebSocket of a client: a bounded queue out, pings, and the way to end it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque

from aiohttp import WSCloseCode, WSMsgType, web

PING_EVERY_S = 20
PONG_WITHIN_S = 60
MESSAGE_BYTES_MAX = 1 << 20


class SocketSession:
    """Frames are queued by `send` and written by a task; a reader that falls behind is cut off."""

    def __init__(self, frames_max: int) -> None:
        self.socket = web.WebSocketResponse(
            autoping=False, max_msg_size=MESSAGE_BYTES_MAX, compress=False, timeout=1.0
        )
        self.frames: deque[str] = deque()
        self.frames_max = frames_max
        self.wake = asyncio.Event()
        self.ended = False
        self.ping_due = False
        self.transport: asyncio.BaseTransport | None = None
        self.pong_at = time.monotonic()

    async def prepare(self, request: web.Request) -> None:
        """Shake hands."""
        await self.socket.prepare(request)
        self.transport = request.transport

    def send(self, frame: str) -> None:
        """Queue a frame; cut the connection when the client does not keep up."""
        if self.ended:
            return
        if len(self.frames) >= self.frames_max:
            self.cut()
            return
        self.frames.append(frame)
        self.wake.set()

    def cut(self) -> None:
        """End the connection at once, without a closing handshake."""
        self.ended = True
        self.wake.set()
        if self.transport is not None:
            self.transport.abort()  # type: ignore[attr-defined]  # of a socket transport

    async def run(self) -> None:
        """Read until the end; subclasses get every text in `on_text`."""
        writer = asyncio.create_task(self._write())
        try:
            async for message in self.socket:
                if message.type is WSMsgType.TEXT:
                    self.on_text(message.data)
                elif message.type is WSMsgType.PING:
                    await self.socket.pong(message.data)
                elif message.type is WSMsgType.PONG:
                    self.pong_at = time.monotonic()
        finally:
            self.ended = True
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer

    def on_text(self, text: str) -> None:
        """Handle a client's message."""
        raise NotImplementedError

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        pinging = loop.call_later(PING_EVERY_S, self._ping_is_due)
        try:
            while not self.ended:
                await self.wake.wait()
                self.wake.clear()
                while self.frames:
                    await self.socket.send_str(self.frames.popleft())
                if self.ping_due:
                    await self._ping()
                    pinging = loop.call_later(PING_EVERY_S, self._ping_is_due)
        except ConnectionError:
            self.cut()
        finally:
            pinging.cancel()

    def _ping_is_due(self) -> None:
        self.ping_due = True
        self.wake.set()

    async def _ping(self) -> None:
        """Ping the client, and end the session of one that has not answered for long."""
        self.ping_due = False
        if time.monotonic() - self.pong_at > PING_EVERY_S + PONG_WITHIN_S:
            await self.socket.close(code=WSCloseCode.GOING_AWAY)
            return
        await self.socket.ping()
