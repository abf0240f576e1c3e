"""The rows that follow from journal records, as they go into the database."""

from __future__ import annotations

import functools
from datetime import datetime
from decimal import Context, Decimal
from typing import Any
from uuid import UUID, uuid5

import msgspec

from trading.types import ORDER_NAMESPACE

#: Wide enough for every product and quotient of amounts; the default of 28 digits is not.
EXACT = Context(prec=60)
AMOUNT_STEP = Decimal("1E-18")
#: Fees and balances are units of this many decimals, whatever the asset.
ASSET_SCALE = 8
TEXT_MAX = 500


class JournalledRow(msgspec.Struct, kw_only=True):
    """Which record wrote the row last; see `trading.models.orders.Journalled`."""

    tenant_id: UUID
    account_id: UUID
    shard: int
    epoch: int
    sequence: int


class OrderRow(JournalledRow, kw_only=True):
    """A row of `trading_order`."""

    id: UUID
    instrument_id: int
    instrument_version: int
    strategy_instance: UUID | None
    client_order_id: str
    side: str
    type: str
    tif: str
    price: Decimal | None
    quantity: Decimal
    state: str
    created_at: datetime
    updated_at: datetime
    venue_order_id: int | None = None
    filled_quantity: Decimal = Decimal(0)
    average_price: Decimal | None = None
    code: str = ""
    text: str = ""
    refusal: dict[str, Any] | None = None
    tag: str = ""
    why: str = ""


class FillRow(JournalledRow, kw_only=True):
    """A row of `trading_fill`."""

    id: UUID
    instrument_id: int
    order_id: UUID | None
    strategy_instance: UUID | None
    trade_id: int
    side: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    executed_at: datetime


class PositionRow(JournalledRow, kw_only=True):
    """A row of `trading_position`."""

    id: UUID
    instrument_id: int
    quantity: Decimal
    cost: Decimal
    realised: Decimal
    updated_at: datetime


class BalanceRow(JournalledRow, kw_only=True):
    """A row of `trading_balance`."""

    id: UUID
    asset: str
    total: Decimal
    locked: Decimal
    updated_at: datetime


class StatusRow(JournalledRow, kw_only=True):
    """A row of `trading_accountstatus`."""

    state: str
    reason: str
    changed_at: datetime


class CommandRow(msgspec.Struct, kw_only=True):
    """What the engine answered to a command."""

    id: UUID
    state: str
    code: str
    text: str
    client_order_id: str
    handled_at: datetime


class Scale(msgspec.Struct, frozen=True):
    """What a tick, a lot and a quote unit are worth in one version of an instrument."""

    tick: Decimal
    lot: Decimal
    quote_scale: int

    def price(self, ticks: int) -> Decimal:
        """Return the price of so many ticks."""
        return EXACT.multiply(self.tick, ticks)

    def quantity(self, lots: int) -> Decimal:
        """Return the quantity of so many lots."""
        return EXACT.multiply(self.lot, lots)

    def quote(self, units: int) -> Decimal:
        """Return the amount of so many units of the quote asset."""
        return Decimal(units).scaleb(-self.quote_scale, EXACT)

    def average_price(self, quote_units: int, lots: int) -> Decimal | None:
        """Return what was paid on average, rounded to the column's 18 places; None for no lots."""
        if not lots:
            return None
        average = EXACT.divide(self.quote(quote_units), self.quantity(lots))
        return average.quantize(AMOUNT_STEP, context=EXACT)


def asset_amount(units: int) -> Decimal:
    """Return the amount of so many units of an asset at scale 8."""
    return Decimal(units).scaleb(-ASSET_SCALE, EXACT)


def derived_id(*parts: object) -> UUID:
    """Return the id that the same parts always have, so that applying twice makes one row."""
    return uuid5(ORDER_NAMESPACE, ":".join(map(str, parts)))


#: The same, for the few accounts, positions and balances that come again with every fill.
holding_id = functools.lru_cache(maxsize=16_384)(derived_id)
uuid_of = functools.lru_cache(maxsize=16_384)(UUID)
