"""Who acts on limits and kill switches, as far as risk needs to know."""

from __future__ import annotations

import msgspec

#: Roles that may loosen what guards the desk.
RISK_ROLES = frozenset({"risk", "owner"})


class Person(msgspec.Struct, frozen=True):
    """A person by user name, with the role in the tenant and the token that acts for him, if one does."""

    user: str
    role: str
    token: str = ""

    @property
    def name(self) -> str:
        """Return who acts, as rows name him: at most 150 characters."""
        return (f"{self.user} (token {self.token})" if self.token else self.user)[:150]
