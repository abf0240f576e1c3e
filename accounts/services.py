"""Writes of accounts: people, desks, exchange accounts, keys and tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.db import connection, transaction
from django.db.models import F

from accounts import selectors
from accounts.access import SCOPES
from accounts.errors import (
    AccountInvalid,
    NotAMember,
    RoleUnknown,
    ScopeUnknown,
    TooManySubaccounts,
    UnknownToken,
)
from accounts.keys import KeyRing, Sealed
from accounts.models import (
    SUB_ACCOUNTS_MAX,
    ApiKey,
    ApiToken,
    ExchangeAccount,
    IdempotentRequest,
    Kind,
    LoginFailure,
    Membership,
    Role,
    Tenant,
    User,
)
from accounts.tenancy import tenant_scope
from accounts.wire_format import time_of

TOKEN_MARK = "mx_"  # noqa: S105  (how leaked tokens are found)
TOKEN_BYTES = 32
TOKEN_PREFIX_CHARACTERS = 10
#: A token's last use is noted at most this often, so that reads stay reads.
USE_NOTED_EVERY_S = 60
#: Wrong passwords for one name from one address, and from all addresses together, until a pause.
LOGIN_FAILURES_MAX = 5
LOGIN_FAILURES_ALL_MAX = 100
LOGIN_PAUSE_S = 900
#: How long an idempotent request's answer can be had again.
ANSWER_KEPT_H = 24


def next_slot(name: str) -> int:
    """Return the next slot of a kind. The row's lock makes givers wait, a rollback gives it back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_slotcounter (name, last) VALUES (%s, 1) "
            "ON CONFLICT (name) DO UPDATE SET last = accounts_slotcounter.last + 1 RETURNING last",
            [name],
        )
        return int(cursor.fetchone()[0])


@transaction.atomic
def create_tenant(*, name: str, slug: str, shard: int = 0) -> Tenant:
    """Create a desk; nobody belongs to it yet."""
    return Tenant.objects.create(name=name, slug=slug, shard=shard, slot=next_slot("tenant"))


def create_user(*, username: str, password: str, email: str = "", is_staff: bool = False) -> User:
    """Create a person; `is_staff` lets him into the admin, where his roles decide. Raises ValidationError."""
    user = User(username=username, email=email, is_staff=is_staff)
    validate_password(password, user)
    user.set_password(password)
    user.save(force_insert=True)
    return user


def add_member(*, tenant_id: UUID, user: User, role: str) -> Membership:
    """Give the person a place at the desk, or another role there; raises RoleUnknown."""
    if role not in Role.values:
        raise RoleUnknown(f"there is no role {role}", known=Role.values)
    with tenant_scope(tenant_id):
        membership: Membership
        membership, _ = Membership.objects.update_or_create(
            user=user, defaults={"role": role}, create_defaults={"role": role, "tenant_id": tenant_id}
        )
    return membership


def remove_member(*, tenant_id: UUID, user: User) -> None:
    """Take the person's place at the desk; his tokens there end with it."""
    with tenant_scope(tenant_id):
        Membership.objects.filter(user=user).delete()


def create_account(
    *,
    tenant_id: UUID,
    venue: str,
    kind: str,
    name: str,
    email: str = "",
    parent_id: UUID | None = None,
    reserved_for: UUID | None = None,
) -> ExchangeAccount:
    """Create an exchange account. Subaccounts have a main account, which has at most SUB_ACCOUNTS_MAX.

    Raises AccountInvalid or TooManySubaccounts.
    """
    with tenant_scope(tenant_id):
        if kind not in Kind.values or (kind == Kind.MAIN) != (parent_id is None):
            raise AccountInvalid("a main account has no parent, all others have one", kind=kind)
        if parent_id is not None:
            check_room(venue, parent_id)
        if ExchangeAccount.objects.filter(venue=venue, name=name).exists():
            raise AccountInvalid(f"there is an account {name} already", name=name)
        account = ExchangeAccount.new(
            venue=venue,
            kind=kind,
            name=name,
            email=email,
            parent_id=parent_id,
            reserved_for=reserved_for,
            slot=next_slot("account"),
        )
        account.save(force_insert=True)
    return account


