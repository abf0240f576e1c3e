"""A venue's listener that writes down what it hears, and lets a test wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from venues.base import Balance, OrderReport, ReportKind

WAIT_S = 15.0


class Heard:
    """Everything heard, in order. `until` waits for a condition over it."""

    def __init__(self) -> None:
        self.reports: list[OrderReport] = []
        self.balances: dict[int, dict[str, Balance]] = {}
        self.quotes: dict[str, tuple[int, int, int, int]] = {}
        self.trades: list[str] = []
        self.books: set[str] = set()
        self.market_live: list[tuple[str, bool]] = []
        self.account_live: list[tuple[int, bool]] = []
        self._changed = asyncio.Event()

    async def until(self, what: str, condition: Callable[[], object]) -> None:
        """Return when the condition holds; it is looked at whenever something was heard."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}; reports: {self.reports}") from None

    def of(self, client_order_id: str, *kinds: ReportKind) -> list[OrderReport]:
        """Return the reports of an order, of these kinds or of all."""
        return [
            report
            for report in self.reports
            if report.client_order_id == client_order_id and (not kinds or report.kind in kinds)
        ]

    async def report(self, client_order_id: str, kind: ReportKind) -> OrderReport:
        """Return the first report of the kind, waiting for it."""
        await self.until(f"{kind.name} of {client_order_id}", lambda: self.of(client_order_id, kind))
        return self.of(client_order_id, kind)[0]

    def on_order_report(self, report: OrderReport) -> None:
        self.reports.append(report)
        self._changed.set()

    def on_balances(self, account: int, balances: Sequence[Balance], event_ns: int) -> None:
        self.balances.setdefault(account, {}).update({balance.asset: balance for balance in balances})
        self._changed.set()

    def on_quote(self, symbol: str, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int) -> None:
        self.quotes[symbol] = (bid_ticks, bid_lots, ask_ticks, ask_lots)
        self._changed.set()

    def on_trade(self, symbol: str, price_ticks: int, lots: int, buyer_is_maker: bool, event_ns: int) -> None:
        self.trades.append(symbol)
        self._changed.set()

    def on_book(self, symbol: str) -> None:
        self.books.add(symbol)
        self._changed.set()

    def on_market_live(self, symbol: str, live: bool) -> None:
        self.market_live.append((symbol, live))
        self._changed.set()

    def on_account_live(self, account: int, live: bool) -> None:
        self.account_live.append((account, live))
        self._changed.set()
