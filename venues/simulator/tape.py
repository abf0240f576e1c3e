"""What a symbol's public trades leave behind: the last trades, minute bars, and averages from them."""

from __future__ import annotations

from collections import deque

import msgspec

MINUTE_MS = 60_000
DAY_MINUTES = 1440
AVERAGE_MINUTES = 5


class PublicTrade(msgspec.Struct, frozen=True):
    """A trade as everybody sees it."""

    trade_id: int
    ticks: int
    lots: int
    time_ms: int
    buyer_is_maker: bool


class Minute(msgspec.Struct):
    """One minute of trading; values are tick-lots."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    value: int = 0
    count: int = 0
    taker_buy_lots: int = 0
    taker_buy_value: int = 0
    first_id: int = -1
    last_id: int = -1

    def add(self, trade: PublicTrade) -> None:
        """Count a trade in."""
        if self.count == 0:
            self.open = self.high = self.low = trade.ticks
            self.first_id = trade.trade_id
        self.high = max(self.high, trade.ticks)
        self.low = min(self.low, trade.ticks)
        self.close = trade.ticks
        self.lots += trade.lots
        self.value += trade.lots * trade.ticks
        self.count += 1
        self.last_id = trade.trade_id
        if not trade.buyer_is_maker:
            self.taker_buy_lots += trade.lots
            self.taker_buy_value += trade.lots * trade.ticks

    def merge(self, later: Minute) -> None:
        """Count a later minute in."""
        if later.count and not self.count:
            self.open, self.high, self.low, self.first_id = later.open, later.high, later.low, later.first_id
        if later.count:
            self.high = max(self.high, later.high)
            self.low = min(self.low, later.low)
            self.last_id = later.last_id
        self.close = later.close
        self.lots += later.lots
        self.value += later.value
        self.count += later.count
        self.taker_buy_lots += later.taker_buy_lots
        self.taker_buy_value += later.taker_buy_value


class Tape:
    """The recent past of one symbol."""

    def __init__(self, last_ticks: int, now_ms: int, trades_max: int, minutes_max: int) -> None:
        self.trades: deque[PublicTrade] = deque(maxlen=trades_max)
        self.minutes: deque[Minute] = deque(maxlen=minutes_max)
        self.last_ticks = last_ticks
        self.last_lots = 0
        self.roll(now_ms)

    def roll(self, now_ms: int) -> None:
        """Open the minutes up to now, at the last price."""
        start = now_ms - now_ms % MINUTE_MS
        opened = self.minutes[-1].open_ms + MINUTE_MS if self.minutes else start
        opened = max(opened, start - MINUTE_MS * (self.minutes.maxlen or 1))
        for open_ms in range(opened, start + 1, MINUTE_MS):
            price = self.last_ticks
            self.minutes.append(Minute(open_ms, price, price, price, price))

    def add(self, trade: PublicTrade, now_ms: int) -> None:
        """Count a trade into the minute of now; its own time may be a recorded one."""
        self.roll(now_ms)
        self.trades.append(trade)
        self.minutes[-1].add(trade)
        self.last_ticks = trade.ticks
        self.last_lots = trade.lots

    def average_ticks(self) -> int:
        """Return the volume-weighted price of the last five minutes, the last price where nothing traded."""
        recent = list(self.minutes)[-AVERAGE_MINUTES:]
        lots = sum(minute.lots for minute in recent)
        return sum(minute.value for minute in recent) // lots if lots else self.last_ticks

    def day(self) -> Minute:
        """Return the last 24 hours as one bar."""
        recent = list(self.minutes)[-DAY_MINUTES:]
        return merged(recent)

    def bars(self, minutes: int) -> list[Minute]:
        """Return the bars of that many minutes each, aligned to the epoch, oldest first."""
        groups: dict[int, list[Minute]] = {}
        for minute in self.minutes:
            groups.setdefault(minute.open_ms - minute.open_ms % (minutes * MINUTE_MS), []).append(minute)
        return [msgspec.structs.replace(merged(group), open_ms=start) for start, group in groups.items()]


def merged(minutes: list[Minute]) -> Minute:
    """Return consecutive minutes as one bar."""
    total = msgspec.structs.replace(minutes[0])
    for minute in minutes[1:]:
        total.merge(minute)
    return total
