"""What the desk knows of its engines: epochs, how far the journals are read, account states."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from trading.models.orders import Journalled


class EngineEpoch(models.Model):
    """The number of starts of a shard's engine; part of every client order id."""

    shard = models.PositiveSmallIntegerField(unique=True)
    epoch = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(epoch__gte=0), name="epoch_not_negative")]

    def __str__(self) -> str:
        return f"shard {self.shard}: epoch {self.epoch}"


class JournalCursor(models.Model):
    """How far the projector has applied a shard's journal; moves in the rows' own transaction."""

    shard = models.PositiveSmallIntegerField(unique=True)
    segment = models.BigIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    epoch = models.BigIntegerField(default=0)
    sequence = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"shard {self.shard}: {self.epoch}/{self.sequence}"


class AccountStatus(Journalled):
    """Whether the engine may trade an account: ready, stale (stream lost) or incomplete."""

    account = models.OneToOneField(
        "accounts.ExchangeAccount", on_delete=models.PROTECT, primary_key=True, related_name="status"
    )
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=500, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "account statuses"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["ready", "stale", "incomplete"]), name="account_state_known"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "state"], name="account_status_state")]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.state}"
