"""Ask the engine to place and cancel orders: each wish is a committed command first."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from uuid import UUID, uuid4

import msgspec

from accounts.models import ExchangeAccount
from accounts.tenancy import tenant_scope
from trading.errors import (
    AccountInactive,
    AccountReserved,
    InstrumentHalted,
    KeyReused,
    OrderClosed,
    OrderInvalid,
    PriceMisaligned,
    QuantityMisaligned,
    TradingError,
    UnknownAccount,
    UnknownInstrument,
    UnknownOrder,
)
from trading.models import Command, CommandState, Instrument, Order
from trading.models.orders import TERMINAL_STATES
from trading.services.commands import create_command
from trading.types import CancelAllCommand, CancelCommand, PlaceCommand
from venues.base import Instrument as VenueInstrument
from venues.base import Misaligned, OrderType, Side, TimeInForce

Word = TypeVar("Word", Side, OrderType, TimeInForce)

#: Until when the engine may still act on an order, unless the caller says otherwise.
ORDER_DEADLINE_MS = 10_000
#: Cancels are wanted however late the engine comes back.
CANCEL_DEADLINE_MS = 60_000
#: The gate counts in signed 64 bits; nothing sensible comes near.
COUNT_MAX = 2**62
#: Digits that an amount may have, zeros included; within it Decimal divides exactly.
AMOUNT_DIGITS_MAX = 24


def place_order(
    *,
    tenant_id: UUID,
    requested_by: str,
    account_id: UUID,
    symbol: str,
    side: str,
    type: str,
    quantity: str | Decimal,
    now_ns: int,
    price: str | Decimal | None = None,
    tif: str = "",
    deadline_ms: int = ORDER_DEADLINE_MS,
    command_id: UUID | None = None,
) -> Command:
    """Commit the wish to place an order and hand it to the engine; the order's id is the command's.

    `side`, `type` and `tif` are the venues' words (BUY, LIMIT, GTC); a LIMIT
    without `tif` is GTC. The same `command_id` again returns the same command.
    Raises TradingError.
    """
    with tenant_scope(tenant_id):
        account = account_for_people(account_id)
        instrument = tradable_instrument(account.venue, symbol)
        order_type, order_tif = terms(type, tif, price)
        message = PlaceCommand(
            id=str(command_id or uuid4()),
            tenant_id=str(tenant_id),
            deadline_ns=now_ns + deadline_ms * 1_000_000,
            account=account.slot,
            instrument=instrument.slot,
            side=word(Side, side, "side"),
            type=order_type,
            tif=order_tif,
            price_ticks=0 if price is None else price_ticks(instrument, price),
            quantity_lots=quantity_lots(instrument, quantity),
        )
        seen = Command.objects.filter(id=message.id).first() if command_id else None
        if seen is not None:
            return same_wish(seen, message)
        return create_command(
            message, kind="place", requested_by=requested_by, now_ns=now_ns, account_id=account.id
        )


def cancel_order(*, tenant_id: UUID, requested_by: str, order_id: UUID, now_ns: int) -> Command:
    """Commit the wish to cancel an order, also while the order's own command is still pending.

    Raises UnknownOrder, and OrderClosed where there is nothing left to cancel.
    """
    with tenant_scope(tenant_id):
        order = Order.objects.filter(id=order_id).first()
        if order is not None and order.state in TERMINAL_STATES:
            raise OrderClosed(f"the order is {order.state} already", state=order.state)
        place = None if order else Command.objects.filter(id=order_id, kind="place").first()
        wanted = order or place
        if wanted is None:
            raise UnknownOrder("there is no such order", order=str(order_id))
        if place is not None and place.state in {CommandState.REFUSED, CommandState.EXPIRED}:
            raise OrderClosed(f"the order was {place.state} before it was sent", state=place.state)
        message = CancelCommand(
            id=str(uuid4()),
            tenant_id=str(tenant_id),
            deadline_ns=now_ns + CANCEL_DEADLINE_MS * 1_000_000,
            client_order_id=order.client_order_id if order else "",
        )
        return create_command(
            message,
            kind="cancel",
            requested_by=requested_by,
            now_ns=now_ns,
            account_id=wanted.account_id,
            # The engine knows orders by the id that it gives them itself: until it has, the cancel waits.
            awaits=None if order else order_id,
        )


def cancel_all(
    *,
    tenant_id: UUID,
    requested_by: str,
    now_ns: int,
    account_id: UUID | None = None,
    strategy_slot: int = -1,
) -> Command:
    """Commit the wish to cancel every open order of the tenant, of one account or of one strategy."""
    with tenant_scope(tenant_id):
        account = account_of_tenant(account_id) if account_id else None
        message = CancelAllCommand(
            id=str(uuid4()),
            tenant_id=str(tenant_id),
            deadline_ns=now_ns + CANCEL_DEADLINE_MS * 1_000_000,
            account=account.slot if account else -1,
            strategy=strategy_slot,
        )
        return create_command(
            message, kind="cancel_all", requested_by=requested_by, now_ns=now_ns, account_id=account_id
        )


def account_of_tenant(account_id: UUID) -> ExchangeAccount:
    """Return the tenant's account; raises UnknownAccount."""
    account: ExchangeAccount | None = ExchangeAccount.objects.filter(id=account_id).first()
    if account is None:
        raise UnknownAccount("there is no such account", account=str(account_id))
    return account


