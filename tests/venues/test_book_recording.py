"""A recorded market, rebuilt: the exchange's own quotes are the oracle."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from decimal import Decimal
from operator import itemgetter

from tests.venues.binance.market_listener import Heard, btcusdt_decoder
from tests.venues.recorded import expected_rebuild, recorded_messages
from venues.base import Side
from venues.binance.parser import MarketDecoder
from venues.book import Applied, OrderBook

Best = tuple[int, ...]
TICK, UNIT = Decimal("0.01"), Decimal("0.00000001")


class Rebuild:
    """Feeds a capture through the decoder and notes the book after each diff, and each quote."""

    def __init__(self) -> None:
        # The recording holds an order from before a change of the lot size; lots of 10⁻⁸ keep it whole.
        self.decoder, self.heard = btcusdt_decoder(lot_units=1)
        self.book = OrderBook()
        self.joined: list[Applied] = []
        self.diffs = 0
        self.bests: list[tuple[int, Best]] = []
        self.quotes: list[tuple[int, Best]] = []

    def run(self) -> Rebuild:
        for message in recorded_messages():
            if message.startswith(b'{"lastUpdateId"'):
                self.load(json.loads(message))
                continue
            self.decoder.feed(message)
            if b'"depthUpdate"' in message:
                self.diffs += 1
                self.note_best()
            elif b"@bookTicker" in message:
                update, *quote = self.decoder.quote("BTCUSDT")
                self.quotes.append((update, tuple(quote)))
        return self

    def load(self, snapshot: dict) -> None:
        bids, asks = snapshot["bids"], snapshot["asks"]
        loaded = self.decoder.load_snapshot("BTCUSDT", self.book, snapshot["lastUpdateId"], bids, asks)
        assert loaded is Applied.APPLIED
        self.joined = [self.decoder.apply_depth("BTCUSDT", kept, self.book) for kept in self.heard.kept]
        self.decoder.set_book("BTCUSDT", self.book)

    def note_best(self) -> None:
        if self.joined:
            self.book._check()
            self.bests.append((self.book.last_update_id, self.book.best()))

    def quote_at(self, update: int) -> Best:
        """Return the quote with the largest id that is not above the diff's."""
        return self.quotes[bisect_right(self.quotes, update, key=itemgetter(0)) - 1][1]


def test_after_each_diff_the_best_equals_the_recorded_quote() -> None:
    truth = expected_rebuild()
    rebuild = Rebuild().run()
    assert rebuild.heard.malformed == []
    assert len(rebuild.heard.lost) == truth["gaps"]
    assert rebuild.diffs == truth["diffs"]
    assert rebuild.joined.count(Applied.STALE) == truth["discarded"]
    assert rebuild.joined.count(Applied.APPLIED) + len(rebuild.bests) == truth["applied"]
    assert len(rebuild.bests) == truth["compared"], "the truth compares what came after the snapshot"
    different = [(update, best) for update, best in rebuild.bests if best != rebuild.quote_at(update)]
    assert different == []
    assert rebuild.book.last_update_id == truth["final_u"]


def test_the_last_book_is_the_expected_one_to_the_last_level() -> None:
    truth = expected_rebuild()
    book = Rebuild().run().book
    assert book.depth() == (truth["final_bid_levels"], truth["final_ask_levels"])
    bids, asks = (written(book, side) for side in (Side.BUY, Side.SELL))
    assert bids[:10] == [normal(level) for level in truth["final_top10_bids"]]
    assert asks[:10] == [normal(level) for level in truth["final_top10_asks"]]
    digest = hashlib.sha256(json.dumps(bids + asks).encode()).hexdigest()
    assert digest == truth["final_book_sha256"]


def test_all_trades_are_told_with_price_and_quantity() -> None:
    truth = expected_rebuild()
    trades = [trade for _, trade in Rebuild().run().heard.trades]
    assert len(trades) == truth["trades"]
    assert sum(lots for _, lots, _, _ in trades) * UNIT == Decimal(truth["base_volume"])
    value = sum(ticks * lots for ticks, lots, _, _ in trades) * TICK * UNIT
    assert value == Decimal(truth["quote_volume"])


def test_a_missing_diff_is_a_gap_that_takes_the_book_out_of_use() -> None:
    decoder, heard = loaded_decoder()
    diffs = iter(message for message in recorded_messages() if b'"depthUpdate"' in message)
    messages = [next(diffs) for _ in range(10)]
    for message in [*messages[:6], *messages[7:]]:
        decoder.feed(message)
    assert heard.lost == [("BTCUSDT", Applied.GAP)]
    assert heard.kept == messages[8:], "after the gap the diffs are kept for the next snapshot"


def loaded_decoder() -> tuple[MarketDecoder, Heard]:
    """Return a decoder whose book is the recorded snapshot."""
    decoder, heard = btcusdt_decoder()
    snapshot = json.loads(next(m for m in recorded_messages() if m.startswith(b'{"lastUpdateId"')))
    book = OrderBook()
    decoder.load_snapshot("BTCUSDT", book, snapshot["lastUpdateId"], snapshot["bids"], snapshot["asks"])
    decoder.set_book("BTCUSDT", book)
    return decoder, heard


def written(book: OrderBook, side: Side) -> list[list[str]]:
    return [[plain(ticks * TICK), plain(lots * UNIT)] for ticks, lots in book.levels(side, 100_000)]


def normal(level: list[str]) -> list[str]:
    return [plain(Decimal(text)) for text in level]


def plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
