"""Synthetic participants: quoters around a wandering fair value, and takers who cross the spread.

They place, cancel and cross through the same matching engine as accounts do.
What they do is a function of the seed and the number of the step; a step is a
fixed piece of exchange time. The fair value follows a geometric random walk
with the configured yearly volatility, pulled gently back to where it began.
"""

from __future__ import annotations

import math
import random
from collections import deque

from venues.simulator.amounts import parse_units
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.matching import BUY, SELL
from venues.simulator.settlement import MS_NS
from venues.simulator.symbol_market import SymbolMarket

SECONDS_PER_YEAR = 365 * 86_400
OPENING_QUOTES = 120
PULL_PER_SECOND = 1 / 7200
SIZE_SPREAD = 0.9  # of the logarithm of order sizes


class Participants:
    """All who trade one symbol for nobody's account."""

    def __init__(self, exchange: SimulatedExchange, market: SymbolMarket, seed: int, step_s: float) -> None:
        shape = market.listing.shape.market
        self.exchange = exchange
        self.market = market
        self.shape = shape
        self.chance = random.Random(f"{seed} {market.listing.symbol}")  # noqa: S311 (a market, not a secret)
        self.anchor = parse_units(shape.start_price) / market.listing.tick
        self.fair = self.anchor
        self.lots = max(1, parse_units(shape.quantity) // market.listing.lot)
        self.step_volatility = shape.volatility_percent_year / 100 * math.sqrt(step_s / SECONDS_PER_YEAR)
        self.step_pull = PULL_PER_SECOND * step_s
        self.taker_chance = shape.takers_per_second * step_s
        self.quotes: dict[int, deque[tuple[int, int]]] = {BUY: deque(), SELL: deque()}

    def open(self, now_ns: int) -> None:
        """Fill the empty book."""
        for _ in range(OPENING_QUOTES):
            self._quote(BUY, now_ns)
            self._quote(SELL, now_ns)
        self._tighten(now_ns)

    def step(self, now_ns: int) -> None:
        """Move the fair value, withdraw what it made stale, quote anew, and now and then take."""
        drift = self.step_pull * math.log(self.anchor / self.fair)
        self.fair *= math.exp(drift + self.step_volatility * self.chance.gauss(0, 1))
        for side in (BUY, SELL):
            self._withdraw(side)
            for _ in range(self.shape.quotes_per_step):
                self._quote(side, now_ns)
        self._tighten(now_ns)
        if self.chance.random() < self.taker_chance:
            self._take(now_ns)
        self.exchange.publish_quote(self.market)

    def _withdraw(self, side: int) -> None:
        """Cancel quotes that the fair value overran, and the oldest beyond the limit."""
        quotes, floor, kept = self.quotes[side], self.market.floor, deque[tuple[int, int]]()
        for number, ticks in quotes:
            stale = ticks >= self.fair if side == BUY else ticks <= self.fair
            if stale:
                floor.cancel(number)
            else:
                kept.append((number, ticks))
        while len(kept) > self.shape.orders_per_side_max:
            floor.cancel(kept.popleft()[0])
        self.quotes[side] = kept

    def _quote(self, side: int, now_ns: int) -> None:
        """Place one quote at a chance distance from the fair value."""
        away = self.shape.half_spread_ticks + self.chance.expovariate(1 / self.shape.depth_ticks)
        self._rest(side, away, now_ns)

    def _tighten(self, now_ns: int) -> None:
        """Keep somebody quoting at the usual spread."""
        bid, _, ask, _ = self.market.floor.best()
        reach = self.shape.half_spread_ticks * 2
        if not bid or self.fair - bid > reach:
            self._rest(BUY, self.shape.half_spread_ticks * self.chance.uniform(0.5, 1.5), now_ns)
        if not ask or ask - self.fair > reach:
            self._rest(SELL, self.shape.half_spread_ticks * self.chance.uniform(0.5, 1.5), now_ns)

    def _rest(self, side: int, away: float, now_ns: int) -> None:
        ticks = math.floor(self.fair - away) if side == BUY else math.ceil(self.fair + away)
        if ticks <= 0:
            return
        number = self.exchange.place_for_nobody(self.market, side, ticks, self._size(), now_ns, rest=True)
        if number:
            self.quotes[side].append((number, ticks))

    def _take(self, now_ns: int) -> None:
        side = BUY if self.chance.random() < 0.5 else SELL
        reach = self.shape.taker_reach_ticks
        limit = math.floor(self.fair + reach) if side == BUY else max(1, math.ceil(self.fair - reach))
        self.exchange.place_for_nobody(self.market, side, limit, self._size(), now_ns, rest=False)

    def _size(self) -> int:
        return max(1, round(self.lots * math.exp(self.chance.gauss(0, SIZE_SPREAD) - 0.5)))


class GeneratedMarket:
    """Drives the participants of all symbols by the exchange's time."""

    def __init__(self, exchange: SimulatedExchange, *, now_ns: int, speed: float = 1.0) -> None:
        self.exchange = exchange
        self.step_ns = exchange.config.step_ms * MS_NS
        self.steps_behind_max = exchange.config.steps_behind_max
        self.speed = speed
        self.paused = False
        self.steps = 0
        self.last_ns = now_ns
        self.due_ns = 0.0
        self.participants = [
            Participants(exchange, market, exchange.seed, self.step_ns / 1e9)
            for market in exchange.markets.values()
        ]

    def reseed(self, seed: int) -> None:
        """Let chance go on from another seed."""
        for participants in self.participants:
            participants.chance.seed(f"{seed} {participants.market.listing.symbol}")

    def open(self, now_ns: int) -> None:
        """Fill the empty books."""
        for participants in self.participants:
            participants.open(now_ns)

    def advance(self, now_ns: int) -> None:
        """Make the steps that are due; after a stall the market skips instead of bursting."""
        passed, self.last_ns = max(0, now_ns - self.last_ns), now_ns
        if self.paused:
            return
        self.due_ns += passed * self.speed
        count = int(self.due_ns // self.step_ns)
        self.due_ns -= count * self.step_ns
        self.step(min(count, self.steps_behind_max), now_ns)

    def step(self, count: int, now_ns: int) -> None:
        """Make that many steps now."""
        for _ in range(count):
            self.steps += 1
            for participants in self.participants:
                participants.step(now_ns)

    def state(self) -> dict[str, object]:
        """Return what the control port shows."""
        fair = {
            one.market.listing.symbol: one.market.listing.price(round(one.fair)) for one in self.participants
        }
        return {
            "kind": "generated",
            "state": "paused" if self.paused else "running",
            "steps": self.steps,
            "speed": self.speed,
            "fair": fair,
        }
