"""Request weight per address and unfilled orders per account, in windows of the exchange's clock."""

from __future__ import annotations

from typing import Any

from venues.simulator.config import LimitShape
from venues.simulator.errors import Refusal

SECOND_NS = 1_000_000_000
INTERVAL_S = {"SECOND": 1, "MINUTE": 60, "DAY": 86_400}
USE_STREAMS = "Please use WebSocket Streams for live updates to avoid {}."


class Window:
    """A counter that starts again with every interval."""

    def __init__(self, kind: str, interval: str, number: int, limit: int) -> None:
        self.kind = kind
        self.interval = interval
        self.number = number
        self.limit = limit
        self.length_ns = INTERVAL_S[interval] * number * SECOND_NS
        self.start = -1
        self.count = 0

    def roll(self, now_ns: int) -> int:
        """Start again when the interval is over; return the count."""
        start = now_ns // self.length_ns
        if start != self.start:
            self.start, self.count = start, 0
        return self.count

    def left_s(self, now_ns: int) -> int:
        """Return the seconds until the window starts again, at least one."""
        return max(1, -(-(self.length_ns - now_ns % self.length_ns) // SECOND_NS))

    def rule(self) -> dict[str, Any]:
        """Return the limit as exchangeInfo lists it."""
        return {
            "rateLimitType": self.kind,
            "interval": self.interval,
            "intervalNum": self.number,
            "limit": self.limit,
        }

    def state(self, now_ns: int) -> dict[str, Any]:
        """Return limit and count, as answers of the WebSocket API carry them."""
        return self.rule() | {"count": self.roll(now_ns)}


def weight_windows(limits: LimitShape) -> list[Window]:
    """Return what limits an address."""
    return [
        Window("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
        Window("RAW_REQUESTS", "MINUTE", 5, limits.requests_per_5_minutes),
    ]


def order_windows(limits: LimitShape) -> list[Window]:
    """Return what limits an account."""
    return [
        Window("ORDERS", "SECOND", 10, limits.orders_per_10_seconds),
        Window("ORDERS", "DAY", 1, limits.orders_per_day),
    ]


class AddressLimits:
    """One address's weight, and its ban when it goes on after being told to stop."""

    def __init__(self, limits: LimitShape) -> None:
        self.limits = limits
        self.weight, self.requests = weight_windows(limits)
        self.refused = 0
        self.bans = 0
        self.banned_until_ns = 0

    def charge(self, weight: int, now_ns: int) -> None:
        """Count a request, or refuse it with 429, or 418 after too many of those."""
        if now_ns < self.banned_until_ns:
            raise self._banned(now_ns)
        self.weight.roll(now_ns)
        self.requests.roll(now_ns)
        if self.weight.count + weight <= self.weight.limit and self.requests.count < self.requests.limit:
            self.weight.count += weight
            self.requests.count += 1
            self.refused = 0
            return
        self.refused += 1
        if self.refused > self.limits.refused_requests_before_ban:
            seconds = min(self.limits.ban_s << self.bans, self.limits.ban_max_s)
            self.banned_until_ns = now_ns + seconds * SECOND_NS
            self.bans += 1
            self.refused = 0
            raise self._banned(now_ns)
        raise self._too_much(now_ns)

    def give_back(self, weight: int) -> None:
        """Return the weight of an order request that succeeded: those cost nothing."""
        self.weight.count = max(0, self.weight.count - weight)

    def _too_much(self, now_ns: int) -> Refusal:
        text = (
            "Too much request weight used; "
            f"current limit is {self.weight.limit} request weight per 1 MINUTE. "
            + USE_STREAMS.format("polling the API")
        )
        return Refusal(-1003, text, status=429, retry_after_s=self.weight.left_s(now_ns))

    def _banned(self, now_ns: int) -> Refusal:
        text = (
            f"Way too much request weight used; IP banned until {self.banned_until_ns // 1_000_000}. "
            + USE_STREAMS.format("bans")
        )
        left = -(-(self.banned_until_ns - now_ns) // SECOND_NS)
        return Refusal(-1003, text, status=418, retry_after_s=max(1, left))


class OrderCounts:
    """One account's count of unfilled orders; the first fill of an order gives some of it back."""

    def __init__(self, limits: LimitShape) -> None:
        self.limits = limits
        self.windows = order_windows(limits)

    def count(self, now_ns: int) -> None:
        """Count a new order, or refuse it."""
        for window in self.windows:
            if window.roll(now_ns) >= window.limit:
                text = (
                    f"Too many new orders; current limit is {window.limit} orders per "
                    f"{window.number} {window.interval}."
                )
                raise Refusal(-1015, text, status=429, retry_after_s=window.left_s(now_ns))
        for window in self.windows:
            window.count += 1

    def filled(self, maker: bool, now_ns: int) -> None:
        """Give back what the first fill of an order returns."""
        returned = self.limits.maker_fill_returns if maker else self.limits.taker_fill_returns
        for window in self.windows:
            window.count = max(0, window.roll(now_ns) - returned)

    def states(self, now_ns: int) -> list[dict[str, Any]]:
        """Return limits and counts."""
        return [window.state(now_ns) for window in self.windows]
