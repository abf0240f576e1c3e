"""A simulated exchange as a real process, for tests that talk to it over sockets.

`running_simulator` is one for the whole session; a test that breaks it or needs
other options starts its own `SimulatorProcess`.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.02


class SimulatorProcess:
    """One running exchange: `url`, `ws_url`, `keys`, and the control port by `control(...)`."""

    def __init__(self, home: Path, *options: str, accounts: int = 14, seed: int = 1, port: int = 0) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self.ws_api_url = f"{self.ws_url}/ws-api/v3"
        command = [sys.executable, "-m", "venues.simulator", "--port", str(self.port), "--seed", str(seed)]
        self.command = [*command, "--accounts", str(accounts), "--home", str(home), *options]
        self.popen: subprocess.Popen[bytes] | None = None
        self.log = home / "simulator.log"

    def start(self) -> SimulatorProcess:
        """Start it and return when it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._answers():
            assert self.popen.poll() is None, f"the simulator ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"the simulator never answered:\n{self.log.read_text()}"
            time.sleep(POLL_S)
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit status."""
        assert self.popen is not None
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.popen.wait(STOP_TIMEOUT_S)

    @property
    def keys(self) -> list[dict[str, str]]:
        """Return keys.json: one entry per account with api_key, api_secret, email."""
        found: list[dict[str, str]] = json.loads((self.home / "simulator" / "keys.json").read_text())
        return found

    def control(self, path: str, body: Any = None, *, method: str = "") -> Any:
        """Return the control port's answer: GET without a body, POST with one."""
        token = (self.home / "simulator" / "control.token").read_text()
        return self.request(
            f"/control/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method or ("GET" if body is None else "POST"),
            headers={"Authorization": f"Bearer {token}"},
        )

    def get(self, path: str) -> Any:
        """Return the answer of a public endpoint."""
        return self.request(path)

    def request(
        self,
        path: str,
        *,
        data: bytes | None = None,
        method: str = "GET",
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Return the decoded answer; an error answer raises AssertionError with its text."""
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/api/v3/ping", timeout=1):
                return True
        except OSError:
            return False


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[SimulatorProcess]:
    """Give an exchange with a generated market and 14 accounts."""
    with tempfile.TemporaryDirectory(prefix="mexoms-simulator-") as folder:
        process = SimulatorProcess(Path(folder)).start()
        try:
            yield process
        finally:
            process.stop()
