"""What our requests weigh, and what the exchange says of our use: spent from and told to the rate budget."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from venues.base import NotSent
from venues.rate_budget import Lane, RateBudget

if TYPE_CHECKING:
    from venues.binance.ws_api import UsedLimit

log = logging.getLogger(__name__)

#: The budget of this host's address. The exchange counts REST and WebSocket API together.
IP_BUDGET = "binance_spot:ip:weight"
IP_WEIGHT_PER_MINUTE = 6_000
NS_PER_S = 1_000_000_000
MINUTE_NS = 60 * NS_PER_S

USED_WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
RETRY_AFTER_HEADER = "Retry-After"
#: Where the exchange refuses for too many requests and does not say for how long.
RETRY_AFTER_DEFAULT_S = 60
#: How long a request waits for budget before it is given up.
WAIT_MAX_MS = 90_000
WAIT_STEP_MS = 100

# Request weights of spot, from the exchange's documents.
TIME, EXCHANGE_INFO, ACCOUNT, ORDER_QUERY = 1, 20, 20, 4
OPEN_ORDERS_OF_ALL, OPEN_ORDERS_OF_ONE, TRADES, SUBSCRIBE = 80, 6, 20, 2


def depth_weight(levels: int) -> int:
    """Return what a snapshot of so many levels weighs."""
    for limit, weight in ((100, 5), (500, 25), (1_000, 50)):
        if levels <= limit:
            return weight
    return 250


class Weights:
    """The address's budget, or none at all, where every request is free and nothing is noted."""

    def __init__(self, rate_budget: RateBudget | None, clock: Callable[[], int]) -> None:
        self._budget = rate_budget
        self._clock = clock
        self._slot = 0
        if rate_budget is not None:
            self._slot = rate_budget.budget(IP_BUDGET, IP_WEIGHT_PER_MINUTE, MINUTE_NS)

    async def spend(self, weight: int, lane: Lane) -> None:
        """Take the weight, waiting for it within WAIT_MAX_MS; raises NotSent when there is none."""
        waited_ms = 0
        while self._budget is not None and not self._budget.try_spend(
            self._slot, weight, self._clock(), lane
        ):
            if waited_ms >= WAIT_MAX_MS:
                raise NotSent(f"no request weight left for {weight} within {WAIT_MAX_MS} ms")
            await asyncio.sleep(WAIT_STEP_MS / 1000)
            waited_ms += WAIT_STEP_MS

    def on_headers(self, status: int, headers: Mapping[str, str]) -> None:
        """Note what a REST answer says of our use."""
        used = headers.get(USED_WEIGHT_HEADER)
        if used is not None and used.isdigit():
            self._observe(int(used))
        if status in (429, 418):
            self.block(headers.get(RETRY_AFTER_HEADER, ""))

    def on_limits(self, limits: Iterable[UsedLimit]) -> None:
        """Note what a WebSocket API answer says of our use."""
        for limit in limits:
            if (
                limit.rateLimitType == "REQUEST_WEIGHT"
                and limit.interval == "MINUTE"
                and limit.intervalNum == 1
            ):
                self._observe(limit.count)

    def block(self, retry_after: str = "") -> None:
        """Stop spending for as long as the exchange demands, in seconds."""
        seconds = int(retry_after) if retry_after.isdigit() else RETRY_AFTER_DEFAULT_S
        log.error("the exchange refuses requests from this address for %d s", seconds)
        if self._budget is not None:
            self._budget.block_until(self._slot, self._clock() + seconds * NS_PER_S)

    def _observe(self, used: int) -> None:
        if self._budget is not None:
            self._budget.observe(self._slot, used, self._clock())
