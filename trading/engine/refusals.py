"""Refusals in words: which check, what it would have come to, which limit, whose."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from risk.codes import Code, Scope, Unit
from trading.types import Account, Intent
from venues.base import Instrument, Side

MICRO = Decimal("0.000001")
ASSET_UNIT = Decimal("0.00000001")
CENT = Decimal("0.01")

#: What each check says of its numbers; {would_be} and the rest are filled in with their unit.
PATTERNS = {
    Code.KILL: "{whose} is halted",
    Code.REDUCE: "{whose} may only reduce: {symbol} {direction} would be {would_be}",
    Code.RECON: "account {account} is not reconciled with the exchange",
    Code.RESTRICT: "account {account} is reserved for another strategy",
    Code.STATUS: "{symbol} is not trading",
    Code.FIELD: "the fields do not make an order",
    Code.PRICE_FILTER: "price {requested} of {symbol} is outside what the exchange takes; bound {limit}",
    Code.LOT: "quantity {requested} of {symbol} is outside what the exchange takes; bound {limit}",
    Code.NOTIONAL: "value {requested} of {symbol} is below the exchange's minimum; minimum {limit}",
    Code.REF: "{symbol} has no fresh price",
    Code.COLLAR: "price {requested} of {symbol} is too far from the market; bound {limit}",
    Code.LIMIT_MISSING: "a limit of {whose} is missing",
    Code.SIZE_QUANTITY: "{symbol} order of {requested} is too large; limit {limit}",
    Code.SIZE_VALUE: "{symbol} order worth {requested} is too large; limit {limit} of {whose}",
    Code.POSITION: "{symbol} {direction} would be {would_be} (position {current} + open {reserved}"
    " + this {requested}); limit {limit}",
    Code.OPEN_VALUE: "open orders would be worth {would_be} (open {current} + this {requested});"
    " limit {limit} of {whose}",
    Code.GROSS: "holdings and open orders would be worth {would_be} (now {current} + this {requested});"
    " limit {limit} of {whose}",
    Code.BALANCE: "{requested} is needed and {current} is there, of which {reserved} is set aside",
    Code.RATE: "{would_be} in one second; limit {limit} of {whose}",
    Code.DUPLICATE: "the same order was placed a moment ago",
    Code.OVERFLOW: "the numbers are too large to be checked",
}


class Numbers(Protocol):
    """The numbers of a refusal, as the gate gives them."""

    code: int
    scope: int
    slot: int
    limit: int
    current: int
    reserved: int
    requested: int
    would_be: int
    unit: int


def refusal_text(numbers: Numbers, intent: Intent, account: Account, instrument: Instrument) -> str:
    """Return the refusal as a desk reads it, such as `R-POSITION: BTCUSDT long would be 12.40 …`."""
    code = Code(numbers.code)
    names = {
        "symbol": instrument.symbol,
        "account": account.name,
        "direction": "long" if intent.side is Side.BUY else "short",
        "whose": whose(numbers, account, instrument),
    }
    amounts = {
        name: amount(getattr(numbers, name), numbers.unit, intent, instrument)
        for name in ("limit", "current", "reserved", "requested", "would_be")
    }
    text = PATTERNS.get(code, "refused").format(**names, **amounts)
    return f"{code.label}: {text}; account {account.name}"


def whose(numbers: Numbers, account: Account, instrument: Instrument) -> str:
    """Return the name of the scope that said no."""
    match Scope(numbers.scope):
        case Scope.GLOBAL:
            return "the whole host"
        case Scope.TENANT:
            return "the tenant"
        case Scope.STRATEGY:
            return f"strategy {numbers.slot}" if numbers.slot else "manual trading"
        case Scope.INSTRUMENT:
            return instrument.symbol
        case _:
            return f"account {account.name}"


def amount(value: int, unit: int, intent: Intent, instrument: Instrument) -> str:
    """Return one number in its unit, exactly."""
    match Unit(unit):
        case Unit.TICKS:
            return plain(instrument.price(value))
        case Unit.LOTS:
            return plain(instrument.quantity(value))
        case Unit.MICRO_USDT:
            return f"{plain(value * MICRO)} USDT"
        case Unit.ASSET_UNITS:
            asset = instrument.quote if intent.side is Side.BUY else instrument.base
            return f"{plain(value * ASSET_UNIT)} {asset}"
        case Unit.QUOTE_UNITS:
            return f"{plain(value * Decimal(1).scaleb(-instrument.quote_scale))} {instrument.quote}"
        case Unit.ORDERS:
            return f"{value} orders"
        case Unit.NANOSECONDS:
            return f"{value // 1_000_000} ms"
        case _:
            return str(value)


def plain(value: Decimal) -> str:
    """Return the number without an exponent and with two decimals at least."""
    trimmed = value.normalize()
    if trimmed == trimmed.quantize(CENT):
        trimmed = trimmed.quantize(CENT)
    return f"{trimmed:f}"
