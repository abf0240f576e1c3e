"""Keep one book in sync: buffer, snapshot, replay, follow; and again after every gap."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from venues.base import VenueError, VenueListener
from venues.binance.parser import MarketDecoder
from venues.binance.rest import SpotRest
from venues.binance.settings import BinanceSpotLimits
from venues.book import Applied, OrderBook

log = logging.getLogger(__name__)


class BookSync:
    """The book of one symbol on one connection.

    While no book is live, diffs are kept. A snapshot is loaded, the kept diffs are
    applied over it, and only when they join without a gap does the symbol go live.
    """

    def __init__(
        self,
        *,
        symbol: str,
        decoder: MarketDecoder,
        limits: BinanceSpotLimits,
        rest: SpotRest,
        listener: VenueListener,
        snapshots: asyncio.Semaphore,
        stream_is_dead: Callable[[], None],
    ) -> None:
        self.live_book: OrderBook | None = None
        self._symbol = symbol
        self._decoder = decoder
        self._limits = limits
        self._rest = rest
        self._listener = listener
        self._snapshots = snapshots
        self._stream_is_dead = stream_is_dead
        self._kept: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._heard_at = 0.0
        self._shut = False

    def heard(self) -> None:
        """Note that the stream has spoken."""
        self._heard_at = asyncio.get_running_loop().time()

    def keep(self, message: bytes) -> None:
        """Keep a diff for the snapshot to come; too many of them begin anew."""
        self.heard()
        self._kept.append(message)
        if len(self._kept) > self._limits.depth_events_pending_max:
            self.rebuild("too many diffs wait for the snapshot")

    def rebuild(self, why: str) -> None:
        """Take the book out of use and build another one."""
        self.lose(why)
        if self._shut:
            return
        self.heard()
        self._begin(self._build())

    def lose(self, why: str) -> None:
        """Take the book out of use."""
        self.stop()
        self._kept.clear()
        self._decoder.set_book(self._symbol, None)
        if self.live_book is not None:
            log.info("%s: the book is out of use: %s", self._symbol, why)
            self.live_book = None
            self._listener.on_market_live(self._symbol, False)

    def shut(self, why: str) -> None:
        """Take the book out of use for good: the exchange says things that we do not understand."""
        if not self._shut:
            log.error("%s is closed here: %s", self._symbol, why)
        self._shut = True
        self.lose(why)

    def stop(self) -> None:
        """Give up the building that is under way."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def check_age(self, now: float) -> None:
        """Ask whether a book whose stream has been silent for long is still the exchange's."""
        if self.live_book is None or self._task is not None:
            return
        if (now - self._heard_at) * 1000 >= self._limits.stream_age_max_ms:
            self._begin(self._prove(self.live_book))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(work, name=f"book {self._symbol}")
        self._task.add_done_callback(report_failure)

    async def _prove(self, book: OrderBook) -> None:
        """Keep the book if the exchange's is at the same update; else its stream is dead."""
        try:
            snapshot = await self._rest.depth(self._symbol, self._limits.proof_levels)
        except VenueError as error:
            self._task = None
            self.rebuild(f"silent, and not proven: {error}")
            return
        # What the snapshot holds may still be under way to us.
        await asyncio.sleep(self._limits.silence_grace_ms / 1000)
        self._task = None
        if book.last_update_id >= int(snapshot["lastUpdateId"]):
            self.heard()
            return
        log.error("%s: the book moved on, and its stream did not tell", self._symbol)
        self.lose("its stream is dead")
        self._stream_is_dead()

    async def _build(self) -> None:
        """Try until the book is live; after many failures more slowly."""
        attempt = 0
        while not await self._build_once():
            attempt += 1
            pause_ms = self._limits.snapshot_retry_delay_ms
            if attempt % self._limits.snapshot_attempts_max == 0:
                log.error("%s: no book after %d snapshots", self._symbol, attempt)
                pause_ms = self._limits.snapshot_pause_ms
            await asyncio.sleep(pause_ms / 1000)

    async def _build_once(self) -> bool:
        async with self._snapshots:
            try:
                snapshot = await self._rest.depth(self._symbol, self._limits.snapshot_levels)
            except VenueError as error:
                log.warning("%s: no snapshot: %s", self._symbol, error)
                return False
        book = self._joined(snapshot)
        if book is None:
            return False
        self._go_live(book)
        return True

    def _joined(self, snapshot: Mapping[str, Any]) -> OrderBook | None:
        """Return the snapshot with the kept diffs over it; None when they do not join."""
        book = OrderBook()
        last_update_id = int(snapshot["lastUpdateId"])
        applied = self._decoder.load_snapshot(
            self._symbol, book, last_update_id, snapshot["bids"], snapshot["asks"]
        )
        for message in self._kept:
            if applied not in (Applied.APPLIED, Applied.STALE):
                break
            applied = self._decoder.apply_depth(self._symbol, message, book)
        if applied in (Applied.APPLIED, Applied.STALE):
            return book
        log.warning("%s: the snapshot and the diffs do not join: %s", self._symbol, applied.name.lower())
        # A gap before the first diff means that the snapshot is older than what we kept: ask for
        # another one. A gap between diffs stays, so they must go.
        if self._kept and book.last_update_id > last_update_id:
            self._kept.clear()
        return None

    def _go_live(self, book: OrderBook) -> None:
        self._kept.clear()
        self._decoder.set_book(self._symbol, book)
        self.live_book = book
        self._task = None
        self.heard()
        log.info("%s: the book is live at update %d", self._symbol, book.last_update_id)
        self._listener.on_market_live(self._symbol, True)
        self._listener.on_book(self._symbol)


def report_failure(task: asyncio.Task[None]) -> None:
    """Let the process know what this module does not expect."""
    if not task.cancelled() and (error := task.exception()):
        task.get_loop().call_exception_handler(
            {"message": f"{task.get_name()} failed", "exception": error, "task": task}
        )
