"""What a market decoder tells, written down."""

from __future__ import annotations

from picows import WSTransport

from venues.binance.parser import MarketDecoder
from venues.book import Applied

Quote = tuple[int, ...]
Trade = tuple[int, int, bool, int]


class Heard:
    def __init__(self) -> None:
        self.quotes: list[tuple[str, Quote]] = []
        self.trades: list[tuple[str, Trade]] = []
        self.books: list[str] = []
        self.kept: list[bytes] = []
        self.lost: list[tuple[str, Applied]] = []
        self.malformed: list[tuple[str | None, bytes]] = []
        self.other: list[bytes] = []

    def on_connected(self, transport: WSTransport) -> None: ...

    def on_disconnected(self) -> None: ...

    def on_quote(self, symbol: str, *quote: int) -> None:
        self.quotes.append((symbol, quote))

    def on_trade(self, symbol: str, price_ticks: int, lots: int, buyer_is_maker: bool, event_ns: int) -> None:
        self.trades.append((symbol, (price_ticks, lots, buyer_is_maker, event_ns)))

    def on_book(self, symbol: str) -> None:
        self.books.append(symbol)

    def on_depth(self, symbol: str, message: bytes) -> None:
        self.kept.append(message)

    def on_book_lost(self, symbol: str, applied: Applied) -> None:
        self.lost.append((symbol, applied))

    def on_malformed(self, symbol: str | None, message: bytes) -> None:
        self.malformed.append((symbol, message))

    def on_other(self, message: bytes) -> None:
        self.other.append(message)


def btcusdt_decoder(*, lot_units: int = 1_000) -> tuple[MarketDecoder, Heard]:
    """Return a decoder of BTCUSDT (ticks of 0.01, lots of `lot_units` × 10⁻⁸) and what it tells."""
    heard = Heard()
    decoder = MarketDecoder(heard, lambda callback: None)
    decoder.follow("BTCUSDT", 1_000_000, lot_units)
    return decoder, heard
