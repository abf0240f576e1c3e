"""The one server: HTTP goes to `mexoms.wsgi` in threads, sockets stay here.

Django under pure ASGI hops threads for each middleware and opens a database
connection for each request; a thread of the pool keeps its own.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mexoms.settings")

from a2wsgi import WSGIMiddleware

from mexoms.wsgi import application as wsgi_application

#: Requests that are answered at once; each thread holds one database connection.
HTTP_THREADS_MAX = 8

http = WSGIMiddleware(wsgi_application, workers=HTTP_THREADS_MAX)  # type: ignore[arg-type]


@cache
def sockets() -> Any:
    """Return the sockets' application, built at the first socket: it needs all models to be loaded."""
    from channels.auth import AuthMiddlewareStack
    from channels.routing import URLRouter
    from channels.security.websocket import AllowedHostsOriginValidator

    from mexoms.dashboard.routing import websocket_urlpatterns

    return AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one connection."""
    if scope["type"] == "websocket":
        await sockets()(scope, receive, send)
        return
    await http(scope, receive, send)
