from __future__ import annotations

import copy
import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from tests.venues.recorded import SHARED, recorded
from venues.base import InstrumentUnusable
from venues.binance.instruments import read_instrument, read_instruments

BTCUSDT: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "isSpotTradingAllowed": True,
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT"],
    "filters": [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.01000000",
            "maxPrice": "1000000.00000000",
            "tickSize": "0.01000000",
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": "0.00001000",
            "maxQty": "9000.00000000",
            "stepSize": "0.00001000",
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": "119.95155583",
            "stepSize": "0.00000000",
        },
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
    ],
}


def changed(filter_type: str = "", **fields: Any) -> dict[str, Any]:
    symbol = copy.deepcopy(BTCUSDT)
    target = next((entry for entry in symbol["filters"] if entry["filterType"] == filter_type), symbol)
    target.update(fields)
    return symbol


def test_the_filters_become_whole_ticks_lots_and_units() -> None:
    instrument = read_instrument(BTCUSDT)
    assert (instrument.price_min_ticks, instrument.price_max_ticks) == (1, 100_000_000)
    assert (instrument.quantity_min_lots, instrument.quantity_max_lots) == (1, 900_000_000)
    assert instrument.market_quantity_max_lots == 11_995_155, "rounded down to what may be ordered"
    assert instrument.notional_min_units == 500_000_000
    assert (instrument.units_per_lot, instrument.units_per_tick_lot) == (1_000, 10)
    assert instrument.trading


def test_limits_between_two_steps_are_narrowed() -> None:
    instrument = read_instrument(changed("PRICE_FILTER", minPrice="0.015", maxPrice="10.019"))
    assert (instrument.price_min_ticks, instrument.price_max_ticks) == (2, 1_001)


def test_the_older_name_of_the_notional_filter_is_read() -> None:
    instrument = read_instrument(changed("NOTIONAL", filterType="MIN_NOTIONAL"))
    assert instrument.notional_min_units == 500_000_000


@pytest.mark.parametrize(
    "change", [{"status": "BREAK"}, {"isSpotTradingAllowed": False}, {"orderTypes": ["LIMIT"]}]
)
def test_what_takes_no_orders_of_ours_is_known_but_not_trading(change: dict[str, Any]) -> None:
    assert not read_instrument(changed(**change)).trading


@pytest.mark.parametrize(
    "symbol",
    [
        changed(status="SOMETHING_NEW"),
        changed(symbol="币安人生USDT"),
        changed("PRICE_FILTER", tickSize="0.0000001"),
        changed("PRICE_FILTER", tickSize="0"),
        changed("LOT_SIZE", stepSize="0.000000001"),
        changed("LOT_SIZE", stepSize="much"),
        changed(filters=[]),
        {"symbol": "BTCUSDT"},
    ],
    ids=[
        "status",
        "name",
        "value not exact",
        "no tick",
        "lot too fine",
        "no number",
        "no filters",
        "nothing",
    ],
)
def test_what_cannot_be_traded_exactly_is_left_out_alone(symbol: dict[str, Any]) -> None:
    with pytest.raises(InstrumentUnusable):
        read_instrument(symbol)
    assert [instrument.symbol for instrument in read_instruments([symbol, changed(symbol="ETHUSDT")])] == [
        "ETHUSDT"
    ]


def test_a_recorded_description_of_the_whole_exchange_is_read() -> None:
    folder = recorded("payloads/exchange_info")
    found = sorted(path for path in folder.iterdir() if "spot" in path.name or "BINANCE" in path.name)
    bodies = [json.loads(gzip.decompress(path.read_bytes())) for path in found if path.suffix == ".gz"]
    symbols = max((body["symbols"] for body in bodies if "symbols" in body), key=len)
    instruments = {instrument.symbol: instrument for instrument in read_instruments(symbols)}
    assert SHARED.exists()
    assert len(instruments) > 0.9 * len(symbols)
    assert instruments["BTCUSDT"].tick == Decimal("0.01")
