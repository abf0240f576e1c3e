"""The desks of a fresh home, from `configs/demo.yaml` and the simulated exchange's keys.

Seeding is idempotent: what stands is left as people have changed it, only what
is missing is made. A desk may grow; then the exchange's free accounts are taken.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from accounts import services as accounts
from accounts.access import SCOPES
from accounts.models import ApiKey, ExchangeAccount, Tenant, User
from accounts.tenancy import tenant_scope
from mexoms.supervisor.runtime_file import write_private
from risk import services as risk
from risk.defaults import load_defaults
from strategies import services as strategies
from strategies.models import StrategyInstance

DEMO_CONFIG = Path(__file__).resolve().parent.parent / "configs" / "demo.yaml"
VENUE = "binance_spot"
STRATEGY_ACCOUNTS = range(1, 5)
TOKEN_TTL = timedelta(days=365)
PASSWORD_BYTES = 12


class Part(BaseModel):
    """Base of the file's parts: nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StrategySeed(Part):
    """One strategy instance, on the desk's strategy accounts."""

    name: str
    key: str
    symbols: tuple[str, ...]
    enabled: bool
    parameters: dict[str, Any]


class DeskSeed(Part):
    """One tenant with its owner. `accounts` null: as many as the start asks for."""

    name: str
    slug: str
    user: str
    staff: bool
    accounts: int | None = Field(ge=1)
    strategies: tuple[StrategySeed, ...]


class DemoSeed(Part):
    """The whole file."""

    desks: tuple[DeskSeed, DeskSeed]


class ExchangeKey(BaseModel):
    """One entry of the simulator's keys.json."""

    email: str
    api_key: str
    api_secret: str


def load_config(path: Path = DEMO_CONFIG) -> DemoSeed:
    """Return the file's content; raises pydantic's ValidationError naming what is wrong."""
    return DemoSeed.model_validate(yaml.safe_load(path.read_text()))


def seed_demo(*, home: Path, account_count: int) -> None:
    """Make what is missing of the two desks, and write how to get in to `demo.json`."""
    desks = load_config().desks
    keys = read_keys(home / "simulator" / "keys.json")
    path = home / "demo.json"
    before: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    tenants = [ensure_tenant(desk) for desk in desks]
    taken = {email for tenant in tenants for email in emails_of(tenant)}
    free = deque(key for key in keys if key.email not in taken)
    ways_in = [
        seed_desk(desk, tenant, desk.accounts or account_count, keys, free, known)
        for desk, tenant, known in zip(desks, tenants, (before, before.get("other", {})), strict=True)
    ]
    write_private(path, json.dumps({**ways_in[0], "other": ways_in[1]}, indent=1))


def seed_desk(
    desk: DeskSeed, tenant: Tenant, size: int, keys: list[ExchangeKey], free: deque[ExchangeKey], known: Any
) -> dict[str, str]:
    """Make what is missing of one desk and return how to get into it."""
    risk.seed_limits(tenant_id=tenant.id, defaults=load_defaults(), now_ns=time.time_ns())
    user, password = ensure_owner(desk, tenant, known.get("password", ""))
    ensure_accounts(tenant, size, free, strategies=bool(desk.strategies))
    refresh_keys(tenant, keys)
    for strategy in desk.strategies:
        ensure_instance(strategy, tenant)
    return {
        "url": f"http://127.0.0.1:{settings.WEB_PORT}",
        "simulator_url": f"http://127.0.0.1:{settings.SIMULATOR_PORT}",
        "user": user.username,
        "password": password,
        "token": known.get("token") or issue_demo_token(tenant, user),
        "tenant": str(tenant.id),
    }


def read_keys(path: Path) -> list[ExchangeKey]:
    """Return the simulator's accounts, in its order."""
    entries = json.loads(path.read_text())
    return [ExchangeKey.model_validate(entry) for entry in entries]


def ensure_tenant(desk: DeskSeed) -> Tenant:
    """Return the desk's tenant, made if need be."""
    found = Tenant.objects.filter(slug=desk.slug).first()
    return found or accounts.create_tenant(name=desk.name, slug=desk.slug)


def emails_of(tenant: Tenant) -> list[str]:
    """Return the exchange accounts that the desk has, by their address at the exchange."""
    with tenant_scope(tenant.id):
        return list(ExchangeAccount.objects.values_list("email", flat=True))


def ensure_owner(desk: DeskSeed, tenant: Tenant, known: str) -> tuple[User, str]:
    """Return the desk's owner with a password that works.

    $MEXOMS_DEMO_PASSWORD wins; a password that demo.json does not know is replaced.
    """
    password = os.environ.get("MEXOMS_DEMO_PASSWORD") or known or secrets.token_urlsafe(PASSWORD_BYTES)
    user = User.objects.filter(username=desk.user).first()
    if user is None:
        user = accounts.create_user(username=desk.user, password=password, is_staff=desk.staff)
        accounts.add_member(tenant_id=tenant.id, user=user, role="owner")
    elif not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user, password


def issue_demo_token(tenant: Tenant, user: User) -> str:
    """Return a new token with every scope."""
    _, token = accounts.issue_token(
        tenant_id=tenant.id, user=user, name="demo", scopes=SCOPES, ttl=TOKEN_TTL, now_ns=time.time_ns()
    )
    return token


def ensure_accounts(tenant: Tenant, size: int, free: deque[ExchangeKey], *, strategies: bool) -> None:
    """Let the desk grow to its size: a main account, four for strategies if it has any, the rest subs."""
    with tenant_scope(tenant.id):
        count = ExchangeAccount.objects.count()
        main = ExchangeAccount.objects.filter(kind="main").first()
        for index in range(count, size):
            key = free.popleft()
            account = accounts.create_account(
                tenant_id=tenant.id,
                venue=VENUE,
                kind=kind_of(index, strategies=strategies),
                name=f"account {index:03}",
                email=key.email,
                parent_id=main.id if main else None,
            )
            store_key(account, key)
            main = main or account


def kind_of(index: int, *, strategies: bool) -> str:
    """Return the kind of the desk's account with this index."""
    if index == 0:
        return "main"
    return "strategy" if strategies and index in STRATEGY_ACCOUNTS else "sub"


def refresh_keys(tenant: Tenant, keys: list[ExchangeKey]) -> None:
    """Store the keys of accounts for which the exchange has new ones, as after another seed."""
    by_email = {key.email: key for key in keys}
    with tenant_scope(tenant.id):
        for account in ExchangeAccount.objects.filter(email__in=by_email):
            key = by_email[account.email]
            if not ApiKey.objects.filter(account=account, api_key=key.api_key, active=True).exists():
                store_key(account, key)


def store_key(account: ExchangeAccount, key: ExchangeKey) -> None:
    """Give the account its key at the exchange."""
    accounts.store_api_key(
        account=account, api_key=key.api_key, api_secret=key.api_secret, now_ns=time.time_ns()
    )


def ensure_instance(strategy: StrategySeed, tenant: Tenant) -> None:
    """Put the strategy on the desk's strategy accounts, unless it has it."""
    with tenant_scope(tenant.id):
        if StrategyInstance.objects.filter(name=strategy.name).exists():
            return
        chosen = ExchangeAccount.objects.filter(kind="strategy", reserved_for=None).order_by("slot")
        strategies.create_instance(
            tenant_id=tenant.id,
            name=strategy.name,
            strategy=strategy.key,
            venue=VENUE,
            account_ids=[account.id for account in chosen],
            symbols=strategy.symbols,
            parameters=strategy.parameters,
            enabled=strategy.enabled,
        )
