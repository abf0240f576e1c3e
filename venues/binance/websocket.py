"""One WebSocket connection that stays: pinged, connected again with growing pauses, its queue limited."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from venues.base import NotSent
from venues.binance.settings import BinanceSpotLimits, BinanceSpotUrls

log = logging.getLogger(__name__)

MESSAGE_BYTES_MAX = 4 * 1024 * 1024


class ConnectionEvents(Protocol):
    """What the user of a connection is told."""

    def on_connected(self) -> None:
        """The connection stands; requests may be sent."""

    def on_message(self, message: bytes) -> None:
        """A whole text message came."""

    def on_disconnected(self) -> None:
        """The connection is gone; nothing that was asked will be answered."""


class MessageListener(WSListener):
    """Hands whole text messages on."""

    def __init__(self, connection: Connection, events: ConnectionEvents) -> None:
        self._connection = connection
        self._events = events
        self._fragments = bytearray()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Take over the new transport."""
        self._connection.attach(transport)
        self._events.on_connected()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Let go of the transport."""
        self._connection.detach()
        self._events.on_disconnected()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Hand on a message, or collect its parts."""
        if frame.msg_type == WSMsgType.TEXT and frame.fin:
            self._events.on_message(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._collect(transport, frame)

    def _collect(self, transport: WSTransport, frame: WSFrame) -> None:
        if len(self._fragments) + frame.payload_size > MESSAGE_BYTES_MAX:
            transport.send_close(WSCloseCode.MESSAGE_TOO_BIG)
            transport.disconnect()
            return
        self._fragments += frame.get_payload_as_bytes()
        if frame.fin:
            message = bytes(self._fragments)
            self._fragments.clear()
            self._events.on_message(message)

    def pause_writing(self) -> None:
        """Refuse requests while the socket takes no more."""
        self._connection.congested = True

    def resume_writing(self) -> None:
        """Accept requests again."""
        self._connection.congested = False


class Connection:
    """Keeps one connection to one address. `listener` makes what receives its frames.

    A listener must call `attach` with the new transport and `detach` when it is gone.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        urls: BinanceSpotUrls,
        limits: BinanceSpotLimits,
        listener: Callable[[Connection], WSListener],
        jitter: random.Random | None = None,
    ) -> None:
        self.name = name
        self.congested = False
        self._url = urls.checked(url)
        self._urls = urls
        self._limits = limits
        self._listener = listener
        # Only spreads reconnections; nothing secret depends on it.
        self._jitter = jitter or random.Random()  # noqa: S311
        self._transport: WSTransport | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether a request could be written now."""
        transport = self._transport
        return transport is not None and not transport.is_disconnected and not transport.is_close_frame_sent

    def start(self) -> None:
        """Begin to connect, and to connect again whenever the connection ends."""
        assert self._task is None, f"{self.name} runs already"
        self._task = asyncio.create_task(self._run(), name=f"connection {self.name}")
        self._task.add_done_callback(self._on_task_done)

    async def wait_up(self, timeout_ms: int) -> None:
        """Return when connected; raises NotSent after the timeout."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._up.wait()
        except TimeoutError:
            raise NotSent(f"{self.name}: no connection within {timeout_ms} ms") from None

    async def stop(self) -> None:
        """Disconnect and stay so."""
        task, self._task = self._task, None
        if task is None:
            return
        task.remove_done_callback(self._on_task_done)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.drop()

    def send(self, message: bytes) -> None:
        """Write a message to the socket now. Raises NotSent when no byte left."""
        if not self.connected:
            raise NotSent(f"{self.name}: not connected")
        if self.congested:
            raise NotSent(f"{self.name}: the socket takes no more")
        self._transport.send(WSMsgType.TEXT, message)  # type: ignore[union-attr]

    def drop(self) -> None:
        """Break the connection, so that a new one is made."""
        if self._transport is not None:
            self._transport.disconnect(False)

    def attach(self, transport: WSTransport) -> None:
        """Take over a new transport (the listener calls this)."""
        transport.underlying_transport.set_write_buffer_limits(high=self._limits.write_buffer_max_bytes)
        self._transport = transport
        self.congested = False
        self._up.set()

    def detach(self) -> None:
        """Forget the transport (the listener calls this)."""
        self._transport = None
        self._up.clear()

    async def _run(self) -> None:
        limits = self._limits
        loop = asyncio.get_running_loop()
        delay_ms = limits.reconnect_delay_min_ms
        while True:
            started = loop.time()
            try:
                transport = await self._connect()
            except (OSError, TimeoutError, WSError) as error:
                log.warning("%s: no connection: %s (%s)", self.name, error, type(error).__name__)
            else:
                await self._follow(transport)
            if (loop.time() - started) * 1000 >= limits.connection_stable_after_ms:
                delay_ms = limits.reconnect_delay_min_ms
            await asyncio.sleep(delay_ms * self._jitter.uniform(0.5, 1.0) / 1000)
            delay_ms = min(2 * delay_ms, limits.reconnect_delay_max_ms)

    async def _connect(self) -> WSTransport:
        """Return a transport after the handshake; raises OSError, TimeoutError or WSError."""
        limits = self._limits
        transport, _ = await ws_connect(
            lambda: self._listener(self),
            self._urls.checked(self._url),
            websocket_handshake_timeout=limits.connect_timeout_ms / 1000,
            enable_auto_ping=True,
            auto_ping_idle_timeout=limits.ping_interval_ms / 1000,
            auto_ping_reply_timeout=limits.pong_timeout_ms / 1000,
            auto_ping_strategy=WSAutoPingStrategy.PING_PERIODICALLY,
            max_frame_size=MESSAGE_BYTES_MAX,
            # A redirect could lead to a host that is not allowed.
            max_redirects=0,
            logger_name=self.name.replace(" ", "_"),
        )
        log.info("%s: connected", self.name)
        return transport

    async def _follow(self, transport: WSTransport) -> None:
        """Return when the connection has ended; raises what a listener raised, whatever it was."""
        try:
            await transport.wait_disconnected()
        except WSError as error:
            log.error("%s: the other end broke the protocol: %s", self.name, error)
        finally:
            transport.disconnect(False)
        log.warning("%s: connection ended", self.name)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        """Let the process know that a listener failed, in a way that nobody expected."""
        if not task.cancelled() and (error := task.exception()):
            task.get_loop().call_exception_handler(
                {"message": f"{self.name} ended for good", "exception": error, "task": task}
            )
