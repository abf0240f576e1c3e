"""What people and programs asked the engine to do."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from accounts.tenancy import TenantModel


class CommandState(models.TextChoices):
    """What became of a command; everything but PENDING is final."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"


class Command(TenantModel):
    """One wish, committed before the engine hears of it.

    `payload` is the message of `trading.types` as plain data, empty while a
    cancel still waits for the order it names (`awaits`). The row is the truth,
    the bus only carries it: what the bus loses is put on it again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16)
    payload = models.JSONField()
    awaits = models.UUIDField(null=True)
    shard = models.PositiveSmallIntegerField()
    account = models.ForeignKey(
        "accounts.ExchangeAccount", on_delete=models.PROTECT, null=True, related_name="+"
    )
    requested_by = models.CharField(max_length=150)
    deadline_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=CommandState.choices, default=CommandState.PENDING)
    code = models.CharField(max_length=48, blank=True)
    text = models.CharField(max_length=500, blank=True)
    client_order_id = models.CharField(max_length=36, blank=True)
    created_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "accepted", "refused", "expired"]),
                name="command_state_known",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["place", "cancel", "cancel_all"]), name="command_kind_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="command_newest"),
            models.Index(
                fields=["tenant", "created_at"], condition=Q(state="pending"), name="command_pending"
            ),
            models.Index(
                fields=["tenant", "awaits"],
                condition=Q(state="pending", awaits__isnull=False),
                name="command_awaiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.state}"
