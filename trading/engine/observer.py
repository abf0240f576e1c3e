"""Who hears what the engine hears: strategies and faces. They are called in the engine's loop."""

from __future__ import annotations

from typing import Any, Protocol


class Observer(Protocol):
    """Told of markets, orders, accounts and time. Must not block; orders are read only."""

    def on_quote(
        self, instrument: int, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int, now_ns: int
    ) -> None:
        """The best bid or ask changed."""

    def on_trade(
        self, instrument: int, price_ticks: int, lots: int, buyer_is_maker: bool, now_ns: int
    ) -> None:
        """A public trade happened."""

    def on_book(self, instrument: int, now_ns: int) -> None:
        """The book changed."""

    # Any: an observer names the narrower protocol of what it reads of an order.
    def on_order(self, order: Any, report: Any, now_ns: int) -> None:
        """A report changed an order."""

    def on_account_state(self, account: int, state: str, now_ns: int) -> None:
        """An account became ready, stale or incomplete."""

    def on_timer(self, now_ns: int) -> None:
        """Called every 100 ms."""
