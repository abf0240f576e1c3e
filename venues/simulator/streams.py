"""Market streams: `/ws/<stream>`, `/stream?streams=`, and subscriptions over an open socket."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from venues.simulator import market_payloads as payloads
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.settlement import MS_NS
from venues.simulator.socket_session import SocketSession
from venues.simulator.symbol_market import FAST_MS, DepthUpdate, SymbolMarket
from venues.simulator.tape import PublicTrade

PARTIAL_DEPTHS = (5, 10, 20)
KINDS = re.compile(
    r"^(depth(5|10|20)?(@100ms|@1000ms)?|bookTicker|trade|aggTrade|miniTicker|ticker"
    r"|kline_(1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d))$"
)
CONTINUITY_S = 1.0


class Hub:
    """Which sockets hear which streams. A message is encoded once, and only when somebody listens."""

    def __init__(self) -> None:
        self.listeners: dict[str, dict[StreamSession, None]] = {}
        self.streams_of_symbol: dict[str, set[str]] = {}

    def add(self, stream: str, session: StreamSession) -> None:
        """Let the session hear the stream."""
        self.listeners.setdefault(stream, {})[session] = None
        self.streams_of_symbol.setdefault(symbol_of(stream), set()).add(kind_of(stream))

    def remove(self, stream: str, session: StreamSession) -> None:
        """Let the session hear the stream no more."""
        listeners = self.listeners.get(stream, {})
        listeners.pop(session, None)
        if not listeners:
            self.listeners.pop(stream, None)
            self.streams_of_symbol.get(symbol_of(stream), set()).discard(kind_of(stream))

    def wanted(self, symbol: str) -> set[str]:
        """Return the kinds of streams of the symbol that somebody hears."""
        return self.streams_of_symbol.get(symbol.lower(), set())

    def publish(self, stream: str, event: Callable[[], dict[str, Any]]) -> None:
        """Send the event to all who hear the stream; it is made only when there are any."""
        if stream in self.listeners:
            self.publish_text(stream, msgspec.json.encode(event()).decode())

    def publish_text(self, stream: str, text: str, wrapped: str = "") -> None:
        """Send an encoded event; `wrapped` is its form for combined streams where that exists already."""
        for session in tuple(self.listeners.get(stream, ())):
            if session.combined:
                wrapped = wrapped or f'{{"stream":"{stream}","data":{text}}}'
                session.send(wrapped)
            else:
                session.send(text)


class StreamSession(SocketSession):
    """One connection to market streams."""

    def __init__(self, streams: Streams, *, combined: bool) -> None:
        self.limits = streams.exchange.config.limits
        super().__init__(self.limits.frames_pending_max)
        self.streams = streams
        self.combined = combined
        self.names: dict[str, None] = {}
        self.second = 0
        self.messages = 0

    def subscribe(self, names: list[str]) -> None:
        """Hear these streams too."""
        for name in names:
            self.names[name] = None
            self.streams.hub.add(name, self)

    def unsubscribe(self, names: list[str]) -> None:
        """Hear these streams no more."""
        for name in names:
            self.names.pop(name, None)
            self.streams.hub.remove(name, self)

    def on_text(self, text: str) -> None:
        """Serve a subscription request; a client that sends too many is disconnected."""
        now = int(time.monotonic() / CONTINUITY_S)
        self.messages = self.messages + 1 if now == self.second else 1
        self.second = now
        if self.messages > self.limits.stream_messages_per_second:
            self.cut()
            return
        self.send(msgspec.json.encode(self._answer(text)).decode())

    def _answer(self, text: str) -> dict[str, Any]:
        try:
            message = msgspec.json.decode(text, type=StreamMessage)
        except msgspec.MsgspecError as error:
            return failed(3, f"Invalid JSON: {error}", None)
        if message.method == "LIST_SUBSCRIPTIONS":
            return {"result": list(self.names), "id": message.id}
        if message.method == "GET_PROPERTY":
            return {"result": self.combined, "id": message.id}
        if message.method == "SET_PROPERTY":
            self.combined = message.params[-1:] == [True]
            return {"result": None, "id": message.id}
        return self._change(message)

    def _change(self, message: StreamMessage) -> dict[str, Any]:
        names = [str(name) for name in message.params]
        if message.method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            text = (
                f"Invalid request: unknown variant `{message.method}`, expected one of `SUBSCRIBE`, "
                "`UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
            )
            return failed(2, text, message.id)
        if message.method == "UNSUBSCRIBE":
            self.unsubscribe(names)
            return {"result": None, "id": message.id}
        if not all(is_stream(name) for name in names):
            return failed(2, "Invalid request: invalid stream", message.id)
        if len(self.names.keys() | set(names)) > self.limits.streams_per_connection:
            return failed(2, "Invalid request: too many streams", message.id)
        self.subscribe(names)
        return {"result": None, "id": message.id}


class StreamMessage(msgspec.Struct):
    """A request over a stream socket."""

    method: str
    params: list[Any] = []
    id: int | str | None = None


class Streams:
    """Serves stream sockets and publishes what the exchange's markets do."""

    def __init__(self, exchange: SimulatedExchange, clock: Callable[[], int]) -> None:
        self.exchange = exchange
        self.clock = clock
        self.hub = Hub()
        self.sessions: set[StreamSession] = set()
        self.recorded: frozenset[str] = frozenset()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this face."""
        return [
            web.get("/ws", self.handle_raw),
            web.get("/ws/{streams:.*}", self.handle_raw),
            web.get("/stream", self.handle_combined),
            web.get("/stream/", self.handle_combined),
        ]

    async def handle_raw(self, http: web.Request) -> web.StreamResponse:
        """Serve `/ws/<stream>`, several separated by `/`."""
        return await self._serve(http, http.match_info.get("streams", ""), combined=False)

    async def handle_combined(self, http: web.Request) -> web.StreamResponse:
        """Serve `/stream?streams=`."""
        return await self._serve(http, http.query.get("streams", ""), combined=True)

    async def _serve(self, http: web.Request, text: str, *, combined: bool) -> web.StreamResponse:
        names = [name for name in text.split("/") if name]
        session = StreamSession(self, combined=combined)
        await session.prepare(http)
        self.sessions.add(session)
        session.subscribe([name for name in names if is_stream(name)])
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
            session.unsubscribe(list(session.names))
        return session.socket

    # ------------------------------------------------------------------ what happened

    def publish_trade(self, market: SymbolMarket, trade: PublicTrade) -> None:
        """Publish a trade."""
        wanted = self.hub.wanted(market.listing.symbol)
        if not wanted:
            return
        symbol, now_ms = market.listing.symbol.lower(), self.clock() // MS_NS
        if "trade" in wanted:
            self.hub.publish(f"{symbol}@trade", lambda: payloads.trade_event(market, trade, now_ms))
        if "aggTrade" in wanted:
            self.hub.publish(f"{symbol}@aggTrade", lambda: payloads.aggregate_event(market, trade, now_ms))

    def publish_quote(self, market: SymbolMarket) -> None:
        """Publish the touch."""
        stream = f"{market.listing.symbol.lower()}@bookTicker"
        if stream not in self.recorded:
            self.hub.publish(stream, lambda: payloads.book_ticker_event(market))

    def publish_depth(self, market: SymbolMarket, update: DepthUpdate, interval_ms: int) -> None:
        """Publish the book's changes, and the best levels to those who want only these."""
        symbol, now_ms = market.listing.symbol.lower(), self.clock() // MS_NS
        wanted = self.hub.wanted(symbol)
        if not wanted:
            return
        suffixes = ("@100ms",) if interval_ms == FAST_MS else ("", "@1000ms")
        for suffix in suffixes:
            if f"{symbol}@depth{suffix}" not in self.recorded:
                self.hub.publish(
                    f"{symbol}@depth{suffix}", lambda: payloads.depth_update(market, update, now_ms)
                )
            for count in PARTIAL_DEPTHS:
                if f"depth{count}{suffix}" in wanted:
                    self._publish_partial(market, f"{symbol}@depth{count}{suffix}", count)
        if interval_ms != FAST_MS:
            self._publish_statistics(market, wanted, now_ms)

    def publish_recorded(self, stream: str, message: bytes) -> None:
        """Pass a recorded message on unchanged: whole to combined sockets, its data to raw ones."""
        if stream in self.hub.listeners:
            text = message.decode()
            data = text[text.index('"data":') + len('"data":') : text.rindex("}")]
            self.hub.publish_text(stream, data, wrapped=text)

    def _publish_partial(self, market: SymbolMarket, stream: str, count: int) -> None:
        self.hub.publish(stream, lambda: payloads.depth_snapshot(market, count))

    def _publish_statistics(self, market: SymbolMarket, wanted: set[str], now_ms: int) -> None:
        """Publish tickers and open bars once a second."""
        symbol = market.listing.symbol.lower()
        market.tape.roll(now_ms)
        self.hub.publish(f"{symbol}@ticker", lambda: payloads.ticker_event(market, now_ms))
        self.hub.publish(f"{symbol}@miniTicker", lambda: payloads.mini_ticker_event(market, now_ms))
        for kind in tuple(wanted):
            if kind.startswith("kline_"):
                self._publish_bar(market, kind.removeprefix("kline_"), now_ms)

    def _publish_bar(self, market: SymbolMarket, interval: str, now_ms: int) -> None:
        stream = f"{market.listing.symbol.lower()}@kline_{interval}"
        self.hub.publish(stream, lambda: payloads.kline_event(market, interval, now_ms))


def is_stream(name: str) -> bool:
    """Return whether the exchange has such a stream; unknown symbols are silent, not refused."""
    symbol, separator, kind = name.partition("@")
    return bool(symbol and separator and symbol == symbol.lower() and KINDS.match(kind))


def symbol_of(stream: str) -> str:
    """Return the symbol of a stream's name, in lower case."""
    return stream.partition("@")[0]


def kind_of(stream: str) -> str:
    """Return what a stream's name says after the symbol."""
    return stream.partition("@")[2]


def failed(code: int, text: str, number: int | str | None) -> dict[str, Any]:
    """Return the answer to a request that was not understood."""
    return {"error": {"code": code, "msg": text}, "id": number}
