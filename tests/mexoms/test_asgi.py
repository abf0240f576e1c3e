"""The server's edge: whole requests to Django in one hop, sockets from our own pages alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from mexoms import asgi
from mexoms.error_map import API_PATH

SESSION = f"{API_PATH}v1/session/"


def http(path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    lines = {"host": "localhost", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "headers": [(name.encode(), text.encode()) for name, text in lines.items()],
    }


async def ask(scope: dict[str, Any], *pieces: bytes) -> tuple[int, bytes]:
    """Send the body in its pieces and return status and content."""
    served = ApplicationCommunicator(asgi.application, scope)
    for number, piece in enumerate(pieces or (b"",), 1):
        more = number < len(pieces)
        await served.send_input({"type": "http.request", "body": piece, "more_body": more})
    start = await served.receive_output(10)
    body = await served.receive_output(10)
    await served.wait(10)
    return start["status"], body["body"]


async def test_a_page_without_a_database_is_served():
    assert await ask(http("/healthz")) == (200, b'{"status": "alive"}')


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
async def test_a_token_is_served_in_a_thread_with_its_own_connection(transactional_desk):
    status, body = await ask(http(SESSION, authorization=f"Bearer {transactional_desk.token}"))
    assert (status, json.loads(body)["name"]) == (200, "Demo Desk")


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
async def test_a_body_that_comes_in_pieces_is_one(transactional_desk):
    wish = json.dumps({"tenant": str(transactional_desk.tenant.id)}).encode()
    headers = {
        "authorization": f"Bearer {transactional_desk.token}",
        "content_type": "application/json",
        "content_length": str(len(wish)),
        "idempotency_key": "k",
    }
    status, body = await ask(http(SESSION, "POST", **headers), wish[:5], wish[5:])
    assert (status, json.loads(body)["code"]) == (403, "not_a_member")


async def test_a_request_beyond_all_measure_is_refused_unread():
    piece = b"x" * 1_000_000
    status, _ = await ask(http(SESSION, "POST"), *[piece] * (asgi.REQUEST_BYTES_MAX // len(piece) + 2))
    assert status == 413


async def test_who_goes_before_his_request_is_whole_is_not_answered():
    served = ApplicationCommunicator(asgi.application, http(SESSION, "POST"))
    await served.send_input({"type": "http.request", "body": b"half", "more_body": True})
    await served.send_input({"type": "http.disconnect"})
    await served.wait(10)
    assert served.output_queue.empty()


async def test_the_servers_start_and_end_are_agreed_to():
    served = ApplicationCommunicator(asgi.application, {"type": "lifespan"})
    for step in ("startup", "shutdown"):
        await served.send_input({"type": f"lifespan.{step}"})
        assert await served.receive_output(10) == {"type": f"lifespan.{step}.complete"}
    await served.wait(10)


@pytest.mark.parametrize("origin", ["https://elsewhere.example", ""])
async def test_a_socket_from_another_sites_page_is_closed(origin):
    headers = [(b"host", b"localhost")] + ([(b"origin", origin.encode())] if origin else [])
    scope = {"type": "websocket", "path": "/ws/live/", "headers": headers, "query_string": b""}
    served = ApplicationCommunicator(asgi.application, scope)
    await served.send_input({"type": "websocket.connect"})
    assert (await served.receive_output(10))["type"] == "websocket.close"
    await served.wait(10)


@pytest.fixture
def transactional_desk(transactional_db, demo_desk, other_desk):
    """The demo desk, committed."""
    return demo_desk
