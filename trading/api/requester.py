"""Who is behind a request, in the words of the rows."""

from __future__ import annotations

from rest_framework.request import Request

from accounts.access import Access, access_of
from risk.people import Person


def name_of(request: Request) -> str:
    """Return the person's name, with the token that acts for him if one does."""
    return known(request).name


def person_of(request: Request) -> Person:
    """Return the person; a token without the risk scope acts as a trader, whatever its person may do."""
    access = known(request)
    role = access.role if "risk" in access.scopes else "trader"
    return Person(user=access.username, role=role, token=access.token_name)


def known(request: Request) -> Access:
    """Return the request's access, which the permission has made sure of."""
    access = access_of(request)
    assert access is not None, "the view lets in nobody without access"
    return access
