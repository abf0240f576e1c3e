"""The instrument that tests and benchmarks trade: BTCUSDT with the filters that Binance gives it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from venues.base import Instrument

#: As the venue lists it: without a slot in the gate and a version.
LISTED_BTCUSDT = Instrument(
    venue="binance_spot",
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.01"),
    lot=Decimal("0.00001"),
    price_min_ticks=1,
    price_max_ticks=100_000_000,
    quantity_min_lots=1,
    quantity_max_lots=900_000_000,
    market_quantity_max_lots=10_000_000,
    notional_min_units=500_000_000,
    base_scale=8,
    quote_scale=8,
    trading=True,
)
BTCUSDT = msgspec.structs.replace(LISTED_BTCUSDT, slot=1, version=1)