def check_room(venue: str, main_id: UUID) -> None:
    """Raise unless the main account takes one more; its row is locked, so that two cannot take one place."""
    main = ExchangeAccount.objects.select_for_update().filter(id=main_id, venue=venue, kind=Kind.MAIN).first()
    if main is None:
        raise AccountInvalid("there is no such main account at this venue", parent=str(main_id))
    if ExchangeAccount.objects.filter(parent_id=main_id).count() >= SUB_ACCOUNTS_MAX:
        raise TooManySubaccounts(
            f"{main.name} has {SUB_ACCOUNTS_MAX} subaccounts already", parent=str(main_id)
        )


def set_account_active(*, tenant_id: UUID, account_id: UUID, active: bool) -> None:
    """Say whether the desk trades the account; engines take it up at their next start."""
    with tenant_scope(tenant_id):
        if not ExchangeAccount.objects.filter(id=account_id).update(active=active):
            raise AccountInvalid("there is no such account", account=str(account_id))


def store_api_key(*, account: ExchangeAccount, api_key: str, api_secret: str, now_ns: int) -> ApiKey:
    """Seal the venue's secret for the account; the key in use before is kept, but no longer used."""
    if not api_key.strip() or not api_secret.strip():
        raise AccountInvalid("a key has two halves, and neither is empty")
    ring = KeyRing.load_or_create(settings.KEY_RING_PATH)
    with tenant_scope(account.tenant_id):
        key = ApiKey.new(account=account, api_key=api_key, created_at=time_of(now_ns))
        key.ring_key_id, key.secret_ciphertext = ring.seal(api_secret, selectors.place_of(key))
        ApiKey.objects.filter(account=account, active=True).update(active=False)
        key.save(force_insert=True)
    return key


def rotate_keys(*, retire: bool = False) -> int:
    """Seal every tenant's secrets with a new key of the ring; return how many.

    The new ring is on disk before the first row depends on it. `retire` drops
    the old keys afterwards: backups of the database then stay shut.
    """
    ring = KeyRing.load(settings.KEY_RING_PATH).with_new_key()
    ring.save(settings.KEY_RING_PATH)
    count = sum(reseal_tenant(tenant_id, ring) for tenant_id in selectors.tenant_ids())
    if retire:
        ring.without_old_keys().save(settings.KEY_RING_PATH)
    return count


def reseal_tenant(tenant_id: UUID, ring: KeyRing) -> int:
    """Seal the tenant's secrets with the ring's active key; all of them or none."""
    with tenant_scope(tenant_id):
        keys = list(ApiKey.objects.select_for_update().exclude(ring_key_id=ring.active))
        for key in keys:
            place = selectors.place_of(key)
            secret = ring.open(Sealed(key.ring_key_id, bytes(key.secret_ciphertext)), place)
            key.ring_key_id, key.secret_ciphertext = ring.seal(secret, place)
            key.save(update_fields=["ring_key_id", "secret_ciphertext"])
    return len(keys)


def issue_token(
    *, tenant_id: UUID, user: User, name: str, scopes: Iterable[str], ttl: timedelta, now_ns: int
) -> tuple[ApiToken, str]:
    """Return a new token and its plaintext, which nobody can show again.

    Raises ScopeUnknown, NotAMember.
    """
    wanted = sorted(set(scopes))
    if not wanted or set(wanted) - SCOPES:
        raise ScopeUnknown("a token needs scopes that there are", known=sorted(SCOPES), wanted=wanted)
    plaintext = TOKEN_MARK + secrets.token_urlsafe(TOKEN_BYTES)
    with tenant_scope(tenant_id):
        if not Membership.objects.filter(user=user).exists():
            raise NotAMember("a token acts for a member of the desk")
        token = ApiToken.new(
            user=user,
            name=name,
            prefix=plaintext[:TOKEN_PREFIX_CHARACTERS],
            token_hash=selectors.token_hash(plaintext),
            scopes=wanted,
            created_at=time_of(now_ns),
            expires_at=time_of(now_ns) + ttl,
        )
        token.save(force_insert=True)
    return token, plaintext


