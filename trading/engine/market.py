"""Quotes on their way to the gate and to who listens; a quote that nothing confirms grows old."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from trading.engine.observer import Observer
from venues.base import Instrument

if TYPE_CHECKING:
    from risk.gate import Gate

#: How often an unchanged quote is confirmed to the gate while its stream brings events.
CONFIRM_INTERVAL_NS = 250_000_000


class LastQuote(msgspec.Struct, gc=False):
    """The best bid and ask of an instrument; zeros while the book is not in sync."""

    bid_ticks: int = 0
    bid_lots: int = 0
    ask_ticks: int = 0
    ask_lots: int = 0
    told_ns: int = 0
    live: bool = False


class Market:
    """The engine's view of public data: one last quote per instrument."""

    def __init__(self, gate: Gate, instruments: Iterable[Instrument], observers: Sequence[Observer]) -> None:
        self._gate = gate
        self._observers = observers
        self._slots = {instrument.symbol: instrument.slot for instrument in instruments}
        self.quotes = {slot: LastQuote() for slot in self._slots.values()}

    def on_quote(
        self, symbol: str, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int, now_ns: int
    ) -> None:
        """Take over a new best bid and ask."""
        slot = self._slots.get(symbol)
        if slot is None:
            return
        quote = self.quotes[slot]
        quote.bid_ticks, quote.bid_lots, quote.ask_ticks, quote.ask_lots = (
            bid_ticks,
            bid_lots,
            ask_ticks,
            ask_lots,
        )
        quote.told_ns = now_ns
        self._gate.set_quote(slot, bid_ticks, ask_ticks, now_ns)
        for observer in self._observers:
            observer.on_quote(slot, bid_ticks, bid_lots, ask_ticks, ask_lots, now_ns)

    def on_trade(self, symbol: str, price_ticks: int, lots: int, buyer_is_maker: bool, now_ns: int) -> None:
        """Hand a public trade on."""
        slot = self._slots.get(symbol)
        if slot is None:
            return
        for observer in self._observers:
            observer.on_trade(slot, price_ticks, lots, buyer_is_maker, now_ns)

    def on_book(self, symbol: str, now_ns: int) -> None:
        """Confirm the quote, since the book that changed stands behind it, and hand the news on."""
        slot = self._slots.get(symbol)
        if slot is None:
            return
        quote = self.quotes[slot]
        if quote.live and now_ns - quote.told_ns >= CONFIRM_INTERVAL_NS:
            quote.told_ns = now_ns
            self._gate.set_quote(slot, quote.bid_ticks, quote.ask_ticks, now_ns)
        for observer in self._observers:
            observer.on_book(slot, now_ns)

    def on_market_live(self, symbol: str, live: bool, now_ns: int) -> None:
        """While a book is being rebuilt there is no price, and the gate refuses."""
        slot = self._slots.get(symbol)
        if slot is None:
            return
        quote = self.quotes[slot]
        quote.live = live
        if not live:
            quote.bid_ticks = quote.bid_lots = quote.ask_ticks = quote.ask_lots = 0
            self._gate.set_quote(slot, 0, 0, now_ns)
