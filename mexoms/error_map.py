"""Every error that the API tells, as `{"code", "message", "detail"}`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

API_PATH = "/api/"
#: Errors of the framework whose codes are ours to choose.
CODES: dict[type[Exception], str] = {
    exceptions.ValidationError: "invalid",
    exceptions.ParseError: "malformed",
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "authentication_failed",
    exceptions.PermissionDenied: "permission_denied",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "throttled",
}
#: What the database raises when it cannot be had; the caller may try again.
DATABASE_AWAY = (OperationalError, InterfaceError)
RETRY_AFTER_S = 2


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to an error in a view; None for the unexpected, which Django logs and answers."""
    if is_coded(error):
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}  # type: ignore[attr-defined]
        return Response(body_of(error), status=error.status, headers=headers)  # type: ignore[attr-defined]
    if isinstance(error, DATABASE_AWAY):
        return Response(AWAY, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
    known = framework_error(error)
    if known is None:
        return None
    return Response(body_of(known), status=known.status_code, headers=headers_of(known))


def is_coded(error: Exception) -> bool:
    """Return whether the error is one of our apps': with a stable code and the HTTP status that tells it."""
    return isinstance(getattr(error, "code", None), str) and isinstance(getattr(error, "status", None), int)


def framework_error(error: Exception) -> exceptions.APIException | None:
    """Return the framework's own error, or the one that Django's stands for."""
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, ValidationError):
        return exceptions.ValidationError({"fields": error.messages})
    return None


def body_of(error: Any) -> dict[str, Any]:
    """Return the error's code, what a person reads, and the particulars."""
    if not isinstance(error, exceptions.APIException):
        return body(error.code, error.message, error.detail)
    code = CODES.get(type(error), str(error.default_code))
    if isinstance(error, exceptions.ValidationError):
        return body(code, "some fields are wrong; detail says which", error.detail)
    return body(code, str(error.detail), {})


def body(code: str, message: str, detail: Any) -> dict[str, Any]:
    """Return the one shape of an error."""
    return {
        "code": code,
        "message": message,
        "detail": detail if isinstance(detail, dict) else {"all": detail},
    }


def headers_of(error: exceptions.APIException) -> dict[str, str]:
    """Return the headers that belong to the error."""
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait))  # type: ignore[attr-defined]
    return headers


AWAY = body("database_unavailable", "the database cannot be reached; try again", {})
BROKEN = body("internal_error", "something here is broken; it has been logged", {})


def answer(code: str, message: str, status: int, **detail: Any) -> JsonResponse:
    """Return a coded answer outside a view."""
    return JsonResponse(body(code, message, detail), status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that there is not: in the API's words below the API, else as a page."""
    if request.path.startswith(API_PATH):
        return answer("not_found", "there is nothing at this address", 404)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refuses, such as one too large."""
    if request.path.startswith(API_PATH):
        return answer("bad_request", "the request cannot be read", 400)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer the unexpected; called while the error is being handled."""
    if not request.path.startswith(API_PATH):
        return defaults.server_error(request)
    if isinstance(sys.exc_info()[1], DATABASE_AWAY):
        return JsonResponse(AWAY, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
    return JsonResponse(BROKEN, status=500)
