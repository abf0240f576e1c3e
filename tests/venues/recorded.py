"""The recorded market on this machine; tests that need it skip where it is absent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SPOT = "market/binance_raw_2024-08-08/spot/btcusdt_20240808.gz"


def recorded(name: str) -> Path:
    """Return the path of a shared file, or skip the test."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}")
    return path


def recorded_messages(name: str = SPOT) -> Iterator[bytes]:
    """Yield the raw messages of a capture, without the time of their reception."""
    with gzip.open(recorded(name)) as lines:
        for line in lines:
            yield line.split(b" ", 1)[1].strip()


def expected_rebuild(name: str = SPOT) -> dict[str, Any]:
    """Return the truth figures of a capture."""
    files = json.loads(recorded("market/expected/book_rebuild_btc.json").read_text())["files"]
    found: dict[str, Any] = next(entry for entry in files if entry["path"] == name)
    return found
