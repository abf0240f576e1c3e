"""bookTicker messages received, decoded and applied to a table of quotes by one process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from benchmarks import _market_sender as sender
from venues.binance.parser import MarketDecoder

ID = "bookticker_receive"
MESSAGES = 500_000
ROUNDS = 5
FIRST_ID = 50_093_239_212
SYMBOLS = tuple(
    f"{base}USDT" for base in ("BTC", "ETH", "BNB", "SOL", "XRP", "DOGE", "ADA", "TRX", "AVAX", "LINK")
)


def messages() -> list[bytes]:
    """Return the messages: combined-stream envelopes as the exchange writes them, ids rising."""
    made = []
    for number in range(1, MESSAGES + 1):
        symbol = SYMBOLS[number % len(SYMBOLS)]
        bid = 61_000_00 + number % 997
        made.append(
            f'{{"stream":"{symbol.lower()}@bookTicker","data":{{"u":{FIRST_ID + number},"s":"{symbol}",'
            f'"b":"{bid // 100}.{bid % 100:02}000000","B":"{number % 9}.{number % 99_999:05}000",'
            f'"a":"{bid // 100}.{bid % 100:02}000000","A":"1.{number % 99_999:05}000"}}}}'.encode()
        )
    return made


class Quotes:
    """The listener of the venue; counts what it is told."""

    def __init__(self) -> None:
        self.told = 0

    def on_connected(self, transport: WSTransport) -> None:
        """Nothing to do."""

    def on_disconnected(self) -> None:
        """Nothing to do."""

    def on_quote(self, symbol: str, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int) -> None:
        """Count a conflated quote."""
        self.told += 1

    def on_malformed(self, symbol: str | None, message: bytes) -> None:
        """Stop: then the figure would be none."""
        raise AssertionError(message)

    on_other = on_malformed


class Quote(msgspec.Struct):
    """A bookTicker, for the reference."""

    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class Envelope(msgspec.Struct):
    """A combined stream's message, for the reference."""

    stream: str
    data: Quote


class Undecoded(WSListener):
    """The reference that looks at nothing."""

    def __init__(self) -> None:
        self.count = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count the message."""
        self.count += frame.msg_type is not WSMsgType.CLOSE


class Msgspec(WSListener):
    """The reference that decodes with msgspec and keeps the newest message of each symbol."""

    def __init__(self) -> None:
        self.count = 0
        self.quotes: dict[str, Quote] = {}
        self.decode = msgspec.json.Decoder(Envelope).decode

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Decode and keep the message."""
        quote = self.decode(frame.get_payload_as_memoryview()).data
        self.quotes[quote.s] = quote
        self.count += 1


def ours() -> tuple[WSListener, Callable[[], int]]:
    """Return the connector's own decoder."""
    decoder = MarketDecoder(Quotes(), sender.loop_schedule)  # type: ignore[arg-type]
    for symbol in SYMBOLS:
        decoder.follow(symbol, 1_000_000, 1_000)

    def applied() -> int:
        newest = max(decoder.quote(symbol)[0] for symbol in SYMBOLS)
        assert newest == FIRST_ID + MESSAGES, "the last quote is not in the table"
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
        "benchmarks.bookticker_receive",
        MESSAGES,
        {"ours": ours, "picows undecoded": undecoded, "picows + msgspec": with_msgspec},
        ROUNDS,
    )
    return sender.row(
        ID,
        "bookTicker received, decoded, applied; one process, sender on the other core",
        rates.pop("ours"),
        rates,
        required=700_000,
        goal=1_000_000,
    )


if __name__ == "__main__":
    if "--send" in sys.argv:
        sender.send_to_all(messages())
    else:
        print(measure())
