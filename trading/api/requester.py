"""Who is behind a request, in the words of the rows."""

from __future__ import annotations

from rest_framework.request import Request

from risk.people import Person


def name_of(request: Request) -> str:
    """Return the person's name, with the token that acts for him if one does."""
    raise NotImplementedError


def person_of(request: Request) -> Person:
    """Return the person with the role in the tenant that the request works for."""
    raise NotImplementedError
