"""What a venue is to the rest of the system: one vocabulary, one small protocol.

Prices are whole ticks, quantities whole lots, asset amounts whole units of the
asset's scale (1 BTC at scale 8 is 100_000_000 units). Texts as the exchange
wrote them enter and leave through `Instrument`; no float is involved. Times are
UTC nanoseconds unless the name ends in `_ms`.

Errors say who is at fault:

    VenueError
      Rejected   the exchange said no; nothing was executed
      NotSent    nothing left this machine
      Unknown    bytes may have left and nobody knows what became of them
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import Protocol

import msgspec


class Side(IntEnum):
    """Which way an order or a fill goes."""

    BUY = 1
    SELL = 2


class OrderType(IntEnum):
    """The kinds of order that every venue must know."""

    LIMIT = 1
    MARKET = 2
    LIMIT_MAKER = 3


class TimeInForce(IntEnum):
    """How long an order may rest; MARKET and LIMIT_MAKER carry NONE."""

    NONE = 0
    GTC = 1
    IOC = 2
    FOK = 3


class ReportKind(IntEnum):
    """What the venue told us about one order. The first four answer a request."""

    ACK = 1
    REJECTED = 2
    NOT_SENT = 3
    UNKNOWN = 4
    FILL = 5
    CANCELED = 6
    EXPIRED = 7
    CANCEL_REJECTED = 8
    CANCEL_UNKNOWN = 9


class VenueError(Exception):
    """Base of everything that a venue raises on purpose."""

    code: int = 0

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Rejected(VenueError):
    """The exchange refused; `code` is its number, `text` its words."""


class NotSent(VenueError):
    """No byte of the request left this machine."""


class Unknown(VenueError):
    """The request may have been executed; ask, never resend."""


class InstrumentUnusable(VenueError):
    """The exchange describes the instrument in a way that we cannot trade exactly."""


class Misaligned(VenueError):
    """A price or quantity is no whole number of ticks or lots; `text` names the nearest."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that can be traded at a venue, with the filters that the venue enforces.

    `slot` is its row in the risk gate and `version` rises with every change of
    the other fields; both are given by `trading.services.sync_instruments` and
    are 0 before. Limits of 0 mean that the venue states none.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    price_min_ticks: int
    price_max_ticks: int
    quantity_min_lots: int
    quantity_max_lots: int
    market_quantity_max_lots: int
    notional_min_units: int
    base_scale: int
    quote_scale: int
    trading: bool
    slot: int = 0
    version: int = 0

    @property
    def units_per_lot(self) -> int:
        """Units of the base asset in one lot (exact, or the instrument is unusable)."""
        return exact_int(self.lot.scaleb(self.base_scale), self.symbol)

    @property
    def units_per_tick_lot(self) -> int:
        """Units of the quote asset that one lot costs at a price of one tick."""
        return exact_int((self.tick * self.lot).scaleb(self.quote_scale), self.symbol)

    def price_ticks(self, price: Decimal | str) -> int:
        """Return the price in ticks; raise Misaligned when it is between two ticks."""
        return aligned(Decimal(price), self.tick, "price")

    def quantity_lots(self, quantity: Decimal | str) -> int:
        """Return the quantity in lots; raise Misaligned when it is between two lots."""
        return aligned(Decimal(quantity), self.lot, "quantity")

    def price(self, ticks: int) -> Decimal:
        """Return the price as the exact decimal."""
        return ticks * self.tick

    def quantity(self, lots: int) -> Decimal:
        """Return the quantity of the base asset as the exact decimal."""
        return lots * self.lot


def exact_int(value: Decimal, symbol: str) -> int:
    """Return value as an int; raise InstrumentUnusable when it is not whole."""
    if value != value.to_integral_value() or value <= 0:
        raise InstrumentUnusable(f"{symbol}: {value} units are not a whole number")
    return int(value)


def aligned(value: Decimal, step: Decimal, what: str) -> int:
    """Return value ÷ step; raise Misaligned, naming the nearest, when not whole."""
    if not value.is_finite():
        raise Misaligned(f"{what} {value} is not a finite number")
    count = value / step
    whole = int(count.to_integral_value())
    if whole * step != value:
        raise Misaligned(f"{what} {value} is not a multiple of {step}; the nearest is {whole * step}")
    return whole


class PlaceOrder(msgspec.Struct, frozen=True):
    """One attempt to place an order, complete: the adapter adds only the signature.

    `signed_at_ms` is the journalled exchange time; it is never refreshed, so
    that `recv_window_ms` kills the request of a paused process at the exchange.
    `price_ticks` is 0 for MARKET.
    """

    account: int
    instrument: Instrument
    client_order_id: str
    side: Side
    type: OrderType
    tif: TimeInForce
    price_ticks: int
    quantity_lots: int
    signed_at_ms: int
    recv_window_ms: int


class CancelOrder(msgspec.Struct, frozen=True):
    """One attempt to cancel an open order by our own id."""

    account: int
    instrument: Instrument
    client_order_id: str
    signed_at_ms: int
    recv_window_ms: int


