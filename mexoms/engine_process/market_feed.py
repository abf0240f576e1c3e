"""Shows the market to the dashboards: a few conflated snapshots a second and symbol.

The engine never waits for this: what Redis does not take within the time limit
is dropped, and the next snapshot replaces it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from venues.base import Instrument, Side, Venue

log = logging.getLogger(__name__)

MARKET_GROUP = "live.market"
LEVELS = 10
INTERVAL_MS = 250
SEND_TIMEOUT_MS = 1_000


class MarketFeed:
    """Publishes quotes and the top of the books to the live channel layer."""

    def __init__(self, venue: Venue, instruments: Sequence[Instrument]) -> None:
        self._venue = venue
        self._instruments = {instrument.slot: instrument for instrument in instruments}
        self._last_trade: dict[int, int] = {}
        self._changed: set[int] = set()
        self._down = False

    def on_quote(
        self, instrument: int, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int, now_ns: int
    ) -> None:
        """Note that the instrument is worth publishing."""
        self._changed.add(instrument)

    def on_trade(
        self, instrument: int, price_ticks: int, lots: int, buyer_is_maker: bool, now_ns: int
    ) -> None:
        """Note the last price."""
        self._last_trade[instrument] = price_ticks
        self._changed.add(instrument)

    def on_book(self, instrument: int, now_ns: int) -> None:
        """Note that the instrument is worth publishing."""
        self._changed.add(instrument)

    def on_order(self, order: object, report: object, now_ns: int) -> None:
        """Orders reach the dashboards through the projector."""

    def on_account_state(self, account: int, state: str, now_ns: int) -> None:
        """Account states reach the dashboards through the projector."""

    def on_timer(self, now_ns: int) -> None:
        """Publishing has its own pace."""

    async def run(self) -> None:
        """Publish what has changed, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_MS / 1000)
            changed, self._changed = self._changed, set()
            for slot in sorted(changed):
                await self._publish(self._instruments[slot])

    async def _publish(self, instrument: Instrument) -> None:
        snapshot = self._snapshot(instrument)
        if snapshot is None:
            return
        layer = get_channel_layer()
        try:
            async with asyncio.timeout(SEND_TIMEOUT_MS / 1000):
                await layer.group_send(MARKET_GROUP, snapshot)
        except (OSError, TimeoutError, RedisError) as error:
            if not self._down:
                log.warning("live market snapshots are not delivered: %s", error)
            self._down = True
            return
        if self._down:
            log.warning("live market snapshots are delivered again")
        self._down = False

    def _snapshot(self, instrument: Instrument) -> dict[str, Any] | None:
        """Return the message for one instrument, None while its book is not in sync."""
        book = self._venue.book(instrument.symbol)
        if book is None:
            return None
        bids, asks = (
            [[str(instrument.price(ticks)), str(instrument.quantity(lots))] for ticks, lots in levels]
            for levels in (book.levels(Side.BUY, LEVELS), book.levels(Side.SELL, LEVELS))
        )
        if not bids or not asks:
            return None
        last = self._last_trade.get(instrument.slot)
        return {
            "type": "live.market",
            "symbol": instrument.symbol,
            "venue": instrument.venue,
            "bid": bids[0][0],
            "bid_quantity": bids[0][1],
            "ask": asks[0][0],
            "ask_quantity": asks[0][1],
            "bids": bids,
            "asks": asks,
            "last": None if last is None else str(instrument.price(last)),
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
