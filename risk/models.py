"""What the desk may do: limits and kill switches."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from accounts.tenancy import TenantModel

SCOPES = ["tenant", "account", "strategy"]


class LimitName(models.TextChoices):
    """What can be limited. Values are in USDT, quantities in the base asset, rates in orders a second."""

    ORDER_VALUE_MAX = "order_value_max"
    OPEN_VALUE_MAX = "open_value_max"
    GROSS_VALUE_MAX = "gross_value_max"
    ORDERS_PER_SECOND_MAX = "orders_per_second_max"
    ORDER_QUANTITY_MAX = "order_quantity_max"
    POSITION_QUANTITY_MAX = "position_quantity_max"


#: Limits of an account in one instrument; all others are of a whole scope.
QUANTITY_LIMITS = frozenset({LimitName.ORDER_QUANTITY_MAX, LimitName.POSITION_QUANTITY_MAX})


class Limit(TenantModel):
    """One version of one limit. Rows are never changed: a newer version takes the place of the older.

    A null `target` means every account or strategy of the tenant that has no
    limit of its own. `slot` is the target's row in the gate, null with it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=16)
    target = models.UUIDField(null=True, blank=True)
    slot = models.PositiveIntegerField(null=True, blank=True)
    symbol = models.CharField(max_length=32, blank=True)
    name = models.CharField(max_length=32, choices=LimitName.choices)
    value = models.DecimalField(max_digits=38, decimal_places=18)
    version = models.PositiveIntegerField()
    set_by = models.CharField(max_length=150)
    approved_by = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=500)
    valid_from = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "scope", "target", "symbol", "name", "version"],
                nulls_distinct=False,
                name="limit_version_once",
            ),
            models.CheckConstraint(condition=Q(scope__in=SCOPES), name="limit_scope_known"),
            models.CheckConstraint(condition=Q(name__in=LimitName.values), name="limit_name_known"),
            models.CheckConstraint(condition=Q(value__gte=0), name="limit_not_negative"),
            models.CheckConstraint(
                condition=Q(target__isnull=True, slot__isnull=True)
                | Q(target__isnull=False, slot__isnull=False, slot__gt=0),
                name="limit_target_has_slot",
            ),
            models.CheckConstraint(
                condition=Q(name__in=sorted(QUANTITY_LIMITS), scope="account") & ~Q(symbol="")
                | ~Q(name__in=sorted(QUANTITY_LIMITS)) & Q(symbol=""),
                name="limit_quantity_has_symbol",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-valid_from", "-id"], name="limit_newest")]

    def __str__(self) -> str:
        return f"{self.scope} {self.symbol} {self.name} = {self.value} v{self.version}"


class LimitRaise(TenantModel):
    """Somebody's wish to raise a limit, which another person must approve before it holds."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=16)
    target = models.UUIDField(null=True, blank=True)
    slot = models.PositiveIntegerField(null=True, blank=True)
    symbol = models.CharField(max_length=32, blank=True)
    name = models.CharField(max_length=32, choices=LimitName.choices)
    value = models.DecimalField(max_digits=38, decimal_places=18)
    reason = models.CharField(max_length=500)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    approved_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(scope__in=SCOPES), name="limit_raise_scope_known"),
            models.CheckConstraint(
                condition=~Q(approved_by=models.F("requested_by")), name="limit_raise_by_two_people"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-requested_at"], name="limit_raise_newest")]

    def __str__(self) -> str:
        return f"{self.scope} {self.symbol} {self.name} → {self.value}"


class KillSwitch(TenantModel):
    """Whether a tenant, an account or a strategy may trade; a missing row leaves it trading.

    A null `target` is the tenant itself. The flag file and the gate's memory say
    the same; whichever says the worst wins when an engine starts.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=16)
    target = models.UUIDField(null=True, blank=True)
    slot = models.PositiveIntegerField()
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=500, blank=True)
    set_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "kill switches"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "scope", "target"], nulls_distinct=False, name="kill_switch_once"
            ),
            models.CheckConstraint(condition=Q(scope__in=SCOPES), name="kill_switch_scope_known"),
            models.CheckConstraint(
                condition=Q(state__in=["ACTIVE", "REDUCING", "HALTED"]), name="kill_switch_state_known"
            ),
            models.CheckConstraint(condition=Q(slot__gt=0), name="kill_switch_slot_positive"),
        ]
        indexes = [models.Index(fields=["tenant", "-changed_at", "-id"], name="kill_switch_newest")]

    def __str__(self) -> str:
        return f"{self.scope} {self.slot}: {self.state}"
