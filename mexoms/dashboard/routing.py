"""Where sockets go; `mexoms.asgi` wraps this in the session's authentication."""

from __future__ import annotations

from django.urls import path

from mexoms.dashboard.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]
