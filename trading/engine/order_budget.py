"""What the exchange lets us send: orders per account, request weight per address."""

from __future__ import annotations

from typing import Protocol

from venues.base import OrderReport, ReportKind
from venues.rate_budget import Lane

NS_PER_S = 1_000_000_000
#: The exchange counts the address's weight over all requests; the connector names it the same.
WEIGHT_BUDGET = "binance_spot:ip:weight"
WEIGHT_PER_MINUTE = 6_000
#: What an order or a cancel weighs where it is refused; a successful one is given back by the exchange.
REQUEST_WEIGHT = 1
#: Documented examples; the exchange's own figures are below them nowhere that we know of.
ORDERS_PER_10_S = 100
ORDERS_PER_DAY = 200_000
TOO_MANY_ORDERS = -1015


class RateBudget(Protocol):
    """The part of `venues.rate_budget.RateBudget` that sending needs."""

    def budget(self, name: str, limit: int, window_ns: int) -> int:
        """Return the slot of the named budget."""

    def try_spend(self, slot: int, weight: int, now_ns: int, lane: int) -> bool:
        """Spend from one budget."""

    def spend_all(self, costs: list[tuple[int, int]], now_ns: int, lane: int) -> bool:
        """Spend from all budgets, or from none."""

    def give_back(self, slot: int, weight: int, now_ns: int) -> None:
        """Take a spending back."""

    def block_until(self, slot: int, until_ns: int) -> None:
        """Let nobody spend before the time."""

    def resets_at(self, slot: int, now_ns: int) -> int:
        """Return when the budget's window ends."""


class OrderBudget:
    """The budgets of every account of the engine, and of its address."""

    def __init__(self, budget: RateBudget, venue: str, accounts: list[tuple[int, str]]) -> None:
        """Name the budgets; `accounts` are slots and ids."""
        self._budget = budget
        self._weight = budget.budget(WEIGHT_BUDGET, WEIGHT_PER_MINUTE, 60 * NS_PER_S)
        self._counts: dict[int, int] = {}
        self._costs: dict[int, list[tuple[int, int]]] = {}
        for slot, account_id in accounts:
            short = budget.budget(f"{venue}:{account_id}:10s", ORDERS_PER_10_S, 10 * NS_PER_S)
            day = budget.budget(f"{venue}:{account_id}:1d", ORDERS_PER_DAY, 86_400 * NS_PER_S)
            self._counts[slot] = short
            self._costs[slot] = [(short, 1), (day, 1), (self._weight, REQUEST_WEIGHT)]

    def spend_order(self, account: int, now_ns: int) -> bool:
        """Take what one new order costs, or nothing."""
        return self._budget.spend_all(self._costs[account], now_ns, Lane.NEW)

    def spend_cancel(self, now_ns: int) -> bool:
        """Take what one cancel costs; cancels count against no account."""
        return self._budget.try_spend(self._weight, REQUEST_WEIGHT, now_ns, Lane.CANCEL)

    def give_back_order(self, account: int, now_ns: int) -> None:
        """Take back what an order cost that never left."""
        for slot, cost in self._costs[account]:
            self._budget.give_back(slot, cost, now_ns)

    def on_report(self, report: OrderReport, *, took: bool, now_ns: int) -> None:
        """Draw the consequence; `took` says that the exchange took our request, which then weighs nothing.

        When the exchange has counted too many orders, the account's new ones pause.
        """
        if took:
            self._budget.give_back(self._weight, REQUEST_WEIGHT, now_ns)
        if report.kind is ReportKind.REJECTED and report.code == TOO_MANY_ORDERS:
            slot = self._counts[report.account]
            self._budget.block_until(slot, self._budget.resets_at(slot, now_ns))
