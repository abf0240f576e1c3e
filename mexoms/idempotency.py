"""`Idempotency-Key`: an unsafe API request that is sent again is answered again, not done again."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

from accounts import selectors, services
from accounts.access import Access, access_of
from mexoms.error_map import API_PATH, answer

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
KEY = re.compile(r"[\x21-\x7e]{1,128}")
REPLAYED = "Idempotent-Replayed"


class IdempotencyMiddleware:
    """Claims the key inside the request's own transaction, where the answer is kept with what was done.

    The claim is a lock that ends with the transaction: a process that dies in
    between leaves neither effects nor a claim. A refused request undoes all of
    it, so its key is free to be used again.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request once; programs must give a key, people's pages may."""
        access = access_of(request)
        if access is None or request.method in SAFE_METHODS or not request.path.startswith(API_PATH):
            return self.get_response(request)
        key = request.headers.get("Idempotency-Key", "")
        if not key and access.token_id is None:
            return self.get_response(request)
        if not key:
            return answer("idempotency_key_missing", "send an Idempotency-Key of your own making", 400)
        if not KEY.fullmatch(key):
            return answer("idempotency_key_invalid", "a key has 1 to 128 visible ASCII characters", 400)
        return self.answer_once(request, access, key)

    def answer_once(self, request: HttpRequest, access: Access, key: str) -> HttpResponse:
        """Do the request unless it was done, or is being done now."""
        if not claim(access, key):
            busy = answer("idempotency_key_in_flight", "the first request with this key still runs", 409)
            busy["Retry-After"] = "1"
            return busy
        request_hash = hash_of(request, access)
        done = selectors.stored_answer(key)
        if done is None:
            return self.answer_first(request, access, key, request_hash)
        if done.request_hash != request_hash:
            return answer("idempotency_key_reused", "this key came with another request before", 422)
        return replay(done)

    def answer_first(self, request: HttpRequest, access: Access, key: str, request_hash: str) -> HttpResponse:
        """Do the request and keep its answer, unless it was refused."""
        response = self.get_response(request)
        if response.status_code < 400:
            services.store_answer(
                tenant_id=access.tenant_id,
                key=key,
                request_hash=request_hash,
                status=response.status_code,
                content_type=response.get("Content-Type", ""),
                body=response.content,
                now_ns=time.time_ns(),
            )
        return response


def claim(access: Access, key: str) -> bool:
    """Return whether this transaction now holds the tenant's key alone; never waits."""
    digest = hashlib.sha256(f"{access.tenant_id}|{key}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], signed=True)])
        return bool(cursor.fetchone()[0])


def hash_of(request: HttpRequest, access: Access) -> str:
    """Return what makes the request the same: who, what, where and with which content."""
    total = hashlib.sha256()
    who = f"{access.user_id}|{access.token_id}"
    for part in (who.encode(), str(request.method).encode(), request.get_full_path().encode(), request.body):
        total.update(len(part).to_bytes(8))
        total.update(part)
    return total.hexdigest()


def replay(done: Any) -> HttpResponse:
    """Return the first answer again."""
    response = HttpResponse(bytes(done.body), status=done.status)
    if done.content_type:
        response["Content-Type"] = done.content_type
    else:
        del response["Content-Type"]
    response[REPLAYED] = "true"
    return response
