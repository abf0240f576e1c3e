"""Raw captures: one line is the local receive time in ns, a space, and the message as it came.

Messages are Binance's combined-stream messages, except for the REST depth
snapshot, which is a line of its own without a stream. A file holds one symbol.
"""

from __future__ import annotations

import gzip
import heapq
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

HEAD_LINES = 1000
SNAPSHOT = ""


class RecordingUnusable(Exception):
    """The capture is not what it should be; the text says where."""


class RecordedMessage(NamedTuple):
    """One line: `stream` is SNAPSHOT for a depth snapshot, `message` is the line's text unchanged."""

    received_ns: int
    symbol: str
    stream: str
    data: dict[str, Any]
    message: bytes


class Recording:
    """The captures of a file or of a folder, merged by receive time."""

    def __init__(self, path: Path) -> None:
        self.files = sorted(path.glob("*.gz")) if path.is_dir() else [path]
        if not self.files or not all(file.exists() for file in self.files):
            raise RecordingUnusable(f"{path} holds no capture")
        self.symbol_of = {file: symbol_of(file) for file in self.files}
        self.symbols = sorted(set(self.symbol_of.values()))
        self.streams = frozenset(stream for file in self.files for stream in streams_of(file))

    def __iter__(self) -> Iterator[RecordedMessage]:
        return heapq.merge(*(self._read(file) for file in self.files), key=lambda line: line.received_ns)

    def _read(self, file: Path) -> Iterator[RecordedMessage]:
        symbol = self.symbol_of[file]
        for number, (received_ns, message, content) in enumerate(lines_of(file), 1):
            stream = content.get("stream", SNAPSHOT)
            data = content.get("data", content)
            if stream.partition("@")[0].upper() not in ("", symbol):
                raise RecordingUnusable(f"{file.name}:{number} is of {stream}, not of {symbol}")
            yield RecordedMessage(received_ns, symbol, stream, data, message)


def lines_of(file: Path) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Yield receive time, text and content of every line."""
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as source:
        for line in source:
            received, _, message = line.rstrip(b"\r\n").partition(b" ")
            yield int(received), message, msgspec.json.decode(message)


def symbol_of(file: Path) -> str:
    """Return the symbol of the file's first stream message."""
    for stream in streams_of(file):
        symbol: str = stream.partition("@")[0].upper()
        return symbol
    raise RecordingUnusable(f"{file.name} names no stream in its first {HEAD_LINES} lines")


def streams_of(file: Path) -> list[str]:
    """Return the streams that the file's first lines name."""
    head = itertools.islice(lines_of(file), HEAD_LINES)
    return sorted({content["stream"] for _, _, content in head if "stream" in content})
