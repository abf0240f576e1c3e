"""Who acts on limits and kill switches, as far as risk needs to know."""

from __future__ import annotations

import msgspec

#: Roles that may loosen what guards the desk.
RISK_ROLES = frozenset({"risk", "owner"})


class Person(msgspec.Struct, frozen=True):
    """A user by name, or a token acting for one, with the role in the tenant."""

    name: str
    role: str
