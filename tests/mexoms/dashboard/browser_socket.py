"""A browser's end of a socket, in process: channels' own tester needs a server that we do not use."""

from __future__ import annotations

from typing import Any

from asgiref.testing import ApplicationCommunicator

TIMEOUT_S = 5.0


class BrowserSocket(ApplicationCommunicator):
    """Talks to an ASGI application as a browser's WebSocket does."""

    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": b"",
            "headers": headers,
            "subprotocols": [],
        }
        super().__init__(application, scope)

    async def connect(self) -> int:
        """Return 0 when let in, else the code of the refusal."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(TIMEOUT_S)
        return 0 if answer["type"] == "websocket.accept" else int(answer["code"])

    async def say(self, text: str) -> None:
        """Send a text message."""
        await self.send_input({"type": "websocket.receive", "text": text})

    async def hear(self) -> str:
        """Return the next text message; fail when the socket is closed instead."""
        message = await self.receive_output(TIMEOUT_S)
        assert message["type"] == "websocket.send", message
        return str(message["text"])

    async def closed(self) -> int:
        """Return the code with which the socket is closed, past all messages before it."""
        while (message := await self.receive_output(TIMEOUT_S))["type"] == "websocket.send":
            pass
        return int(message["code"])

    async def leave(self) -> None:
        """Go away as a closed tab does."""
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(TIMEOUT_S)
