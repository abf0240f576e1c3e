"""The web process on a port of its own, in a thread of the test: same settings, same database."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import uvicorn
from django.db import connections

START_TIMEOUT_S = 20.0
Result = TypeVar("Result")


class PageServer:
    """Serves `mexoms.asgi`, and does the test's database work where no browser's loop runs."""

    def __init__(self, application: Any) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(application, log_level="warning", ws="websockets-sansio", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="test-rows")

    def start(self) -> None:
        """Start and wait until it listens."""
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            assert time.monotonic() < deadline, "the page server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it with all its connections."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self.do(connections.close_all)
        self._pool.shutdown()

    def do(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Do the work in the test's own thread for rows and return its result."""
        return self._pool.submit(work, *arguments).result()
