"""Reads of accounts: the registry of tenants, who belongs where, and the opened keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from accounts.keys import KeyRing, Place, Sealed
from accounts.models import ApiKey, ApiToken, ExchangeAccount, IdempotentRequest, Membership, Tenant, User
from accounts.tenancy import TOKEN_SETTING, USER_SETTING, setting_scope, tenant_scope


@dataclass(frozen=True, kw_only=True)
class AccountRow:
    """An exchange account as platform processes know it."""

    id: UUID
    tenant_id: UUID
    slot: int
    venue: str
    kind: str
    name: str
    active: bool


class AdmittedToken(NamedTuple):
    """A token as `accounts_admit_token` answers it; `role` is empty where the person has left the desk."""

    id: UUID
    name: str
    scopes: list[str]
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    tenant_id: UUID
    tenant: str
    user_id: int
    username: str
    is_active: bool
    role: str


def tenants_of_shard(shard: int) -> list[Tenant]:
    """Return the tenants that live in the engine shard."""
    return list(Tenant.objects.filter(shard=shard).order_by("slot"))


def tenant_ids() -> list[UUID]:
    """Return every tenant's id."""
    return list(Tenant.objects.order_by("slot").values_list("id", flat=True))


def shards() -> list[int]:
    """Return the shards that have tenants."""
    return list(Tenant.objects.order_by("shard").values_list("shard", flat=True).distinct())


def shard_of(tenant_id: UUID) -> int:
    """Return the shard that the tenant lives in."""
    return Tenant.objects.values_list("shard", flat=True).get(id=tenant_id)


def accounts_of_shard(shard: int) -> list[AccountRow]:
    """Return the accounts of all the shard's tenants, inactive ones too, each read as its own tenant."""
    fields = ("id", "tenant_id", "slot", "venue", "kind", "name", "active")
    rows: list[AccountRow] = []
    for tenant in tenants_of_shard(shard):
        with tenant_scope(tenant.id):
            rows += [AccountRow(**v) for v in ExchangeAccount.objects.order_by("slot").values(*fields)]
    return rows


def memberships_of(user: User) -> list[Membership]:
    """Return the person's places at all desks, with their tenants."""
    with setting_scope(USER_SETTING, str(user.pk)):
        rows = Membership._base_manager.filter(user_id=user.pk).select_related("tenant")
        return list(rows.order_by("tenant__slot"))


def membership_of(user: User, chosen: str | UUID | None = None) -> Membership | None:
    """Return the person's place at the chosen desk, else at his first one, else None."""
    memberships = memberships_of(user)
    for membership in memberships:
        if str(membership.tenant_id) == str(chosen):
            return membership
    return memberships[0] if memberships else None


def token_hash(plaintext: str) -> str:
    """Return what is stored of a token. It has 256 random bits, so that a plain hash is enough."""
    return hashlib.sha256(plaintext.encode()).hexdigest()


def token_shown(plaintext: str) -> ApiToken | None:
    """Return the token with its tenant and person, whatever its state; None where there is none."""
    shown = token_hash(plaintext)
    with setting_scope(TOKEN_SETTING, shown):
        rows = ApiToken._base_manager.select_related("tenant", "user")
        return rows.filter(token_hash=shown).first()


def admit_token(plaintext: str) -> AdmittedToken | None:
    """Return what a request must know of the token; None where there is none.

    One round trip, in the caller's transaction, which runs as the token's
    tenant from then on. The database's function sees what row-level security
    shows to its caller and no more.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_admit_token(%s)", [token_hash(plaintext)])
        row = cursor.fetchone()
    return None if row is None else AdmittedToken(*row)


def role_at(tenant_id: UUID, user_id: int) -> str:
    """Return the person's role at the tenant's desk, empty where he has none."""
    with tenant_scope(tenant_id):
        role = Membership.objects.filter(user_id=user_id).values_list("role", flat=True).first()
    return str(role or "")


def active_key(account: ExchangeAccount) -> ApiKey | None:
    """Return the account's key in use; call inside its tenant's scope."""
    found: ApiKey | None = ApiKey.objects.filter(account_id=account.id, active=True).first()
    return found


def open_secret(key: ApiKey) -> tuple[str, str]:
    """Return (api_key, api_secret). For the engine alone; raises KeyRingError and never guesses."""
    ring = KeyRing.load(settings.KEY_RING_PATH)
    sealed = Sealed(key.ring_key_id, bytes(key.secret_ciphertext))
    return key.api_key, ring.open(sealed, place_of(key))


def place_of(key: ApiKey) -> Place:
    """Return where the key's secret is sealed for."""
    return Place("accounts_apikey", "secret_ciphertext", key.tenant_id, key.id)


def stored_answer(key: str) -> IdempotentRequest | None:
    """Return what the current tenant's key was first answered with."""
    found: IdempotentRequest | None = IdempotentRequest.objects.filter(key=key).first()
    return found
