"""Requests and answers on a WebSocket API connection: each request ends in exactly one first outcome."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Protocol

import msgspec

from venues.base import NotSent
from venues.binance.settings import BinanceSpotLimits, BinanceSpotUrls
from venues.binance.websocket import Connection, MessageListener
from venues.binance.weights import Weights

log = logging.getLogger(__name__)

RAW_NULL = msgspec.Raw(b"null")
NO_EVENT = msgspec.Raw(b"")


class ApiError(msgspec.Struct, frozen=True):
    """Why a request was refused."""

    code: int = 0
    msg: str = ""
    data: msgspec.Raw = RAW_NULL


class UsedLimit(msgspec.Struct, frozen=True):
    """What the exchange has counted of one limit."""

    rateLimitType: str = ""
    interval: str = ""
    intervalNum: int = 0
    limit: int = 0
    count: int = 0


class Message(msgspec.Struct, frozen=True):
    """An answer to a request, or an event of a subscription."""

    id: int | str | None = None
    status: int = 0
    result: msgspec.Raw = RAW_NULL
    error: ApiError | None = None
    rateLimits: list[UsedLimit] = []
    subscriptionId: int | None = None
    event: msgspec.Raw = NO_EVENT


class Asker(Protocol):
    """Who sent a request, and is told what became of it."""

    def on_answer(self, request: Any, answer: Message) -> None:
        """The exchange answered; perhaps after `on_lost` was said."""

    def on_lost(self, request: Any, why: str) -> None:
        """No answer within the time, or the connection broke: nobody knows."""


class EventTaker(Protocol):
    """Who follows the connection itself, and the events that answer no request."""

    def on_up(self) -> None:
        """Connected."""

    def on_down(self) -> None:
        """Disconnected."""

    def on_event(self, subscription: int | None, event: msgspec.Raw) -> None:
        """An event came."""


class WsApi:
    """One connection to the WebSocket API with the requests in flight on it."""

    def __init__(
        self,
        *,
        name: str,
        urls: BinanceSpotUrls,
        limits: BinanceSpotLimits,
        weights: Weights,
        events: EventTaker | None = None,
    ) -> None:
        self.connection = Connection(
            name=name,
            url=urls.ws_api,
            urls=urls,
            limits=limits,
            listener=lambda connection: MessageListener(connection, self),
        )
        self._name = name
        self._limits = limits
        self._weights = weights
        self._events = events
        self._next_id = 0
        self._pending: OrderedDict[int, tuple[Asker, Any, float]] = OrderedDict()
        self._late: OrderedDict[int, tuple[Asker, Any]] = OrderedDict()
        self._decoder = msgspec.json.Decoder(Message)
        self._sweep: asyncio.TimerHandle | None = None

    def take_id(self) -> int:
        """Return the number of the next request."""
        self._next_id += 1
        return self._next_id

    def send(self, request_id: int, message: bytes, asker: Asker, request: Any) -> None:
        """Write the message now and remember who asked. Raises NotSent when no byte left."""
        if len(self._pending) >= self._limits.requests_pending_max:
            raise NotSent(f"{self._name}: {len(self._pending)} requests wait for answers")
        self.connection.send(message)
        loop = asyncio.get_running_loop()
        self._pending[request_id] = (asker, request, loop.time() + self._limits.ack_timeout_ms / 1000)
        if self._sweep is None:
            self._sweep = loop.call_later(self._limits.ack_timeout_ms / 1000, self._drop_overdue)

    async def stop(self) -> None:
        """Disconnect; what is in flight is lost."""
        await self.connection.stop()
        self._lose_all("the connection was closed by us")
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def on_connected(self) -> None:
        """Tell the follower that requests may be sent."""
        if self._events is not None:
            self._events.on_up()

    def on_disconnected(self) -> None:
        """Whoever waits will get no answer on this connection any more."""
        self._late.clear()
        self._lose_all("the connection broke before the answer")
        if self._events is not None:
            self._events.on_down()

    def on_message(self, message: bytes) -> None:
        """Give an answer to who asked, an event to the follower."""
        try:
            answer = self._decoder.decode(message)
        except msgspec.DecodeError as error:
            log.error("%s: a message of %d bytes is not understood: %s", self._name, len(message), error)
            # It may have been an event, and then a fill is missing: begin anew and ask. Where only
            # answers come, who waits for this one hears of the timeout.
            if self._events is not None:
                self.connection.drop()
            return
        if answer.event is not NO_EVENT:
            if self._events is not None:
                self._events.on_event(answer.subscriptionId, answer.event)
            return
        asked = self._asked(answer.id)
        if asked is None:
            log.warning("%s: an answer to no known request, status %d", self._name, answer.status)
            return
        self._weights.on_limits(answer.rateLimits)
        if answer.status in (429, 418):
            self._weights.block()
        asked[0].on_answer(asked[1], answer)

    def _asked(self, request_id: int | str | None) -> tuple[Asker, Any] | None:
        if not isinstance(request_id, int):
            return None
        if (pending := self._pending.pop(request_id, None)) is not None:
            return pending[0], pending[1]
        return self._late.pop(request_id, None)

    def _drop_overdue(self) -> None:
        """Tell those whose time is over; their late answers still reach them."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        now = loop.time()
        while self._pending:
            request_id, (asker, request, deadline) = next(iter(self._pending.items()))
            if deadline > now:
                self._sweep = loop.call_at(deadline, self._drop_overdue)
                return
            del self._pending[request_id]
            self._late[request_id] = (asker, request)
            if len(self._late) > self._limits.late_replies_max:
                self._late.popitem(last=False)
            asker.on_lost(request, f"no answer within {self._limits.ack_timeout_ms} ms")

    def _lose_all(self, why: str) -> None:
        lost, self._pending = self._pending, OrderedDict()
        for asker, request, _ in lost.values():
            asker.on_lost(request, why)


def error_of(answer: Message) -> tuple[int, str]:
    """Return the code and text of a refusal; (0, "") where there is none."""
    return (answer.error.code, answer.error.msg) if answer.error is not None else (0, "")
