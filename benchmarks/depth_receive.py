"""Depth messages of 20 + 20 levels received, decoded and applied to books by one process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSTransport

from benchmarks import _market_sender as sender
from benchmarks.bookticker_receive import Undecoded
from venues.binance.parser import MarketDecoder
from venues.book import Applied, OrderBook

ID = "depth_receive"
MESSAGES = 60_000
ROUNDS = 5
LEVELS = 20
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT")
FIRST_ID = 1_000_000


def messages() -> list[bytes]:
    """Return diffs that follow each other without a gap; a fifth of the levels goes, the rest changes."""
    made = []
    for number in range(MESSAGES):
        symbol = SYMBOLS[number % len(SYMBOLS)]
        update = FIRST_ID + number // len(SYMBOLS) + 1
        bids = ",".join(level(6_100_000 - step, number + step) for step in range(LEVELS))
        asks = ",".join(level(6_100_001 + step, number + step) for step in range(LEVELS))
        made.append(
            f'{{"stream":"{symbol.lower()}@depth@100ms","data":{{"e":"depthUpdate","E":1723161255408,'
            f'"s":"{symbol}","U":{update},"u":{update},"b":[{bids}],"a":[{asks}]}}}}'.encode()
        )
    return made


def level(ticks: int, number: int) -> str:
    """Return one level as the exchange writes it."""
    lots = 0 if number % 5 == 0 else 1 + number % 99_999
    return f'["{ticks // 100}.{ticks % 100:02}000000","{lots // 100_000}.{lots % 100_000:05}000"]'


class Books:
    """The listener of the venue."""

    def on_connected(self, transport: WSTransport) -> None:
        """Nothing to do."""

    def on_disconnected(self) -> None:
        """Nothing to do."""

    def on_book(self, symbol: str) -> None:
        """Nothing to do."""

    def on_book_lost(self, symbol: str, applied: Applied) -> None:
        """Stop: then the figure would be none."""
        raise AssertionError(applied)

    def on_malformed(self, symbol: str | None, message: bytes) -> None:
        """Stop: then the figure would be none."""
        raise AssertionError(message)


class Diff(msgspec.Struct):
    """A diff, for the reference."""

    s: str
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class Envelope(msgspec.Struct):
    """A combined stream's message, for the reference."""

    data: Diff


class Msgspec(WSListener):
    """The reference that decodes with msgspec and applies nothing."""

    def __init__(self) -> None:
        self.count = 0
        self.decode = msgspec.json.Decoder(Envelope).decode

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Decode the message."""
        self.decode(frame.get_payload_as_memoryview())
        self.count += 1


def ours() -> tuple[WSListener, Callable[[], int]]:
    """Return the connector's own decoder with a book for each symbol."""
    decoder = MarketDecoder(Books(), sender.loop_schedule)  # type: ignore[arg-type]
    books = {}
    for symbol in SYMBOLS:
        decoder.follow(symbol, 1_000_000, 1_000)
        books[symbol] = OrderBook()
        books[symbol].load(FIRST_ID, [], [])
        decoder.set_book(symbol, books[symbol])

    def applied() -> int:
        for book in books.values():
            book._check()
            assert book.last_update_id == FIRST_ID + MESSAGES // len(SYMBOLS), (
                "the last diff is not in the book"
            )
        return decoder.messages

    return decoder, applied


def undecoded() -> tuple[WSListener, Callable[[], int]]:
    """Return the reference that looks at nothing."""
    listener = Undecoded()
    return listener, lambda: listener.count


def with_msgspec() -> tuple[WSListener, Callable[[], int]]:
    """Return the reference that decodes with msgspec."""
    listener = Msgspec()
    return listener, lambda: listener.count


def measure() -> dict[str, Any]:
    """Let the sender send to each receiver in turn."""
    rates = sender.receive_rates(
        "benchmarks.depth_receive",
        MESSAGES,
        {"ours": ours, "picows undecoded": undecoded, "picows + msgspec, not applied": with_msgspec},
        ROUNDS,
    )
    return sender.row(
        ID,
        "depth of 20 + 20 levels received, decoded, applied to books; sender on the other core",
        rates.pop("ours"),
        rates,
        required=130_000,
        goal=300_000,
    )


if __name__ == "__main__":
    if "--send" in sys.argv:
        sender.send_to_all(messages())
    else:
        print(measure())
