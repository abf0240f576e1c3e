"""On whose behalf a request runs and what that allows; decided once, by the middleware."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

#: What each role may do. A token never does more than the role of the person whom it acts for.
SCOPES_OF_ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset({"read", "trade", "risk", "admin"}),
    "trader": frozenset({"read", "trade"}),
    "risk": frozenset({"read", "risk"}),
    "treasury": frozenset({"read"}),
    "viewer": frozenset({"read"}),
}
SCOPES = frozenset().union(*SCOPES_OF_ROLES.values())


@dataclass(frozen=True, kw_only=True)
class Access:
    """A person at a desk, or a token that acts for one."""

    tenant_id: UUID
    tenant: str
    user_id: int
    username: str
    role: str
    scopes: frozenset[str]
    token_id: UUID | None = None
    token_name: str = ""

    @property
    def name(self) -> str:
        """Return who acts, as rows and journals name him: at most 150 characters."""
        by_token = f"{self.username} (token {self.token_name})" if self.token_id else self.username
        return by_token[:150]


def access_of(request: Any) -> Access | None:
    """Return the request's access; None where nobody is signed in or the person has no desk."""
    return cast("Access | None", getattr(request, "access", None))


def scopes_of(role: str, token_scopes: Iterable[str] | None = None) -> frozenset[str]:
    """Return what the role allows, narrowed to the token's scopes where a token acts."""
    allowed = SCOPES_OF_ROLES.get(role, frozenset())
    return allowed if token_scopes is None else allowed & frozenset(token_scopes)
