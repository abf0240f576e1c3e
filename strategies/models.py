"""What the desk wants done by itself: instances of strategies."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from accounts.tenancy import TenantModel


class StrategyInstance(TenantModel):
    """One strategy at work: which code, on which accounts and symbols, with which parameters.

    `slot` is its row in the risk gate and unique among all tenants; 0 is for
    people and programs. It changes what an engine does at the engine's next start.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slot = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=100)
    strategy = models.CharField(max_length=64)
    venue = models.CharField(max_length=32)
    accounts = models.ManyToManyField("accounts.ExchangeAccount", related_name="+")
    symbols = models.JSONField()
    parameters = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="instance_name_once"),
            models.CheckConstraint(condition=Q(slot__gt=0), name="instance_slot_positive"),
        ]

    def __str__(self) -> str:
        return self.name
