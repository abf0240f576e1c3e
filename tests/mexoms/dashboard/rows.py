"""Rows as the projector writes them, for pages to show."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from accounts.models import ExchangeAccount
from accounts.tenancy import tenant_scope
from tests.desks import VENUE, Desk
from trading.models import AccountStatus, Balance, Fill, Instrument, Order, Position
from trading.services import sync_instruments
from venues.base import Instrument as VenueInstrument

BTCUSDT = VenueInstrument(
    venue=VENUE,
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


def make_instrument() -> Instrument:
    """Return the instrument that the tests trade."""
    sync_instruments(venue=VENUE, instruments=[BTCUSDT])
    return Instrument.objects.get(venue=VENUE, symbol="BTCUSDT")


def make_order(desk: Desk, account: ExchangeAccount, **values: Any) -> Order:
    """Return an open order of the desk, unless `values` say otherwise."""
    now = datetime.now(UTC)
    key = uuid.uuid4()
    fields: dict[str, Any] = {
        "id": key,
        "client_order_id": f"mx-0-1-{key.hex[:8]}",
        "venue_order_id": 7,
        "side": "BUY",
        "type": "LIMIT",
        "tif": "GTC",
        "price": Decimal("61000.01"),
        "quantity": Decimal("0.0125"),
        "state": "open",
        "created_at": now,
        "updated_at": now,
        **values,
    }
    with tenant_scope(desk.tenant.id):
        order = Order.new(
            account=account, instrument_id=instrument_id(), instrument_version=1, **journal(), **fields
        )
        order.save(force_insert=True)
    return order


def make_fill(desk: Desk, order: Order, trade_id: int = 1) -> Fill:
    """Return a fill of the whole order."""
    with tenant_scope(desk.tenant.id):
        fill = Fill.new(
            account_id=order.account_id, instrument_id=order.instrument_id, order=order, trade_id=trade_id,
            side=order.side, price=order.price, quantity=order.quantity,
            quote_quantity=order.price * order.quantity, fee=Decimal("0.7625"), fee_asset="USDT", maker=True,
            executed_at=datetime.now(UTC), **journal(),
        )  # fmt: skip
        fill.save(force_insert=True)
    return fill


def make_holdings(desk: Desk, account: ExchangeAccount) -> None:
    """Give the account two balances, a position and the engine's word that it is ready."""
    now = datetime.now(UTC)
    with tenant_scope(desk.tenant.id):
        for asset, total in (("USDT", "1043210.5512"), ("BTC", "12.34567")):
            Balance.new(
                account=account, asset=asset, total=Decimal(total), locked=0, updated_at=now, **journal()
            ).save(force_insert=True)
        Position.new(
            account=account, instrument_id=instrument_id(),
            quantity=Decimal("-0.0125"), cost=Decimal("-762.5"), realised=Decimal("12.4"),
            updated_at=now, **journal(),
        ).save(force_insert=True)  # fmt: skip
        AccountStatus.new(account=account, state="ready", reason="", changed_at=now, **journal()).save(
            force_insert=True
        )


def instrument_id() -> int:
    """Return the id of the instrument, made at the first use."""
    found = Instrument.objects.filter(venue=VENUE, symbol="BTCUSDT").first()
    return int((found or make_instrument()).pk)


def journal() -> dict[str, int]:
    """Return the key of some record."""
    return {"shard": 0, "epoch": 1, "sequence": 1}
