"""How people and programs prove who they are. The middleware has looked; these tell the API what it found."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts import services
from accounts.access import Access, access_of
from accounts.errors import NotAMember
from accounts.models import User


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`."""

    def authenticate(self, request: Request) -> tuple[User, Access] | None:
        """Return the token's person and access; raises AccountsError for a token that opens nothing."""
        error = getattr(request._request, "access_error", None)
        if error is not None:
            raise error
        access = access_of(request._request)
        if access is None or access.token_id is None:
            return None
        return request._request.user, access  # type: ignore[return-value]

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 tells the client to send."""
        return "Bearer"


class TenantSessionAuthentication(SessionAuthentication):
    """The signed-in person's session, with its CSRF check, at the desk that he has chosen."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the person and his access; raises NotAMember where he has no desk."""
        access = access_of(request._request)
        if access is not None and access.token_id is not None:
            return None
        found = super().authenticate(request)
        if found is None:
            return None
        if access is None:
            raise NotAMember("you belong to no desk")
        return found[0], access


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API's schema describes tokens."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the schema's words for it."""
        return {"type": "http", "scheme": "bearer", "description": "A token of the desk"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API's schema describes the dashboard's session."""

    target_class = TenantSessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the schema's words for it."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class PausingBackend(ModelBackend):
    """Names and passwords, with a pause after too many wrong ones."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the person, or None for a wrong password and in a pause alike: a guesser learns nothing."""
        if not username or password is None:
            return None
        address = str(request.META.get("REMOTE_ADDR", "")) if request else ""
        now_ns = time.time_ns()
        if not services.may_try_login(username=username, address=address, now_ns=now_ns):
            return None
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is None:
            services.note_login_failure(username=username, address=address, now_ns=now_ns)
            return None
        services.forget_login_failures(username=username, address=address)
        assert isinstance(user, User)
        return user
