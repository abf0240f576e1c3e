"""What is held: positions and balances, written by the projector alone."""

from __future__ import annotations

import uuid

from django.db import models

from trading.models.instruments import amount_field
from trading.models.orders import Journalled


class Position(Journalled):
    """What an account holds of an instrument by its own fills.

    `cost` is the quote amount paid for what is held, signed like the quantity;
    `realised` the profit since the beginning in the quote asset, before fees.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey("accounts.ExchangeAccount", on_delete=models.PROTECT, related_name="+")
    instrument = models.ForeignKey("trading.Instrument", on_delete=models.PROTECT, related_name="+")
    quantity = amount_field()
    cost = amount_field()
    realised = amount_field()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "instrument"], name="position_once"),
        ]
        indexes = [models.Index(fields=["tenant", "-updated_at", "-id"], name="position_newest")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.instrument_id}: {self.quantity}"


class Balance(Journalled):
    """What an account holds of an asset at the venue; `locked` of it is bound in open orders."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey("accounts.ExchangeAccount", on_delete=models.PROTECT, related_name="+")
    asset = models.CharField(max_length=32)
    total = amount_field()
    locked = amount_field()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "asset"], name="balance_once"),
        ]
        indexes = [models.Index(fields=["tenant", "-updated_at", "-id"], name="balance_newest")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.asset}: {self.total}"
