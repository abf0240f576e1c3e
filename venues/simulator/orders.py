"""Orders and trades of accounts, and where they are found again."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator

import msgspec

from venues.simulator.errors import order_rejected

OPEN_STATUSES = ("NEW", "PARTIALLY_FILLED")


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A request that passed all checks of form; `price_ticks` is 0 for MARKET.

    `quote_units` is what a MARKET order by quoteOrderQty may move, else 0.
    """

    symbol: str
    side: str
    type: str
    tif: str
    price_ticks: int = 0
    lots: int = 0
    quote_units: int = 0
    client_order_id: str
    response_type: str = "FULL"
    self_trade_prevention: str = "EXPIRE_MAKER"
    strategy_id: int = 0
    strategy_type: int = 0


class AccountTrade(msgspec.Struct, frozen=True):
    """One side of one trade. Amounts are units of 10⁻⁸."""

    trade_id: int
    order_id: int
    symbol: str
    ticks: int
    lots: int
    quote_units: int
    fee_units: int
    fee_asset: str
    time_ms: int
    is_buyer: bool
    is_maker: bool


class Order(msgspec.Struct):
    """An order of an account, from acceptance to its end. `locked` units are set aside for it."""

    order_id: int
    account: int
    request: NewOrder
    time_ms: int
    update_ms: int
    lots: int
    status: str = "NEW"
    filled_lots: int = 0
    filled_quote: int = 0
    locked: int = 0
    prevented_lots: int = 0
    expiry_reason: str = ""
    cancelled_by: str = ""
    trades: list[AccountTrade] = []

    @property
    def is_buy(self) -> bool:
        """Whether the order buys the base asset."""
        return self.request.side == "BUY"

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade."""
        return self.status in OPEN_STATUSES

    @property
    def leaves(self) -> int:
        """Lots that are neither filled nor prevented."""
        return self.lots - self.filled_lots - self.prevented_lots


class AccountOrders:
    """One account's orders: open ones by id and by client id, and the last closed ones."""

    def __init__(self, closed_max: int, trades_max: int) -> None:
        self.open: dict[int, Order] = {}
        self.open_by_client_id: dict[tuple[str, str], Order] = {}
        self.closed: OrderedDict[int, Order] = OrderedDict()
        self.closed_by_client_id: dict[tuple[str, str], int] = {}
        self.trades: deque[AccountTrade] = deque(maxlen=trades_max)
        self.closed_max = closed_max

    def add(self, order: Order) -> None:
        """Take in an order that was accepted; refuse a client id that an open order bears."""
        key = (order.request.symbol, order.request.client_order_id)
        if key in self.open_by_client_id:
            raise order_rejected("Duplicate order sent.")
        self.open[order.order_id] = order
        self.open_by_client_id[key] = order

    def close(self, order: Order) -> None:
        """Move an order that ended to the past, and forget the oldest of it."""
        key = (order.request.symbol, order.request.client_order_id)
        del self.open[order.order_id]
        del self.open_by_client_id[key]
        self.remember(order)

    def remember(self, order: Order) -> None:
        """Put an ended order into the past."""
        self.closed[order.order_id] = order
        self.closed_by_client_id[order.request.symbol, order.request.client_order_id] = order.order_id
        while len(self.closed) > self.closed_max:
            number, old = self.closed.popitem(last=False)
            key = (old.request.symbol, old.request.client_order_id)
            if self.closed_by_client_id.get(key) == number:
                del self.closed_by_client_id[key]

    def find_open(self, symbol: str, order_id: int | None, client_order_id: str | None) -> Order | None:
        """Return the open order that both given ids name."""
        if order_id is None:
            return self.open_by_client_id.get((symbol, client_order_id or ""))
        order = self.open.get(order_id)
        if order is None or order.request.symbol != symbol:
            return None
        return None if client_order_id not in (None, order.request.client_order_id) else order

    def find(self, symbol: str, order_id: int | None, client_order_id: str | None) -> Order | None:
        """Return the order that the ids name; of several with one client id the open or the latest one."""
        order = self.find_open(symbol, order_id, client_order_id)
        if order is not None:
            return order
        number = order_id
        if number is None:
            number = self.closed_by_client_id.get((symbol, client_order_id or ""))
        order = self.closed.get(number) if number is not None else None
        if order is None or order.request.symbol != symbol:
            return None
        return None if client_order_id not in (None, order.request.client_order_id) else order

    def all(self, symbol: str | None = None) -> Iterator[Order]:
        """Yield every known order, oldest first."""
        known = [*self.closed.values(), *self.open.values()]
        for order in sorted(known, key=lambda one: one.order_id):
            if symbol in (None, order.request.symbol):
                yield order
