"""Turn the exchange's symbols into instruments, leaving out what we cannot trade exactly."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from venues.base import Instrument, InstrumentUnusable, exact_int

log = logging.getLogger(__name__)

VENUE = "binance_spot"
#: Amounts of every asset are kept at the exchange's own precision.
SCALE = 8
STATUSES = frozenset(
    {"TRADING", "END_OF_DAY", "HALT", "BREAK", "PRE_TRADING", "POST_TRADING", "AUCTION_MATCH"}
)
ORDER_TYPES = frozenset({"LIMIT", "MARKET", "LIMIT_MAKER"})
INT64_MAX = 2**63 - 1


def read_instruments(symbols: Iterable[Mapping[str, Any]]) -> list[Instrument]:
    """Return the tradable instruments among `exchangeInfo`'s symbols; log what is left out, and why."""
    usable = []
    for symbol in symbols:
        try:
            usable.append(read_instrument(symbol))
        except InstrumentUnusable as error:
            log.warning("%s is left out: %s", symbol.get("symbol"), error)
    return usable


def read_instrument(symbol: Mapping[str, Any]) -> Instrument:
    """Return one instrument; raises InstrumentUnusable where it is not understood or not exact."""
    try:
        instrument = instrument_of(symbol)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise InstrumentUnusable(f"its description is not understood: {error!r}") from error
    # Both raise unless whole; the products of the largest order must fit the integers of the gate.
    per_lot, per_tick_lot = instrument.units_per_lot, instrument.units_per_tick_lot
    if max(per_lot, per_tick_lot) > INT64_MAX:
        raise InstrumentUnusable("its steps are too large")
    exact_int(instrument.tick.scaleb(SCALE), instrument.symbol)
    return instrument


def instrument_of(symbol: Mapping[str, Any]) -> Instrument:
    """Read the fields; raises KeyError, ValueError or InstrumentUnusable."""
    name = symbol["symbol"]
    if not (name.isascii() and name.isalnum()):
        raise InstrumentUnusable("its name must be escaped in signed requests")
    if symbol["status"] not in STATUSES:
        raise InstrumentUnusable(f"unknown status {symbol['status']!r}")
    filters = {entry["filterType"]: entry for entry in symbol["filters"]}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    market = filters.get("MARKET_LOT_SIZE", {})
    tick, step = Decimal(price["tickSize"]).normalize(), Decimal(lot["stepSize"]).normalize()
    if tick <= 0 or step <= 0:
        raise InstrumentUnusable("it states no tick or lot size")
    return Instrument(
        venue=VENUE,
        symbol=name,
        base=symbol["baseAsset"],
        quote=symbol["quoteAsset"],
        tick=tick,
        lot=step,
        price_min_ticks=steps_up(price["minPrice"], tick),
        price_max_ticks=steps_down(price["maxPrice"], tick),
        quantity_min_lots=steps_up(lot["minQty"], step),
        quantity_max_lots=steps_down(lot["maxQty"], step),
        market_quantity_max_lots=steps_down(market.get("maxQty", "0"), step),
        notional_min_units=steps_up(minimum_notional(filters), Decimal(1).scaleb(-SCALE)),
        base_scale=SCALE,
        quote_scale=SCALE,
        trading=is_trading(symbol),
    )


def is_trading(symbol: Mapping[str, Any]) -> bool:
    """Return whether orders of all our kinds are taken now."""
    if symbol["status"] != "TRADING" or not symbol.get("isSpotTradingAllowed", True):
        return False
    return ORDER_TYPES.issubset(symbol["orderTypes"])


def minimum_notional(filters: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the least value of an order, by either name that the filter has had."""
    for name in ("NOTIONAL", "MIN_NOTIONAL"):
        if name in filters:
            return str(filters[name]["minNotional"])
    return "0"


def steps_up(value: str, step: Decimal) -> int:
    """Return the least whole number of steps that is not below the value."""
    return int((Decimal(value) / step).to_integral_value(ROUND_CEILING))


def steps_down(value: str, step: Decimal) -> int:
    """Return the largest whole number of steps that is not above the value."""
    return int(Decimal(value) // step)
