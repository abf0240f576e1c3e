"""What a strategy is: it hears the market and its orders, and yields what it wants done.

A strategy never talks to a venue. It yields `Place` and `Cancel`; the runner
puts them through the order path, live and in a backtest alike. It reads no
clock and no random source: time comes with every call, so that the same input
gives the same decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict

from trading.types import Decision, OrderState, StrategyConfig
from venues.base import Instrument, OrderType, Side, TimeInForce


class Parameters(BaseModel):
    """Base of a strategy's parameters: unknown names are refused, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Quote(msgspec.Struct, frozen=True):
    """The best bid and ask of an instrument, in ticks and lots."""

    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Place this order. `price_ticks` is 0 for MARKET; `tag` is shown beside the order."""

    account: int
    instrument: int
    side: Side
    type: OrderType
    quantity_lots: int
    price_ticks: int = 0
    tif: TimeInForce = TimeInForce.NONE
    tag: str = ""


class Cancel(msgspec.Struct, frozen=True):
    """Cancel this open order of ours."""

    client_order_id: str


Action = Place | Cancel


class WorkingOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One of the strategy's orders that is not over yet, as the ledger sees it now."""

    client_order_id: str
    account: int
    instrument: int
    side: Side
    price_ticks: int
    quantity_lots: int
    filled_lots: int
    state: OrderState
    canceling: bool


class DeskView(Protocol):
    """What a strategy may read: its accounts, its instruments, its orders."""

    def instrument(self, instrument: int) -> Instrument:
        """Return the instrument in this slot."""

    def quote(self, instrument: int) -> Quote | None:
        """Return the last best bid and ask, None before the first."""

    def position_lots(self, account: int, instrument: int) -> int:
        """Return the signed position from our fills, in lots."""

    def working_orders(self) -> Sequence[WorkingOrder]:
        """Return this strategy's orders that are not over, oldest first."""

    def account_ready(self, account: int) -> bool:
        """Return whether the account is reconciled and may trade."""


P = TypeVar("P", bound=Parameters)


class Strategy(Generic[P]):
    """Base of all strategies. Override what you need; each hook yields actions.

    `key` is the name under which instances refer to the class, `parameters_type`
    the pydantic model that draws the admin form and the API schema.
    """

    key: ClassVar[str]
    parameters_type: ClassVar[type[Parameters]]

    def __init__(self, config: StrategyConfig, parameters: P, view: DeskView) -> None:
        self.config = config
        self.parameters = parameters
        self.view = view

    def on_start(self, now_ns: int) -> Iterable[Action]:
        """Begin; accounts may not be ready yet."""
        return ()

    def on_quote(self, instrument: int, quote: Quote, now_ns: int) -> Iterable[Action]:
        """Hear that the best bid or ask changed."""
        return ()

    def on_trade(self, instrument: int, price_ticks: int, lots: int, now_ns: int) -> Iterable[Action]:
        """Hear of a public trade."""
        return ()

    def on_book(self, instrument: int, now_ns: int) -> Iterable[Action]:
        """Hear that the book changed below the best prices."""
        return ()

    def on_report(self, order: WorkingOrder, now_ns: int) -> Iterable[Action]:
        """Hear what became of one of our orders."""
        return ()

    def on_refused(self, place: Place, decision: Decision, now_ns: int) -> Iterable[Action]:
        """Hear that an order was refused, and by which check."""
        return ()

    def on_timer(self, now_ns: int) -> Iterable[Action]:
        """Called every 100 ms."""
        return ()

    def on_stop(self, now_ns: int) -> Iterable[Action]:
        """End: by default take back what is still open."""
        return [Cancel(order.client_order_id) for order in self.view.working_orders() if not order.canceling]
