"""What trading refuses, each with a stable code that the API hands on."""

from __future__ import annotations

from typing import Any, ClassVar


class TradingError(Exception):
    """Base of what the caller did wrong; `status` is the HTTP answer, `detail` has the particulars."""

    code: ClassVar[str] = "trading_error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class UnknownAccount(TradingError):
    """The tenant has no such account."""

    code = "unknown_account"
    status = 404


class AccountInactive(TradingError):
    """The account is switched off."""

    code = "account_inactive"
    status = 409


class AccountReserved(TradingError):
    """The account belongs to one strategy instance; orders of others are refused."""

    code = "account_reserved"
    status = 409


class UnknownInstrument(TradingError):
    """The account's venue has no such instrument."""

    code = "unknown_instrument"
    status = 404


class InstrumentHalted(TradingError):
    """The venue does not trade the instrument now."""

    code = "instrument_halted"
    status = 409


class PriceMisaligned(TradingError):
    """The price lies between two ticks; the message names the nearest."""

    code = "price_misaligned"


class QuantityMisaligned(TradingError):
    """The quantity lies between two lots; the message names the nearest."""

    code = "quantity_misaligned"


class OrderInvalid(TradingError):
    """The fields of the order contradict each other."""

    code = "order_invalid"


class UnknownOrder(TradingError):
    """The tenant has no such order."""

    code = "unknown_order"
    status = 404


class OrderClosed(TradingError):
    """The order has ended; there is nothing to cancel."""

    code = "order_closed"
    status = 409


class KeyReused(TradingError):
    """The same key came with another content before."""

    code = "idempotency_key_reused"
    status = 422


class UnknownTarget(TradingError):
    """The tenant has no such account or strategy instance."""

    code = "unknown_target"
    status = 404
