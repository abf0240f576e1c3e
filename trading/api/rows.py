"""The shapes of the API's rows, for the schema; the rows themselves come from `trading.live`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from trading import live
from trading.models.orders import ORDER_STATES

SIDES = ["BUY", "SELL"]
TYPES = ["LIMIT", "MARKET", "LIMIT_MAKER"]
TIFS = ["GTC", "IOC", "FOK"]
ACCOUNT_STATES = ["ready", "stale", "incomplete"]
COMMAND_STATES = ["pending", "accepted", "refused", "expired"]


def amount(**options: Any) -> serializers.CharField:
    """Return the field of an exact decimal, written as a string."""
    return serializers.CharField(help_text="Exact decimal", **options)


class RowSerializer(serializers.Serializer[Any]):
    """Writes a row with the builder that the live socket uses, so that the shapes cannot differ."""

    row: Any

    def to_representation(self, instance: Mapping[str, Any]) -> live.Row:
        """Return the row."""
        row: live.Row = type(self).row(instance)
        return row


class AccountRow(RowSerializer):
    """An exchange account and what the engine says of it."""

    row = staticmethod(live.account_row)
    id = serializers.UUIDField()
    name = serializers.CharField()
    venue = serializers.CharField()
    kind = serializers.ChoiceField(["main", "sub", "strategy"])
    email = serializers.CharField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    reserved_for = serializers.UUIDField(allow_null=True, help_text="Strategy instance that alone may use it")
    active = serializers.BooleanField()
    state = serializers.ChoiceField(ACCOUNT_STATES)
    reason = serializers.CharField()
    changed_at = serializers.DateTimeField(allow_null=True)
    orders_today = serializers.IntegerField(help_text="Since midnight UTC, refused ones included")


class InstrumentRow(RowSerializer):
    """A pair of a venue with its filters."""

    row = staticmethod(live.instrument_row)
    id = serializers.CharField()
    venue = serializers.CharField()
    symbol = serializers.CharField()
    base = serializers.CharField()
    quote = serializers.CharField()
    tick = amount()
    lot = amount()
    price_min = amount()
    price_max = amount()
    quantity_min = amount()
    quantity_max = amount()
    market_quantity_max = amount()
    notional_min = amount()
    trading = serializers.BooleanField()
    version = serializers.IntegerField()


class OrderRow(RowSerializer):
    """An order, refused ones included."""

    row = staticmethod(live.order_row)
    id = serializers.UUIDField()
    account = serializers.UUIDField()
    account_name = serializers.CharField()
    venue = serializers.CharField()
    symbol = serializers.CharField()
    strategy = serializers.UUIDField(allow_null=True, help_text="Strategy instance; null for people")
    client_order_id = serializers.CharField(help_text="Empty while the order is pending")
    venue_order_id = serializers.CharField(allow_null=True)
    side = serializers.ChoiceField(SIDES)
    type = serializers.ChoiceField(TYPES)
    tif = serializers.CharField(help_text="GTC, IOC or FOK for LIMIT, else empty")
    price = amount(allow_null=True)
    quantity = amount()
    filled_quantity = amount()
    average_price = amount(allow_null=True)
    state = serializers.ChoiceField(ORDER_STATES)
    code = serializers.CharField(help_text="R-… when we refused it, a number when the exchange did")
    text = serializers.CharField()
    refusal = serializers.DictField(allow_null=True, help_text="The numbers behind a refusal")
    tag = serializers.CharField()
    why = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class FillRow(RowSerializer):
    """A trade of an order."""

    row = staticmethod(live.fill_row)
    id = serializers.UUIDField()
    account = serializers.UUIDField()
    account_name = serializers.CharField()
    venue = serializers.CharField()
    symbol = serializers.CharField()
    order = serializers.UUIDField(allow_null=True)
    client_order_id = serializers.CharField(allow_null=True)
    strategy = serializers.UUIDField(allow_null=True)
    trade_id = serializers.CharField()
    side = serializers.ChoiceField(SIDES)
    price = amount()
    quantity = amount()
    quote_quantity = amount()
    fee = amount()
    fee_asset = serializers.CharField()
    maker = serializers.BooleanField()
    executed_at = serializers.DateTimeField()


class PositionRow(RowSerializer):
    """What an account holds of an instrument by its own fills."""

    row = staticmethod(live.position_row)
    id = serializers.UUIDField()
    account = serializers.UUIDField()
    account_name = serializers.CharField()
    venue = serializers.CharField()
    symbol = serializers.CharField()
    quantity = amount()
    cost = amount()
    average_price = amount(allow_null=True)
    realised = amount()
    updated_at = serializers.DateTimeField()


class BalanceRow(RowSerializer):
    """What an account holds of an asset at the venue."""

    row = staticmethod(live.balance_row)
    id = serializers.UUIDField()
    account = serializers.UUIDField()
    account_name = serializers.CharField()
    venue = serializers.CharField()
    asset = serializers.CharField()
    total = amount()
    locked = amount()
    free = amount()
    updated_at = serializers.DateTimeField()
