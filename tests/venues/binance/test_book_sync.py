"""How a book comes into use and out of it, with a decoder and a listener that are real."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.venues.listener import Heard
from venues.base import NotSent
from venues.binance.book_sync import BookSync
from venues.binance.parser import MarketDecoder
from venues.binance.settings import BinanceSpotLimits
from venues.book import Applied

LIMITS = BinanceSpotLimits(
    snapshot_retry_delay_ms=1, silence_grace_ms=1, stream_age_max_ms=1_000, depth_events_pending_max=5
)


def diff(first: int, last: int, bid: str = "100.00") -> bytes:
    return json.dumps(
        {"e": "depthUpdate", "s": "BTCUSDT", "U": first, "u": last, "b": [[bid, "1.0"]], "a": []}
    ).encode()


class Feed:
    """A book's surroundings: snapshots are answered when the test says so."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.decoder = MarketDecoder(self, lambda callback: None)
        self.decoder.follow("BTCUSDT", 1_000_000, 1_000)
        self.answers: asyncio.Queue[int | Exception] = asyncio.Queue()
        self.asked: list[int] = []
        self.dead = 0
        self.sync = BookSync(
            symbol="BTCUSDT",
            decoder=self.decoder,
            limits=LIMITS,
            rest=self,  # type: ignore[arg-type]
            listener=self.heard,
            snapshots=asyncio.Semaphore(1),
            stream_is_dead=self.end,
        )

    async def depth(self, symbol: str, levels: int) -> dict[str, Any]:
        self.asked.append(levels)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return {"lastUpdateId": answer, "bids": [["99.00", "1.0"]], "asks": [["101.00", "1.0"]]}

    def end(self) -> None:
        self.dead += 1

    def take(self, *messages: bytes) -> None:
        for message in messages:
            self.decoder.feed(message)
        self.decoder.flush()

    async def live(self) -> None:
        await self.heard.until("the book", lambda: self.heard.market_live[-1:] == [("BTCUSDT", True)])

    def on_depth(self, symbol: str, message: bytes) -> None:
        self.sync.keep(message)

    def on_book_lost(self, symbol: str, applied: Applied) -> None:
        self.sync.rebuild(applied.name)

    def on_book(self, symbol: str) -> None:
        self.sync.heard()

    def __getattr__(self, name: str) -> Callable[..., None]:
        raise AssertionError(f"the decoder was not expected to call {name}")


@pytest.fixture
async def feed() -> Feed:
    return Feed()


async def until_asked(feed: Feed, times: int) -> None:
    async with asyncio.timeout(5):
        while len(feed.asked) < times:
            await asyncio.sleep(0)


async def test_kept_diffs_are_applied_over_the_snapshot(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    await until_asked(feed, 1)
    feed.take(diff(1, 4), diff(5, 7), diff(8, 9))
    assert feed.heard.market_live == []
    feed.answers.put_nowait(6)
    await feed.live()
    assert feed.sync.live_book is not None
    assert feed.sync.live_book.last_update_id == 9
    assert feed.sync.live_book.best()[0] == 10_000


async def test_a_snapshot_older_than_the_kept_diffs_is_asked_again(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    await until_asked(feed, 1)
    feed.take(diff(10, 11))
    feed.answers.put_nowait(8)
    await until_asked(feed, 2)
    assert feed.heard.market_live == []
    feed.answers.put_nowait(10)
    await feed.live()


async def test_without_diffs_the_snapshot_alone_is_the_book(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    feed.answers.put_nowait(10)
    await feed.live()
    feed.take(diff(9, 11))
    assert feed.sync.live_book is not None
    assert feed.sync.live_book.last_update_id == 11


async def test_a_gap_takes_the_book_out_of_use_until_the_next_snapshot(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    feed.answers.put_nowait(10)
    await feed.live()
    feed.take(diff(12, 13))
    assert feed.heard.market_live[-1] == ("BTCUSDT", False)
    assert feed.sync.live_book is None
    feed.answers.put_nowait(20)
    await feed.live()


async def test_a_snapshot_that_is_refused_is_asked_again(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    feed.answers.put_nowait(NotSent("no weight left"))
    feed.answers.put_nowait(10)
    await feed.live()
    assert feed.asked == [LIMITS.snapshot_levels] * 2


async def test_diffs_are_not_kept_without_limit(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    await until_asked(feed, 1)
    feed.take(*(diff(number, number) for number in range(1, 9)))
    await until_asked(feed, 2)
    feed.answers.put_nowait(7)
    await feed.live()
    assert feed.sync.live_book is not None
    assert feed.sync.live_book.last_update_id == 8


async def test_a_quiet_stream_is_kept_when_the_exchange_is_at_the_same_update(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    feed.answers.put_nowait(10)
    await feed.live()
    feed.sync.check_age(asyncio.get_running_loop().time() + 2)
    await until_asked(feed, 2)
    feed.answers.put_nowait(10)
    task = feed.sync._task
    assert task is not None
    await task
    assert feed.heard.market_live == [("BTCUSDT", True)]
    assert (feed.dead, feed.asked[-1]) == (0, LIMITS.proof_levels)


async def test_a_silent_stream_whose_book_moved_on_is_dead(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    feed.answers.put_nowait(10)
    await feed.live()
    feed.sync.check_age(asyncio.get_running_loop().time() + 2)
    feed.answers.put_nowait(12)
    await feed.heard.until("the end", lambda: feed.heard.market_live[-1] == ("BTCUSDT", False))
    assert feed.dead == 1


async def test_a_fresh_stream_is_not_asked_for(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    feed.answers.put_nowait(10)
    await feed.live()
    feed.sync.check_age(asyncio.get_running_loop().time())
    assert feed.sync._task is None


async def test_what_is_shut_stays_shut(feed: Feed) -> None:
    feed.sync.rebuild("the beginning")
    feed.answers.put_nowait(10)
    await feed.live()
    feed.sync.shut("a price between two ticks")
    feed.sync.rebuild("a new connection")
    feed.take(diff(11, 11))
    assert feed.sync.live_book is None
    assert feed.heard.market_live == [("BTCUSDT", True), ("BTCUSDT", False)]
