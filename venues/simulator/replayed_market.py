"""Plays a recording at its own pace: messages pass through unchanged, our orders trade against them.

The recorded event times stay as they are; orders and account events bear the
exchange's time. When the recording ends, or has a gap, the market closes and
says so: going back to its beginning would break the update ids.
"""

from __future__ import annotations

import logging
from typing import Any

from venues.simulator.amounts import fast_units
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.listing import Listing
from venues.simulator.recorded_floor import RecordedFloor
from venues.simulator.recording import SNAPSHOT, RecordedMessage, Recording, RecordingUnusable
from venues.simulator.settlement import MS_NS
from venues.simulator.symbol_market import Levels, SymbolMarket
from venues.simulator.tape import PublicTrade, Tape

log = logging.getLogger("simulator")


def recorded_floor(listing: Listing, first_id: int) -> RecordedFloor:
    """Return the empty floor of a symbol that will be replayed."""
    return RecordedFloor()


class ReplayedMarket:
    """Drives the recorded books of all symbols by the exchange's time."""

    def __init__(
        self, exchange: SimulatedExchange, recording: Recording, *, now_ns: int, speed: float = 1.0
    ) -> None:
        self.exchange = exchange
        self.speed = speed
        self.paused = False
        self.ended = ""
        self.played = 0
        self.last_ns = now_ns
        self.waiting: dict[str, list[RecordedMessage]] = {symbol: [] for symbol in recording.symbols}
        self._lines = iter(recording)
        self._next = next(self._lines, None)
        self.position_ns = float(self._next.received_ns) if self._next else 0.0

    def reseed(self, seed: int) -> None:
        """Refuse: nothing in a recording is left to chance."""
        raise ValueError("a replay has no seed")

    def open(self, now_ns: int) -> None:
        """Play until every symbol has its snapshot; nobody can be listening yet."""
        while self.waiting:
            if self._next is None:
                raise RecordingUnusable(f"no depth snapshot for {', '.join(self.waiting)}")
            self.position_ns = float(self._next.received_ns)
            self._play_next(now_ns)

    def advance(self, now_ns: int) -> None:
        """Play what is due by now."""
        passed, self.last_ns = max(0, now_ns - self.last_ns), now_ns
        if self.paused or self.ended:
            return
        self.position_ns += passed * self.speed
        while self._next is not None and self._next.received_ns <= self.position_ns:
            self._play_next(now_ns)

    def step(self, count: int, now_ns: int) -> None:
        """Play that many messages now."""
        for _ in range(count):
            if self._next is None or self.ended:
                return
            self.position_ns = max(self.position_ns, float(self._next.received_ns))
            self._play_next(now_ns)

    def state(self) -> dict[str, Any]:
        """Return what the control port shows."""
        return {
            "kind": "replayed",
            "state": "ended" if self.ended else "paused" if self.paused else "running",
            "reason": self.ended,
            "played": self.played,
            "speed": self.speed,
            "position_ns": int(self.position_ns),
        }

    def _play_next(self, now_ns: int) -> None:
        line = self._next
        assert line is not None
        self._play(line, now_ns)
        self.played += 1
        if self.ended:
            return
        self._next = next(self._lines, None)
        if self._next is None:
            self._end("the recording is over")

    def _play(self, line: RecordedMessage, now_ns: int) -> None:
        """Pass one message on, then let it act on the book or on our orders."""
        market = self.exchange.market(line.symbol)
        if line.stream == SNAPSHOT:
            self._start_from(market, line, now_ns)
            return
        self.exchange.listener.on_recorded(line.stream, line.message)
        kind = line.data.get("e")
        if kind == "depthUpdate" and line.symbol in self.waiting:
            self.waiting[line.symbol].append(line)
        elif kind == "depthUpdate":
            self._apply(market, line)
        elif kind == "trade":
            self._trade(market, line, now_ns)

    def _start_from(self, market: SymbolMarket, line: RecordedMessage, now_ns: int) -> None:
        """Load the snapshot, then the changes that came before it was answered."""
        earlier = self.waiting.pop(line.symbol, None)
        if earlier is None:
            return
        listing, floor = market.listing, floor_of(market)
        floor.load(
            line.data["lastUpdateId"], levels(listing, line.data["bids"]), levels(listing, line.data["asks"])
        )
        for update in earlier:
            self._apply(market, update)
        market.fast.last_id = market.slow.last_id = floor.update_id
        floor.take_changes()
        history = self.exchange.config.history
        start = floor.best()[0]
        now_ms = now_ns // MS_NS
        market.tape = Tape(start, now_ms, history.trades_per_symbol_max, history.minutes_per_symbol_max)

    def _apply(self, market: SymbolMarket, line: RecordedMessage) -> None:
        """Apply a change by the published rules; a gap closes the market."""
        floor, first_id, last_id = floor_of(market), line.data["U"], line.data["u"]
        if last_id <= floor.update_id:
            return
        if first_id > floor.update_id + 1:
            self._end(f"{line.symbol} has a gap between update {floor.update_id} and {first_id}")
            return
        floor.apply(last_id, levels(market.listing, line.data["b"]), levels(market.listing, line.data["a"]))

    def _trade(self, market: SymbolMarket, line: RecordedMessage, now_ns: int) -> None:
        data, listing = line.data, market.listing
        trade = PublicTrade(
            data["t"],
            fast_units(data["p"]) // listing.tick,
            fast_units(data["q"]) // listing.lot,
            data["T"],
            data["m"],
        )
        market.tape.add(trade, now_ns // MS_NS)
        for fill in floor_of(market).trade(trade.ticks, trade.lots, buyer_is_maker=trade.buyer_is_maker):
            self.exchange.fill_from_recording(market, fill.order_id, fill.owner, fill.lots, now_ns)

    def _end(self, reason: str) -> None:
        self.ended = reason
        for market in self.exchange.markets.values():
            market.listing.trading = False
        log.warning("the market is closed: %s", reason)
        self.exchange.listener.on_market_ended()


def floor_of(market: SymbolMarket) -> RecordedFloor:
    """Return the market's floor, which is a recorded one here."""
    assert isinstance(market.floor, RecordedFloor)
    return market.floor


def levels(listing: Listing, rows: list[list[str]]) -> Levels:
    """Return recorded levels in ticks and lots."""
    tick, lot = listing.tick, listing.lot
    return [(fast_units(price) // tick, fast_units(quantity) // lot) for price, quantity in rows]
