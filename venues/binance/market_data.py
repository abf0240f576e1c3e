"""Quotes, trades and books of the watched symbols, each book proven against a snapshot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from picows import WSTransport

from venues.base import Instrument, InstrumentUnusable, VenueListener
from venues.binance.book_sync import BookSync
from venues.binance.instruments import SCALE
from venues.binance.parser import MarketDecoder
from venues.binance.rest import SpotRest
from venues.binance.settings import BinanceSpotLimits, BinanceSpotUrls
from venues.binance.websocket import Connection
from venues.book import Applied, OrderBook

log = logging.getLogger(__name__)

STREAMS = ("bookTicker", "trade", "depth@100ms")


class MarketData:
    """All market-data connections. Symbols are spread over them in the order they are watched."""

    def __init__(
        self,
        *,
        urls: BinanceSpotUrls,
        limits: BinanceSpotLimits,
        rest: SpotRest,
        listener: VenueListener,
    ) -> None:
        self._urls = urls
        self._limits = limits
        self._rest = rest
        self._listener = listener
        self._feeds: list[MarketFeed] = []
        self._feed_of: dict[str, MarketFeed] = {}
        self._snapshots = asyncio.Semaphore(limits.snapshots_in_flight_max)

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Follow the instruments; raises NotSent when there is no connection within the time."""
        fresh = [instrument for instrument in instruments if instrument.symbol not in self._feed_of]
        size = max(1, self._limits.streams_per_connection_max // len(STREAMS))
        for start in range(0, len(fresh), size):
            await self._add_feed(fresh[start : start + size])

    async def _add_feed(self, instruments: Sequence[Instrument]) -> None:
        feed = MarketFeed(
            number=len(self._feeds),
            instruments=instruments,
            urls=self._urls,
            limits=self._limits,
            rest=self._rest,
            listener=self._listener,
            snapshots=self._snapshots,
        )
        self._feeds.append(feed)
        for instrument in instruments:
            self._feed_of[instrument.symbol] = feed
        await feed.start()

    def book(self, symbol: str) -> OrderBook | None:
        """Return the book while it is in sync."""
        feed = self._feed_of.get(symbol)
        return feed.book(symbol) if feed is not None else None

    def shut(self, symbol: str, error: InstrumentUnusable) -> None:
        """Never show the symbol as live again in this process."""
        if (feed := self._feed_of.get(symbol)) is not None:
            feed.shut(symbol, error)

    def drop(self) -> None:
        """Break all connections, so that everything is built again."""
        for feed in self._feeds:
            feed.connection.drop()

    async def stop(self) -> None:
        """Disconnect everything."""
        for feed in self._feeds:
            await feed.stop()


class MarketFeed:
    """One connection with the combined streams of some symbols. It is the decoder's `events`."""

    def __init__(
        self,
        *,
        number: int,
        instruments: Sequence[Instrument],
        urls: BinanceSpotUrls,
        limits: BinanceSpotLimits,
        rest: SpotRest,
        listener: VenueListener,
        snapshots: asyncio.Semaphore,
    ) -> None:
        self._limits = limits
        self._listener = listener
        loop = asyncio.get_running_loop()
        self._decoder = MarketDecoder(self, loop.call_soon)
        self._syncs: dict[str, BookSync] = {}
        for instrument in instruments:
            self._decoder.follow(
                instrument.symbol, int(instrument.tick.scaleb(SCALE)), int(instrument.lot.scaleb(SCALE))
            )
            self._syncs[instrument.symbol] = BookSync(
                symbol=instrument.symbol,
                decoder=self._decoder,
                limits=limits,
                rest=rest,
                listener=listener,
                snapshots=snapshots,
                stream_is_dead=self._break,
            )
        streams = "/".join(f"{symbol.lower()}@{stream}" for symbol in self._syncs for stream in STREAMS)
        self.connection = Connection(
            name=f"market data {number}",
            url=f"{urls.stream}/stream?streams={streams}",
            urls=urls,
            limits=limits,
            listener=lambda connection: self._decoder,
        )
        self._watchdog: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Connect. Raises NotSent when there is no connection within the time."""
        self.connection.start()
        self._watch_ages()
        await self.connection.wait_up(self._limits.connect_timeout_ms)

    async def stop(self) -> None:
        """Disconnect."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        for sync in self._syncs.values():
            sync.stop()
        await self.connection.stop()

    def book(self, symbol: str) -> OrderBook | None:
        """Return the book while it is in sync."""
        return self._syncs[symbol].live_book

    def shut(self, symbol: str, error: InstrumentUnusable) -> None:
        """Never show the symbol as live again."""
        self._syncs[symbol].shut(str(error))

    def on_connected(self, transport: WSTransport) -> None:
        """Build every book anew: what passed during the break is not told."""
        self.connection.attach(transport)
        self._decoder.forget_quotes()
        for sync in self._syncs.values():
            sync.rebuild("a new connection")

    def on_disconnected(self) -> None:
        """No book can be trusted any more."""
        self.connection.detach()
        for sync in self._syncs.values():
            sync.lose("the connection ended")

    def on_quote(self, symbol: str, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int) -> None:
        """Hand on the newest quote."""
        self._listener.on_quote(symbol, bid_ticks, bid_lots, ask_ticks, ask_lots)

    def on_trade(self, symbol: str, price_ticks: int, lots: int, buyer_is_maker: bool, event_ns: int) -> None:
        """Hand on a trade."""
        self._listener.on_trade(symbol, price_ticks, lots, buyer_is_maker, event_ns)

    def on_book(self, symbol: str) -> None:
        """Hand on that the book has changed, and note that its stream lives."""
        self._syncs[symbol].heard()
        self._listener.on_book(symbol)

    def on_depth(self, symbol: str, message: bytes) -> None:
        """Keep a diff until the snapshot has come."""
        self._syncs[symbol].keep(message)

    def on_book_lost(self, symbol: str, applied: Applied) -> None:
        """Build the book anew after a gap."""
        self._syncs[symbol].rebuild(applied.name.lower())

    def on_malformed(self, symbol: str | None, message: bytes) -> None:
        """A message that is not understood closes its symbol, not the process."""
        log.error("a market message of %s is not understood: %.300r", symbol or "no symbol", message)
        if symbol is not None:
            self._syncs[symbol].shut("a message that is not understood")

    def on_other(self, message: bytes) -> None:
        """Follow the exchange's wish to end the connection; note what is unknown."""
        if b'"serverShutdown"' in message:
            log.warning("the exchange is about to end market data connections")
            self.connection.drop()
            return
        log.warning("a market message of an unknown kind: %.300r", message)

    def _break(self) -> None:
        self.connection.drop()

    def _watch_ages(self) -> None:
        """Look at each stream's age, several times within the age that is allowed."""
        loop = asyncio.get_running_loop()
        for sync in self._syncs.values():
            sync.check_age(loop.time())
        self._watchdog = loop.call_later(self._limits.stream_age_max_ms / 4000, self._watch_ages)
