"""The check of what a view asks for against what the request may do."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.access import access_of
from accounts.errors import ScopeMissing

#: Methods that ask the same as another.
SAME_AS = {"HEAD": "GET", "OPTIONS": "GET"}


class HasScope(BasePermission):
    """Allows what the view's `scopes` ask for by method: one scope, or any of several.

    A method that the view does not name is refused: what nobody thought of is not allowed.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the request's access covers the method; raises ScopeMissing to say what it lacks."""
        access = access_of(request)
        if access is None:
            return False
        method = SAME_AS.get(request.method or "", request.method or "")
        needed = getattr(view, "scopes", {}).get(method)
        if needed is None:
            return method not in view.allowed_methods  # let the view answer 405 itself
        any_of = {needed} if isinstance(needed, str) else set(needed)
        if not any_of & access.scopes:
            raise ScopeMissing(f"this takes the scope {' or '.join(sorted(any_of))}", needs=sorted(any_of))
        return True
