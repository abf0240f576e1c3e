"""Orders and fills: written by the projector alone, from the journal."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from accounts.tenancy import TenantModel
from trading.models.instruments import amount_field
from trading.types import CLIENT_ID_PREFIX, OrderState

#: The states as rows, the API and the dashboard write them.
ORDER_STATES = [state.name.lower() for state in OrderState]
#: States after which nothing but a late fill can follow.
TERMINAL_STATES = [state.name.lower() for state in OrderState if state.terminal]


class Journalled(TenantModel):
    """Base of rows that follow from journal records: which record wrote the row last.

    A record changes a row only if its (epoch, sequence) is newer, so that applying
    the journal twice changes nothing.
    """

    shard = models.PositiveSmallIntegerField()
    epoch = models.BigIntegerField()
    sequence = models.BigIntegerField()

    class Meta:
        abstract = True


class Order(Journalled):
    """An order as the engine knows it, refused ones included.

    The id is that of the command that asked for it, else derived from the client
    order id. `code` and `text` say why it was refused (`R-…`) or rejected (the
    exchange's number); `refusal` holds the numbers behind a refusal.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey("accounts.ExchangeAccount", on_delete=models.PROTECT, related_name="+")
    instrument = models.ForeignKey("trading.Instrument", on_delete=models.PROTECT, related_name="+")
    instrument_version = models.PositiveIntegerField()
    strategy_instance = models.UUIDField(null=True)
    client_order_id = models.CharField(max_length=36)
    venue_order_id = models.BigIntegerField(null=True)
    side = models.CharField(max_length=4)
    type = models.CharField(max_length=16)
    tif = models.CharField(max_length=4)
    price = amount_field(null=True)
    quantity = amount_field()
    filled_quantity = amount_field(default=0)
    average_price = amount_field(null=True)
    state = models.CharField(max_length=16)
    code = models.CharField(max_length=48, blank=True)
    text = models.CharField(max_length=500, blank=True)
    refusal = models.JSONField(null=True)
    tag = models.CharField(max_length=100, blank=True)
    why = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ORDER_STATES), name="order_state_known"),
            models.CheckConstraint(condition=Q(side__in=["BUY", "SELL"]), name="order_side_known"),
            # A refused intent is shown as it was asked for, senseless numbers included.
            models.CheckConstraint(
                condition=Q(state="refused") | Q(quantity__gt=0), name="order_quantity_positive"
            ),
            models.CheckConstraint(condition=Q(filled_quantity__gte=0), name="order_filled_not_negative"),
            # Ours are unique for ever; a foreign order's id is unique in its account at best.
            models.UniqueConstraint(
                fields=["client_order_id"],
                condition=Q(client_order_id__startswith=CLIENT_ID_PREFIX),
                name="order_once",
            ),
            models.UniqueConstraint(fields=["account", "client_order_id"], name="order_once_per_account"),
            # What fills point to, so that they cannot leave the tenant.
            models.UniqueConstraint(fields=["tenant", "id"], name="order_of_tenant"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="order_newest"),
            models.Index(fields=["tenant", "account", "-created_at"], name="order_of_account"),
            models.Index(
                fields=["tenant", "account", "instrument"],
                condition=~Q(state__in=TERMINAL_STATES),
                name="order_open",
            ),
        ]

    def __str__(self) -> str:
        return self.client_order_id


class Fill(Journalled):
    """One trade of one of our orders, exactly once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey("accounts.ExchangeAccount", on_delete=models.PROTECT, related_name="+")
    instrument = models.ForeignKey("trading.Instrument", on_delete=models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="fills")
    strategy_instance = models.UUIDField(null=True)
    trade_id = models.BigIntegerField()
    side = models.CharField(max_length=4)
    price = amount_field()
    quantity = amount_field()
    quote_quantity = amount_field()
    fee = amount_field()
    fee_asset = models.CharField(max_length=32, blank=True)
    maker = models.BooleanField()
    executed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "instrument", "trade_id"], name="fill_once"),
            models.CheckConstraint(condition=Q(side__in=["BUY", "SELL"]), name="fill_side_known"),
            models.CheckConstraint(condition=Q(price__gt=0, quantity__gt=0), name="fill_positive"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-executed_at", "-id"], name="fill_newest"),
            models.Index(fields=["tenant", "account", "-executed_at"], name="fill_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.trade_id} of {self.order_id}"
