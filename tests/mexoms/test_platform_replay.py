"""The platform on a recorded market: the strategy trades in what really happened."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.mexoms.desk_walk import rows
from tests.mexoms.ground_truth import control, still_market, wait_for_agreement
from tests.mexoms.process_table import wait_until
from tests.platform import Platform, new_home

RECORDING = (
    Path(__file__).resolve().parents[3] / "shared" / "data" / "market" / "binance_raw_2024-08-08" / "spot"
)

pytestmark = [
    pytest.mark.platform,
    pytest.mark.xdist_group("chaos"),
    pytest.mark.skipif(not RECORDING.exists(), reason=f"{RECORDING} is absent"),
]

FILLS = 5


def recorded_range() -> tuple[Decimal, Decimal]:
    """Return the lowest and the highest price that was traded in the recording."""
    prices = []
    for path in sorted(RECORDING.glob("*.gz")):
        with gzip.open(path, "rt") as lines:
            for line in lines:
                if '"btcusdt@trade"' in line:
                    prices.append(Decimal(json.loads(line.partition(" ")[2])["data"]["p"]))
    return min(prices), max(prices)


def test_the_strategy_trades_in_the_recording_and_the_books_agree():
    platform = Platform(new_home())
    try:
        platform.start("--replay", str(RECORDING))
        platform.wait_ready()
        wait_until(lambda: len(rows(platform, "fills")) >= FILLS, f"{FILLS} fills", 120.0)
        assert control(platform, "state")["market"]["state"] == "running"
        with still_market(platform):
            books = wait_for_agreement(platform)
        low, high = recorded_range()
        fills = rows(platform, "fills")
    finally:
        platform.remove()
    assert len(books["trades"]) >= FILLS
    assert all(low <= Decimal(fill["price"]) <= high for fill in fills)
    assert {fill["symbol"] for fill in fills} == {"BTCUSDT"}
