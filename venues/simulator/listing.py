"""A listed symbol in integers: ticks, lots and what one of each is worth."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from venues.simulator.amounts import UNIT, amount_text, parse_units
from venues.simulator.config import SymbolShape

ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET")


class Listing:
    """The rules of one symbol. `units_per_tick_lot` is the quote amount of one lot at one tick."""

    def __init__(self, shape: SymbolShape) -> None:
        self.shape = shape
        self.symbol = shape.symbol
        self.base = shape.base
        self.quote = shape.quote
        self.tick = parse_units(shape.tick)
        self.lot = parse_units(shape.lot)
        self.price_max = parse_units(shape.price_max)
        self.quantity_max = parse_units(shape.quantity_max)
        self.market_quantity_max = parse_units(shape.market_quantity_max)
        self.notional_min = parse_units(shape.notional_min)
        self.notional_max = parse_units(shape.notional_max)
        self.price_up = Decimal(shape.price_up)
        self.price_down = Decimal(shape.price_down)
        self.trading = True
        units, rest = divmod(self.tick * self.lot, UNIT)
        if rest or not units:
            raise ValueError(f"{self.symbol}: one lot at one tick is no whole number of {self.quote} units")
        self.units_per_tick_lot = units

    def price(self, ticks: int) -> str:
        """Return the price as text."""
        return amount_text(ticks * self.tick)

    def quantity(self, lots: int) -> str:
        """Return the quantity as text."""
        return amount_text(lots * self.lot)

    def value(self, ticks: int, lots: int) -> int:
        """Return the quote units that the lots cost at the price."""
        return ticks * lots * self.units_per_tick_lot

    def filters(self) -> list[dict[str, Any]]:
        """Return the filters as exchangeInfo lists them."""
        shape, tick, lot = self.shape, amount_text(self.tick), amount_text(self.lot)
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": amount_text(self.price_max),
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": lot,
                "maxQty": amount_text(self.quantity_max),
                "stepSize": lot,
            },
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": amount_text(0),
                "maxQty": amount_text(self.market_quantity_max),
                "stepSize": amount_text(0),
            },
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": 10,
                "maxTrailingAboveDelta": 2000,
                "minTrailingBelowDelta": 10,
                "maxTrailingBelowDelta": 2000,
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": shape.price_up,
                "bidMultiplierDown": shape.price_down,
                "askMultiplierUp": shape.price_up,
                "askMultiplierDown": shape.price_down,
                "avgPriceMins": 5,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": amount_text(self.notional_min),
                "applyMinToMarket": True,
                "maxNotional": amount_text(self.notional_max),
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": shape.orders_max},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        ]

    def info(self) -> dict[str, Any]:
        """Return the symbol as exchangeInfo lists it."""
        return {
            "symbol": self.symbol,
            "status": "TRADING" if self.trading else "BREAK",
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": self.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": list(ORDER_TYPES),
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "opoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "amendAllowed": False,
            "pegInstructionsAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self.filters(),
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
        }