class OrderReport(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One fact about one order: an answer to a request, or an event of the user stream.

    `filled_lots` is cumulative where the venue states it, -1 where it does not.
    The `fill_*` fields, `trade_id`, `fee_*` and `maker` belong to FILL alone;
    `fee_units` is in `fee_asset` at scale 8. `code` and `text` explain a refusal.
    """

    kind: ReportKind
    account: int
    symbol: str
    client_order_id: str
    venue_order_id: int = 0
    filled_lots: int = -1
    trade_id: int = 0
    fill_lots: int = 0
    fill_price_ticks: int = 0
    fee_units: int = 0
    fee_asset: str = ""
    maker: bool = False
    code: int = 0
    text: str = ""
    event_ns: int = 0


class OrderSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the venue knows it when asked. `status` is the venue's own word."""

    account: int
    symbol: str
    client_order_id: str
    venue_order_id: int
    side: Side
    type: OrderType
    tif: TimeInForce
    price_ticks: int
    quantity_lots: int
    filled_lots: int
    status: str
    updated_ns: int


class FillSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A trade of ours as the venue knows it when asked; `fee_units` at scale 8."""

    account: int
    symbol: str
    trade_id: int
    venue_order_id: int
    side: Side
    price_ticks: int
    lots: int
    fee_units: int
    fee_asset: str
    maker: bool
    event_ns: int


class Balance(msgspec.Struct, frozen=True, array_like=True):
    """What an account holds of one asset, in units of scale 8."""

    asset: str
    free_units: int
    locked_units: int


class VenueListener(Protocol):
    """What the engine does with what a venue says. Called in the engine's loop; must not block."""

    def on_order_report(self, report: OrderReport) -> None:
        """An answer or an event about an order."""

    def on_balances(self, account: int, balances: Sequence[Balance], event_ns: int) -> None:
        """New absolute balances of some assets of an account."""

    def on_quote(self, symbol: str, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int) -> None:
        """The best bid and ask changed."""

    def on_trade(self, symbol: str, price_ticks: int, lots: int, buyer_is_maker: bool, event_ns: int) -> None:
        """A public trade happened."""

    def on_book(self, symbol: str) -> None:
        """The book returned by `Venue.book(symbol)` changed."""

    def on_market_live(self, symbol: str, live: bool) -> None:
        """The book of the symbol is proven in sync (True) or is being rebuilt (False)."""

    def on_account_live(self, account: int, live: bool) -> None:
        """The account's events flow again (True: reconcile it now) or do not (False)."""


class Book(Protocol):
    """A sequence-checked order book in ticks and lots."""

    last_update_id: int

    def best(self) -> tuple[int, int, int, int]:
        """Return (bid_ticks, bid_lots, ask_ticks, ask_lots); zeros where a side is empty."""

    def levels(self, side: Side, count: int) -> list[tuple[int, int]]:
        """Return the best `count` levels of the side as (ticks, lots), best first."""

    def sweep(self, side: Side, lots: int) -> tuple[int, int]:
        """Return (worst_ticks, lots_available ≤ lots) that an order of `side` over `lots` would reach."""


class Venue(Protocol):
    """An exchange, seen by the engine. One instance serves all accounts of the engine."""

    name: str

    async def start(self, listener: VenueListener) -> None:
        """Open connections and measure the clock; events go to the listener."""

    async def stop(self) -> None:
        """Close everything."""

    async def instruments(self) -> list[Instrument]:
        """Return what is tradable exactly; what is not is left out and logged."""

    def add_account(self, account: int, api_key: str, api_secret: str) -> None:
        """Make an account known by its slot; requests name only the slot."""

    async def watch_market(self, instruments: Iterable[Instrument]) -> None:
        """Follow quotes, trades and books of the instruments."""

    async def watch_accounts(self, accounts: Iterable[int]) -> None:
        """Follow the user data of the accounts, and resubscribe after every break."""

    def now_ms(self, now_ns: int) -> int:
        """Return the exchange's time in ms for our own time."""

    def place(self, order: PlaceOrder) -> None:
        """Sign and write the request before returning; the answer comes as a report.

        Raises NotSent when no byte left. Only `trading.engine.order_path` calls this.
        """

    def cancel(self, cancel: CancelOrder) -> None:
        """Sign and write the cancel before returning; raises NotSent."""

    def book(self, symbol: str) -> Book | None:
        """Return the book when it is in sync, else None."""

    async def query_order(
        self, account: int, instrument: Instrument, client_order_id: str
    ) -> OrderSnapshot | None:
        """Return the order, or None when the venue says that it knows none. Raises Rejected, Unknown."""

    async def open_orders(self, account: int) -> list[OrderSnapshot]:
        """Return all open orders of the account in the watched instruments."""

    async def fills_since(self, account: int, instrument: Instrument, since_ms: int) -> list[FillSnapshot]:
        """Return our trades since the time, oldest first, complete (paged)."""

    async def balances(self, account: int) -> list[Balance]:
        """Return every non-zero balance of the account."""
