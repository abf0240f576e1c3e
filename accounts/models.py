"""Who: people, tenants and what each tenant owns at the venues."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q

from accounts.tenancy import TenantModel

#: Subaccounts that a venue gives to one main account.
SUB_ACCOUNTS_MAX = 200


class Role(models.TextChoices):
    """What a person does at the desk; `accounts.permissions` says what each may."""

    OWNER = "owner"
    TRADER = "trader"
    RISK = "risk"
    TREASURY = "treasury"
    VIEWER = "viewer"


class Kind(models.TextChoices):
    """What an exchange account is for; `strategy` is a subaccount of one strategy instance alone."""

    MAIN = "main"
    SUB = "sub"
    STRATEGY = "strategy"


class User(AbstractUser):
    """A person who can sign in. What he sees and may do comes from his memberships alone."""


class Tenant(models.Model):
    """A client whose data nobody else sees; lives in one engine shard. The list of tenants is global.

    `slot` is its row in the risk gate.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    slot = models.PositiveIntegerField(unique=True)
    shard = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(slot__gt=0), name="tenant_slot_positive")]

    def __str__(self) -> str:
        return self.name


class Membership(TenantModel):
    """A person's place at a tenant's desk."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"


class ExchangeAccount(TenantModel):
    """An account at a venue. `slot` is its row in the risk gate, unique among all tenants.

    `reserved_for` is the strategy instance that alone may trade it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    venue = models.CharField(max_length=32)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.CharField(max_length=100)
    email = models.EmailField(blank=True)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    slot = models.PositiveIntegerField(unique=True, editable=False)
    reserved_for = models.UUIDField(null=True, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            # What other tables' foreign keys point to, so that they cannot leave the tenant.
            models.UniqueConstraint(fields=["tenant", "id"], name="account_of_tenant"),
            models.UniqueConstraint(fields=["tenant", "venue", "name"], name="account_name_once"),
            models.UniqueConstraint(
                fields=["tenant", "venue", "email"], condition=~Q(email=""), name="account_email_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="account_kind_known"),
            models.CheckConstraint(condition=Q(slot__gt=0), name="account_slot_positive"),
            models.CheckConstraint(
                condition=Q(kind=Kind.MAIN, parent__isnull=True)
                | ~Q(kind=Kind.MAIN) & Q(parent__isnull=False) & ~Q(parent=F("id")),
                name="account_subs_have_a_main",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "slot"], name="account_by_slot")]

    def __str__(self) -> str:
        return self.name


class ApiKey(TenantModel):
    """A venue's key for one account. The secret is sealed; only `selectors.open_secret` opens it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(ExchangeAccount, on_delete=models.PROTECT, related_name="+")
    api_key = models.CharField(max_length=256)
    secret_ciphertext = models.BinaryField()
    ring_key_id = models.CharField(max_length=64)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "account"], condition=Q(active=True), name="api_key_one_active"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ring_key_id"], name="api_key_by_ring_key")]

    def __str__(self) -> str:
        return self.masked

    @property
    def masked(self) -> str:
        """Return as much of the public half as tells two keys apart."""
        return f"{self.api_key[:4]}…{self.api_key[-4:]}" if len(self.api_key) >= 16 else "…"


class ApiToken(TenantModel):
    """A program's way in, on behalf of a person: never more than his role, and only its own scopes.

    The token itself is shown once; the row keeps its SHA-256 and its first characters.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "-created_at"], name="token_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdempotentRequest(TenantModel):
    """What an `Idempotency-Key` was first used for, and the answer that it got."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=128)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100, blank=True)
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["tenant", "created_at"], name="idempotent_oldest")]

    def __str__(self) -> str:
        return self.key


class SlotCounter(models.Model):
    """The last slot given out of a kind. A row, since a sequence would leave gaps in the gate's tables."""

    name = models.CharField(primary_key=True, max_length=32)
    last = models.PositiveIntegerField()

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.name}: {self.last}"


class LoginFailure(models.Model):
    """Wrong passwords for one name from one address since the last right one."""

    name_hash = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    failures = models.PositiveIntegerField()
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name_hash", "address"], name="login_failure_once")]

    def __str__(self) -> str:
        return f"{self.failures} from {self.address}"
