"""Our book, fed over real sockets by a replayed recording, against the recording's own best prices."""

from __future__ import annotations

import asyncio
import bisect
import gzip
import json
import tempfile
from pathlib import Path

import pytest

from tests.venues.listener import Heard
from tests.venues.simulator_process import SimulatorProcess
from venues.base import Instrument
from venues.binance.spot import BinanceSpot, BinanceSpotUrls

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "market"
RECORDING = DATA / "binance_raw_2024-08-08" / "spot" / "btcusdt_20240808.gz"
EXPECTED = DATA / "expected" / "book_rebuild_btc.json"
REPLAY_SPEED = 30
REPLAY_TIMEOUT_S = 120
COMPARED_MIN = 300
#: The best bid and ask as the exchange itself published them, in ticks and lots.
Touch = tuple[int, int, int, int]


class Comparing(Heard):
    """Compares the book with the recording whenever it is told to have changed."""

    def __init__(self, ids: list[int], touches: list[Touch]) -> None:
        super().__init__()
        self.ids, self.touches = ids, touches
        self.venue: BinanceSpot | None = None
        self.compared = self.matched = self.lost = 0
        self.last_id = 0

    def on_book(self, symbol: str) -> None:
        super().on_book(symbol)
        assert self.venue is not None
        book = self.venue.book(symbol)
        if book is None or book.last_update_id == self.last_id:
            return
        self.last_id = book.last_update_id
        at = bisect.bisect_right(self.ids, self.last_id)
        if at:
            self.compared += 1
            self.matched += book.best() == self.touches[at - 1]

    def on_market_live(self, symbol: str, live: bool) -> None:
        super().on_market_live(symbol, live)
        self.lost += not live


def recorded_touches(instrument: Instrument) -> tuple[list[int], list[Touch]]:
    ids: list[int] = []
    touches: list[Touch] = []
    with gzip.open(RECORDING, "rt") as lines:
        for line in lines:
            message = json.loads(line.partition(" ")[2])
            if message.get("stream", "").endswith("bookTicker"):
                data = message["data"]
                ids.append(data["u"])
                touches.append(
                    (
                        instrument.price_ticks(data["b"]),
                        instrument.quantity_lots(data["B"]),
                        instrument.price_ticks(data["a"]),
                        instrument.quantity_lots(data["A"]),
                    )
                )
    return ids, touches


@pytest.mark.skipif(not RECORDING.exists(), reason=f"{RECORDING} is absent")
async def test_whenever_our_book_changes_it_equals_the_recordings_own_best_prices():
    expected = next(
        one for one in json.loads(EXPECTED.read_text())["files"] if one["path"].endswith(RECORDING.name)
    )
    with tempfile.TemporaryDirectory(prefix="mexoms-replay-") as folder:
        options = ("--replay", str(RECORDING), "--speed", str(REPLAY_SPEED), "--paused")
        exchange = SimulatorProcess(Path(folder), *options).start()
        venue = BinanceSpot(
            BinanceSpotUrls(rest=f"{exchange.url}/api", stream=exchange.ws_url, ws_api=exchange.ws_api_url)
        )
        try:
            instrument = next(one for one in await venue.instruments() if one.symbol == "BTCUSDT")
            listener = Comparing(*recorded_touches(instrument))
            listener.venue = venue
            await venue.start(listener)
            await venue.watch_market([instrument])
            await asyncio.to_thread(exchange.control, "market", {"paused": False})
            async with asyncio.timeout(REPLAY_TIMEOUT_S):
                while listener.last_id < expected["final_u"]:
                    await asyncio.sleep(0.05)
            lost = listener.lost
        finally:
            await venue.stop()
            exchange.stop()
    assert listener.matched == listener.compared
    # Replayed so fast, several diffs arrive in one read and are told as one change; that each single
    # diff leaves the right book is the recorded parser's test.
    assert COMPARED_MIN <= listener.compared <= expected["applied"]
    # Only the end of the recording, where the exchange hangs up, may cost us the book.
    assert lost <= 1
