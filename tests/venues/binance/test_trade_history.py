from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.base import Unknown
from venues.binance.trade_history import DAY_MS, trades_since

NOW_MS = 400 * DAY_MS


class Exchange:
    """Lists trades as the exchange does: by day and oldest first, or from an id on."""

    def __init__(self, ages_ms: list[int], page_size: int) -> None:
        times = sorted(NOW_MS - age_ms for age_ms in ages_ms)
        self.trades = [{"id": 100 + number, "time": time_ms} for number, time_ms in enumerate(times)]
        self.page_size = page_size
        self.asked = 0

    async def page(
        self,
        *,
        startTime: int = 0,
        endTime: int = 0,
        fromId: int | None = None,
    ) -> list[Any]:
        self.asked += 1
        assert fromId is not None or endTime - startTime < DAY_MS
        fitting = (
            trade
            for trade in self.trades
            if (trade["id"] >= fromId if fromId is not None else startTime <= trade["time"] <= endTime)
        )
        return list(fitting)[: self.page_size]


@given(st.lists(st.integers(0, 30 * DAY_MS), max_size=40), st.integers(0, 30 * DAY_MS), st.integers(1, 7))
def test_all_trades_since_the_time_come_once_and_in_order(
    ages_ms: list[int], age_ms: int, page_size: int
) -> None:
    exchange = Exchange(ages_ms, page_size)
    since_ms = NOW_MS - age_ms
    found = asyncio.run(
        trades_since(exchange.page, since_ms=since_ms, now_ms=NOW_MS, page_size=page_size, pages_max=100)
    )
    assert found == [trade for trade in exchange.trades if trade["time"] >= since_ms]


async def test_from_long_ago_it_does_not_go_day_by_day() -> None:
    exchange = Exchange([5], 1_000)
    found = await trades_since(exchange.page, since_ms=0, now_ms=NOW_MS, page_size=1_000, pages_max=3)
    assert (len(found), exchange.asked) == (1, 1)


async def test_too_many_pages_are_unknown_instead_of_incomplete() -> None:
    exchange = Exchange(list(range(20)), 1)
    with pytest.raises(Unknown, match="more than 5 pages"):
        await trades_since(exchange.page, since_ms=0, now_ms=NOW_MS, page_size=1, pages_max=5)