def account_for_people(account_id: UUID) -> ExchangeAccount:
    """Return the tenant's account if people may order on it."""
    account = account_of_tenant(account_id)
    if not account.active:
        raise AccountInactive(f"account {account.name} is not active", account=str(account_id))
    if account.reserved_for is not None or account.kind == "strategy":
        raise AccountReserved(f"account {account.name} is reserved for a strategy", account=str(account_id))
    return account


def tradable_instrument(venue: str, symbol: str) -> VenueInstrument:
    """Return the instrument if its venue trades it now."""
    row = Instrument.objects.filter(venue=venue, symbol=symbol).first()
    if row is None:
        raise UnknownInstrument(f"{venue} has no instrument {symbol}", symbol=symbol)
    if not row.trading:
        raise InstrumentHalted(f"{symbol} is not trading", symbol=symbol)
    return row.contract()


def terms(type: str, tif: str, price: str | Decimal | None) -> tuple[OrderType, TimeInForce]:
    """Return type and time in force if they and the price go together."""
    order_type = word(OrderType, type, "type")
    if order_type is OrderType.MARKET and price is not None:
        raise OrderInvalid("a MARKET order has no price", field="price")
    if order_type is not OrderType.MARKET and price is None:
        raise OrderInvalid(f"a {order_type.name} order needs a price", field="price")
    if order_type is not OrderType.LIMIT:
        if tif:
            raise OrderInvalid(f"a {order_type.name} order has no time in force", field="tif")
        return order_type, TimeInForce.NONE
    order_tif = word(TimeInForce, tif or "GTC", "tif")
    if order_tif is TimeInForce.NONE:
        raise OrderInvalid("a LIMIT order needs GTC, IOC or FOK", field="tif")
    return order_type, order_tif


def word(kind: type[Word], text: str, field: str) -> Word:
    """Return the member of that name; raises OrderInvalid naming the choices."""
    try:
        return kind[text]
    except KeyError:
        choices = ", ".join(member.name for member in kind)
        raise OrderInvalid(f"{field} is one of {choices}, not {text}", field=field) from None


def price_ticks(instrument: VenueInstrument, price: str | Decimal) -> int:
    """Return the price in ticks; raises PriceMisaligned naming the nearest."""
    return count(instrument.price_ticks, positive(price, "price"), PriceMisaligned, "price")


def quantity_lots(instrument: VenueInstrument, quantity: str | Decimal) -> int:
    """Return the quantity in lots; raises QuantityMisaligned naming the nearest."""
    return count(instrument.quantity_lots, positive(quantity, "quantity"), QuantityMisaligned, "quantity")


def count(convert: Callable[[Decimal], int], amount: Decimal, error: type[TradingError], field: str) -> int:
    """Return the amount in whole steps."""
    try:
        steps = convert(amount)
    except Misaligned as misaligned:
        raise error(str(misaligned), field=field) from None
    if steps > COUNT_MAX:
        raise OrderInvalid(f"{field} is too large", field=field)
    return steps


def positive(text: str | Decimal, field: str) -> Decimal:
    """Return the amount exactly as written; raises OrderInvalid for anything but a positive number."""
    try:
        amount = Decimal(text)
    except (InvalidOperation, TypeError, ValueError):
        raise OrderInvalid(f"{field} is not a decimal number", field=field) from None
    if not amount.is_finite() or amount <= 0:
        raise OrderInvalid(f"{field} must be a positive number", field=field)
    exponent = amount.as_tuple().exponent
    if len(amount.as_tuple().digits) + abs(int(exponent)) > AMOUNT_DIGITS_MAX:
        raise OrderInvalid(f"{field} has too many digits", field=field)
    return amount


def same_wish(seen: Command, message: PlaceCommand) -> Command:
    """Return the earlier command if it asked for the same; raises KeyReused."""
    asked = msgspec.to_builtins(message)
    if {**asked, "deadline_ns": 0} != {**seen.payload, "deadline_ns": 0}:
        raise KeyReused("this key placed another order before", command=str(seen.id))
    return seen
