"""Collect an account's trades page by page, without a hole and without end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from venues.base import Unknown

Trade = Mapping[str, Any]
#: By time the exchange lists at most a day at once; from longer ago than this it goes by id.
DAY_MS = 24 * 60 * 60 * 1000
BY_TIME_MAX_MS = 14 * DAY_MS


async def trades_since(
    ask: Callable[..., Awaitable[list[Trade]]], *, since_ms: int, now_ms: int, page_size: int, pages_max: int
) -> list[Trade]:
    """Return all trades since the time, oldest first.

    `ask` takes `startTime` and `endTime`, or `fromId`, and returns one page. The
    first trade is looked for day by day; from there on ids lead to the present.
    Raises Unknown when there are more than `pages_max` pages.
    """
    found: list[Trade] = []
    window = {"fromId": 0} if now_ms - since_ms > BY_TIME_MAX_MS else day_from(since_ms)
    for _ in range(pages_max):
        page = await ask(**window)
        found.extend(trade for trade in page if int(trade["time"]) >= since_ms)
        if is_last(page, window, now_ms, page_size):
            return found
        window = {"fromId": int(page[-1]["id"]) + 1} if page else day_from(window["endTime"] + 1)
    raise Unknown(f"more than {pages_max} pages of trades since {since_ms}")


def is_last(page: list[Trade], window: Mapping[str, int], now_ms: int, page_size: int) -> bool:
    """Return whether nothing can come after the page."""
    if "fromId" in window:
        return len(page) < page_size
    return not page and window["endTime"] >= now_ms


def day_from(start_ms: int) -> dict[str, int]:
    """Return the parameters for a day of trades."""
    return {"startTime": start_ms, "endTime": start_ms + DAY_MS - 1}
