"""The one place where a request gets its tenant: from the session's person or from a token."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts import selectors, services
from accounts.access import Access, scopes_of
from accounts.errors import AccountsError, NotAMember, TokenExpired, TokenInvalid, TokenRevoked
from accounts.models import User
from accounts.selectors import AdmittedToken
from accounts.tenancy import scope_of_told, tenant_scope
from accounts.wire_format import time_of

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
TOKEN_PATH = "/api/"  # noqa: S105  (tokens open nothing else)
#: Where the session keeps the desk that a person of several has chosen.
CHOSEN_DESK = "desk"


class TenantMiddleware:
    """Runs the view inside the tenant's scope, in one transaction, which a refused write undoes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        """Answer the request; without a desk behind it the view sees no tenant's rows."""
        request.access = request.access_error = None
        shown = bearer_of(request)
        if shown is not None:
            return self.answer_program(request, shown, time.time_ns())
        if request.user.is_authenticated:
            request.access = access_of_person(request.user, request.session.get(CHOSEN_DESK))
        if request.access is None:
            return self.get_response(request)
        with tenant_scope(request.access.tenant_id):
            return self.answer(request)

    def answer_program(self, request: Any, shown: str, now_ns: int) -> HttpResponse:
        """Answer who shows a token, in the transaction that looks it up."""
        try:
            with transaction.atomic():
                token = selectors.admit_token(shown)
                request.access = access_of_token(token, now_ns)
                user_id = request.access.user_id
                request.user = SimpleLazyObject(lambda: User.objects.get(pk=user_id))
                with scope_of_told(request.access.tenant_id):
                    note_use(token, now_ns)
                    return self.answer(request)
        except AccountsError as error:
            request.access_error = error  # told by the API's authentication, in the API's words
        # Outside the transaction, which knows the tenant of a token that opens nothing any more.
        return self.get_response(request)

    def answer(self, request: Any) -> HttpResponse:
        """Run the view, and undo what it wrote if it refused."""
        response = self.get_response(request)
        if is_failed(request.method, response.status_code):
            transaction.set_rollback(True)
        return response


def is_failed(method: str, status: int) -> bool:
    """Return whether what the view wrote must not stay."""
    return status >= 500 or (status >= 400 and method not in SAFE_METHODS)


def bearer_of(request: HttpRequest) -> str | None:
    """Return the token that the request shows, None where it shows none."""
    kind, _, shown = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not request.path.startswith(TOKEN_PATH):
        return None
    return shown.strip()


def access_of_token(token: AdmittedToken | None, now_ns: int) -> Access:
    """Return what the token may do: its scopes, as far as its person's role goes today.

    Raises TokenInvalid, TokenRevoked, TokenExpired or NotAMember.
    """
    if token is None or not token.is_active:
        raise TokenInvalid("this token opens nothing")
    if token.revoked_at is not None:
        raise TokenRevoked("this token was revoked")
    if token.expires_at <= time_of(now_ns):
        raise TokenExpired("this token has expired")
    if not token.role:
        raise NotAMember("the token's person has left the desk")
    return Access(
        tenant_id=token.tenant_id,
        tenant=token.tenant,
        user_id=token.user_id,
        username=token.username,
        role=token.role,
        scopes=scopes_of(token.role, token.scopes),
        token_id=token.id,
        token_name=token.name,
    )


def note_use(token: AdmittedToken | None, now_ns: int) -> None:
    """Note that an admitted token was used."""
    assert token is not None, "access was given to no token"
    services.note_token_use(token_id=token.id, last_used_at=token.last_used_at, now_ns=now_ns)


def access_of_person(user: User, chosen: str | UUID | None) -> Access | None:
    """Return what a person may do at the desk that he chose, or at his first; None where he has none."""
    membership = selectors.membership_of(user, chosen)
    if membership is None:
        return None
    return Access(
        tenant_id=membership.tenant_id,
        tenant=membership.tenant.name,
        user_id=user.pk,
        username=user.get_username(),
        role=membership.role,
        scopes=scopes_of(membership.role),
    )
