"""A venue that records what it is asked and says what the test lets it say. A double of the protocol only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from venues.base import (
    Balance,
    CancelOrder,
    FillSnapshot,
    Instrument,
    NotSent,
    OrderReport,
    OrderSnapshot,
    PlaceOrder,
    ReportKind,
    VenueError,
    VenueListener,
)

NS_PER_MS = 1_000_000


class ScriptedVenue:
    """Accepts everything in silence. `on_place` is called inside `place`, before anything is recorded."""

    name = "binance_spot"

    def __init__(self) -> None:
        self.placed: list[PlaceOrder] = []
        self.cancelled: list[CancelOrder] = []
        self.asked: list[str] = []
        self.on_place: Callable[[PlaceOrder], None] | None = None
        self.place_error: Exception | None = None
        self.cancel_error: Exception | None = None
        self.query_error: VenueError | None = None
        self.known: dict[str, OrderSnapshot] = {}
        self.open_list: list[OrderSnapshot] = []
        self.trades: list[FillSnapshot] = []
        self.money: list[Balance] = []
        self.accounts: set[int] = set()
        self.listener: VenueListener | None = None

    async def start(self, listener: VenueListener) -> None:
        self.listener = listener

    async def stop(self) -> None:
        self.listener = None

    async def instruments(self) -> list[Instrument]:
        return []

    def add_account(self, account: int, api_key: str, api_secret: str) -> None:
        self.accounts.add(account)

    async def watch_market(self, instruments: Iterable[Instrument]) -> None:
        assert self.listener is not None
        for instrument in instruments:
            self.listener.on_market_live(instrument.symbol, True)

    async def watch_accounts(self, accounts: Iterable[int]) -> None:
        assert self.listener is not None
        for account in accounts:
            self.listener.on_account_live(account, True)

    def now_ms(self, now_ns: int) -> int:
        return now_ns // NS_PER_MS

    def place(self, order: PlaceOrder) -> None:
        if self.on_place is not None:
            self.on_place(order)
        if self.place_error is not None:
            raise self.place_error
        self.placed.append(order)

    def cancel(self, cancel: CancelOrder) -> None:
        if self.cancel_error is not None:
            raise self.cancel_error
        self.cancelled.append(cancel)

    def book(self, symbol: str) -> None:
        return None

    async def query_order(
        self, account: int, instrument: Instrument, client_order_id: str
    ) -> OrderSnapshot | None:
        self.asked.append(client_order_id)
        if self.query_error is not None:
            raise self.query_error
        return self.known.get(client_order_id)

    async def open_orders(self, account: int) -> list[OrderSnapshot]:
        if self.query_error is not None:
            raise self.query_error
        return [one for one in self.open_list if one.account == account]

    async def fills_since(self, account: int, instrument: Instrument, since_ms: int) -> list[FillSnapshot]:
        return [
            one
            for one in self.trades
            if one.account == account
            and one.symbol == instrument.symbol
            and one.event_ns >= since_ms * NS_PER_MS
        ]

    async def balances(self, account: int) -> list[Balance]:
        return list(self.money)


def report(order: Any, kind: ReportKind, **facts: Any) -> OrderReport:
    """Return a report about an order: a request, a ledger order or a decision."""
    return OrderReport(
        kind=kind,
        account=getattr(order, "account", 1),
        symbol="BTCUSDT",
        client_order_id=order.client_order_id,
        **{"venue_order_id": 0 if kind is ReportKind.NOT_SENT else 900} | facts,
    )


def fill(order: Any, trade_id: int, lots: int, filled_lots: int = -1, **facts: Any) -> OrderReport:
    """Return the report of a trade of an order."""
    return report(
        order,
        ReportKind.FILL,
        trade_id=trade_id,
        fill_lots=lots,
        filled_lots=filled_lots,
        **{"fill_price_ticks": 6_000_000, "fee_units": 7, "fee_asset": "BNB"} | facts,
    )


def not_sent() -> NotSent:
    return NotSent("the line is down")
