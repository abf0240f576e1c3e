"""The one server: HTTP goes to `mexoms.wsgi` in threads, sockets stay here.

Django under pure ASGI hops threads for each middleware and opens a database
connection for each request. Here a request hops once, with its whole body, and
comes back with its whole answer; a thread of the pool keeps its connection.
"""

from __future__ import annotations

import asyncio
import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mexoms.settings")

from a2wsgi.wsgi import build_environ

from mexoms.wsgi import application as wsgi_application

#: Requests that are answered at once; each thread holds one database connection.
HTTP_THREADS_MAX = 8
#: Above what Django takes (DATA_UPLOAD_MAX_MEMORY_SIZE), so that Django words the refusal of most.
REQUEST_BYTES_MAX = 4_000_000

threads = ThreadPoolExecutor(HTTP_THREADS_MAX, thread_name_prefix="http")
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


@cache
def sockets() -> Any:
    """Return the sockets' application, built at the first socket: it needs all models to be loaded."""
    from channels.auth import AuthMiddlewareStack
    from channels.routing import URLRouter
    from channels.security.websocket import AllowedHostsOriginValidator

    from mexoms.dashboard.routing import websocket_urlpatterns

    return AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one connection, or the server's own start and end."""
    if scope["type"] == "websocket":
        await sockets()(scope, receive, send)
    elif scope["type"] == "http":
        await serve_http(scope, receive, send)
    else:
        await serve_lifespan(receive, send)


async def serve_http(scope: Any, receive: Any, send: Any) -> None:
    """Answer one request by Django, in a thread."""
    body = await read_body(receive)
    if body is None:
        return
    if len(body) > REQUEST_BYTES_MAX:
        status, headers, content = 413, [(b"connection", b"close")], b""
    else:
        environ = build_environ(scope, io.BytesIO(body))  # type: ignore[arg-type]
        loop = asyncio.get_running_loop()
        status, headers, content = await loop.run_in_executor(threads, call_django, environ)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def read_body(receive: Any) -> bytes | None:
    """Return the request's body, or a little more than the limit of a larger one; None from who has gone."""
    chunks, size, more = [], 0, True
    while more and size <= REQUEST_BYTES_MAX:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
    return b"".join(chunks)


def call_django(environ: Any) -> Answer:
    """Return the whole answer; runs in a thread of the pool."""
    told: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        told[:] = status, headers

    response = wsgi_application(environ, start_response)
    try:
        content = b"".join(response)
    finally:
        response.close()
    status, headers = told
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return int(status.split(" ", 1)[0]), encoded, content


async def serve_lifespan(receive: Any, send: Any) -> None:
    """Agree to the server's start and end."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