def revoke_token(*, tenant_id: UUID, token_id: UUID, now_ns: int) -> None:
    """Take the token back for good; raises UnknownToken."""
    with tenant_scope(tenant_id):
        token = ApiToken.objects.filter(id=token_id)
        if not token.exists():
            raise UnknownToken("there is no such token", token=str(token_id))
        token.filter(revoked_at__isnull=True).update(revoked_at=time_of(now_ns))


def note_token_use(*, token_id: UUID, last_used_at: datetime | None, now_ns: int) -> None:
    """Note that the token was used, unless that was noted a moment ago; call inside its tenant's scope."""
    now = time_of(now_ns)
    if last_used_at is not None and (now - last_used_at).total_seconds() < USE_NOTED_EVERY_S:
        return
    # Of requests that run at once one notes it; the others must not wait until that one's view is done.
    free = ApiToken.objects.select_for_update(skip_locked=True).filter(id=token_id)
    ApiToken.objects.filter(id__in=free.values("id")).update(last_used_at=now)


def name_hash(username: str) -> str:
    """Return under what name failures are counted; people type passwords into the name's field."""
    return hashlib.sha256(username.casefold().encode()).hexdigest()


def may_try_login(*, username: str, address: str, now_ns: int) -> bool:
    """Return whether a password for this name is looked at now.

    Failures count by address, so that a stranger cannot lock a trader out of the kill switch.
    """
    since = time_of(now_ns) - timedelta(seconds=LOGIN_PAUSE_S)
    recent = LoginFailure.objects.filter(name_hash=name_hash(username), last_at__gt=since)
    counts = dict(recent.values_list("address", "failures"))
    return counts.get(address, 0) < LOGIN_FAILURES_MAX and sum(counts.values()) < LOGIN_FAILURES_ALL_MAX


@transaction.atomic
def note_login_failure(*, username: str, address: str, now_ns: int) -> None:
    """Count a wrong password, and forget failures that are long past."""
    now = time_of(now_ns)
    LoginFailure.objects.filter(last_at__lte=now - timedelta(seconds=LOGIN_PAUSE_S)).delete()
    LoginFailure.objects.update_or_create(
        name_hash=name_hash(username),
        address=address,
        defaults={"failures": F("failures") + 1, "last_at": now},
        create_defaults={"failures": 1, "last_at": now},
    )


def forget_login_failures(*, username: str, address: str) -> None:
    """Begin counting anew after the right password."""
    LoginFailure.objects.filter(name_hash=name_hash(username), address=address).delete()


def store_answer(
    *, tenant_id: UUID, key: str, request_hash: str, status: int, content_type: str, body: bytes, now_ns: int
) -> None:
    """Keep the answer to an idempotent request, in the transaction of what the request did."""
    with tenant_scope(tenant_id):
        IdempotentRequest.new(
            key=key,
            request_hash=request_hash,
            status=status,
            content_type=content_type,
            body=body,
            created_at=time_of(now_ns),
        ).save(force_insert=True)


def forget_idempotent_requests(*, tenant_id: UUID, now_ns: int) -> int:
    """Delete the tenant's answers that are older than ANSWER_KEPT_H; return how many."""
    until = time_of(now_ns) - timedelta(hours=ANSWER_KEPT_H)
    with tenant_scope(tenant_id):
        deleted, _ = IdempotentRequest.objects.filter(created_at__lt=until).delete()
    return int(deleted)
