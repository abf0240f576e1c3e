"""Two desks that every test which reads should have: what is one's must never show at the other."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.access import SCOPES
from accounts.models import ExchangeAccount, Tenant, User

VENUE = "binance_spot"
PASSWORD = "a long enough password"
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass
class Desk:
    """A tenant with an owner, a token of all scopes, a main account, one strategy account and a sub."""

    tenant: Tenant
    user: User
    token: str
    accounts: list[ExchangeAccount] = field(default_factory=list)

    @property
    def main(self) -> ExchangeAccount:
        return self.accounts[0]

    @property
    def api(self) -> Api:
        """Return an API client of the desk's token."""
        return Api(self.token)

    def member(self, role: str, name: str = "") -> User:
        """Return a new person with the role at this desk."""
        user = services.create_user(username=name or f"{self.tenant.slug}-{role}", password=PASSWORD)
        services.add_member(tenant_id=self.tenant.id, user=user, role=role)
        return user

    def token_of(self, user: User, *scopes: str) -> str:
        """Return a new token that acts for the person with these scopes."""
        return issue(self.tenant, user, scopes)


class Api(APIClient):
    """A client of one token, which gives every unsafe request a key of its own unless told one."""

    def __init__(self, token: str) -> None:
        super().__init__(raise_request_exception=False)
        self.token = token

    def generic(self, method: str, *args: Any, key: str | None = None, **kwargs: Any) -> Any:
        """Send the request as the token; `key=""` sends it without an Idempotency-Key."""
        kwargs.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.token}")
        chosen = str(uuid.uuid4()) if key is None else key
        if method in UNSAFE and chosen:
            kwargs.setdefault("HTTP_IDEMPOTENCY_KEY", chosen)
        return super().generic(method, *args, **kwargs)

    def post(self, path: Any, data: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """Post JSON."""
        return super().post(path, data, format="json", **kwargs)


def issue(tenant: Tenant, user: User, scopes: Any, ttl: timedelta = timedelta(hours=1)) -> str:
    """Return a new token's plaintext."""
    _, plaintext = services.issue_token(
        tenant_id=tenant.id, user=user, name="tests", scopes=scopes, ttl=ttl, now_ns=time.time_ns()
    )
    return plaintext


def make_desk(slug: str, name: str) -> Desk:
    """Return a desk as the demo has them, smaller."""
    tenant = services.create_tenant(name=name, slug=slug)
    user = services.create_user(username=slug, password=PASSWORD, is_staff=True)
    services.add_member(tenant_id=tenant.id, user=user, role="owner")
    desk = Desk(tenant=tenant, user=user, token=issue(tenant, user, SCOPES))
    for kind in ("main", "strategy", "sub"):
        desk.accounts.append(
            services.create_account(
                tenant_id=tenant.id,
                venue=VENUE,
                kind=kind,
                name=f"{slug} {kind}",
                email=f"{slug}-{kind}@example.com",
                parent_id=desk.main.id if desk.accounts else None,
            )
        )
    return desk


@pytest.fixture
def demo_desk(db: None) -> Desk:
    """The desk that a test works for."""
    return make_desk("demo", "Demo Desk")


@pytest.fixture
def other_desk(db: None) -> Desk:
    """The desk whose data must not show."""
    return make_desk("other", "Other Desk")


@pytest.fixture
def api(demo_desk: Desk, other_desk: Desk) -> Api:
    """The demo desk's API client, with another desk present."""
    return demo_desk.api
