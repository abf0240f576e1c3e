"""Tell the risk gate what instruments and accounts there are.

The gate refuses what it does not know, so this runs before an engine's first
order, and again whenever instruments or accounts change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from risk.defaults import load_defaults
from risk.gate import Gate
from trading.types import Account
from venues.base import Instrument

#: Values in the gate are micro-units of USDT.
VALUE_SCALE = 6


def write_instruments(gate: Gate, instruments: Iterable[Instrument], assets: Mapping[str, int]) -> None:
    """Write every instrument; one whose quote asset cannot be valued is written as not trading."""
    market = load_defaults().market
    for instrument in instruments:
        valued = instrument.quote in market.dollar_quotes
        gate.set_instrument(
            instrument.slot,
            version=instrument.version,
            # Without a value in USDT no limit can be measured, so it must not trade.
            trading=instrument.trading and valued,
            base_asset=assets[instrument.base],
            quote_asset=assets[instrument.quote],
            price_min_ticks=instrument.price_min_ticks,
            price_max_ticks=instrument.price_max_ticks,
            quantity_min_lots=instrument.quantity_min_lots,
            quantity_max_lots=instrument.quantity_max_lots,
            market_quantity_max_lots=instrument.market_quantity_max_lots,
            notional_min_units=instrument.notional_min_units,
            base_units_per_lot=instrument.units_per_lot,
            quote_units_per_tick_lot=instrument.units_per_tick_lot,
            value_numerator=instrument.units_per_tick_lot * 10**VALUE_SCALE,
            value_denominator=10**instrument.quote_scale,
            collar_bps=market.collar_bps,
            quote_age_max_ns=market.quote_age_max_ms * 1_000_000,
            fee_bps=market.fee_bps,
        )


def write_accounts(gate: Gate, accounts: Iterable[Account]) -> None:
    """Write which tenant owns each account and which strategy alone may use it."""
    for account in accounts:
        gate.set_account(account.slot, tenant=account.tenant_slot, reserved_for=account.reserved_for)
