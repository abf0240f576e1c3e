"""The whole platform as real processes, on a home and ports of its own.

Tests marked `platform` take the session's `platform`; those that break it on
purpose start their own `Platform`. `benchmarks` uses the class, too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mexoms.supervisor.child import LIBC, PR_SET_PDEATHSIG
from tests.mexoms.process_table import wait_until

ROOT = Path(__file__).resolve().parents[1]
READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0


class Platform:
    """One running platform; its home is removed with it."""

    def __init__(self, home: Path, *, services: bool = False, **environment: str) -> None:
        self.home = home
        self.port, self.simulator_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        self.simulator_url = f"http://127.0.0.1:{self.simulator_port}"
        self.environment = {
            # Without the machine's own servers, unless the test is about them.
            **{k: v for k, v in os.environ.items() if services or k not in {"DATABASE_URL", "REDIS_URL"}},
            "MEXOMS_HOME": str(home),
            "MEXOMS_PORT": str(self.port),
            "MEXOMS_SIM_PORT": str(self.simulator_port),
            **environment,
        }
        self.popen: subprocess.Popen[bytes] | None = None
        self._log = Path(tempfile.mkstemp(prefix="mexoms-platform-", suffix=".log")[1])

    def start(self, *options: str, command: tuple[str, ...] = ()) -> None:
        """Start the supervisor with the options, or the given command (such as `make run`)."""
        command = command or (sys.executable, "-m", "mexoms.supervisor", *options)
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A test run that is killed takes its platforms with it.
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM)),
            )

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when the supervisor says so; fail with its output when it gives up."""

        def ready() -> bool:
            assert self.popen is not None
            assert self.popen.poll() is None, f"the platform ended:\n{self.output()}"
            return "mExOms is ready" in self.output()

        try:
            wait_until(ready, "the platform", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()[-6000:]}") from None

    def output(self) -> str:
        """Return what the platform has printed since it was started."""
        return self._log.read_text(errors="replace")

    def pid(self, name: str) -> int:
        """Return the id under which the process was last started; 0 before its first start."""
        started = re.findall(rf"^{name} +\| started as process (\d+)$", self.output(), re.MULTILINE)
        return int(started[-1]) if started else 0

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal one of the platform's processes and return its id."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def wait_restarted(self, name: str, before: int) -> None:
        """Return when the process that was `before` has a successor."""
        wait_until(lambda: self.pid(name) not in {0, before}, f"another {name}", 60.0)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the platform and return its exit status."""
        assert self.popen is not None
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        try:
            return self.popen.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise AssertionError(f"did not end in {STOP_TIMEOUT_S} s:\n{self.output()[-3000:]}") from None

    def remove(self) -> None:
        """Stop it if it runs, and delete all that it left."""
        try:
            if self.popen is not None:
                self.stop()
        finally:
            shutil.rmtree(self.home, ignore_errors=True)
            self._log.unlink(missing_ok=True)

    @property
    def demo(self) -> dict[str, Any]:
        """Return demo.json: url, user, password, token, tenant; the other desk's under `other`."""
        return dict(json.loads((self.home / "demo.json").read_text()))

    def api(
        self, path: str, *, token: str = "", method: str = "GET", body: Any = None, key: str = ""
    ) -> tuple[int, Any]:
        """Return status and answer of an API call, by the demo desk's token unless another is given."""
        headers = {
            "Authorization": f"Bearer {token or self.demo['token']}",
            "Content-Type": "application/json",
        }
        if key:
            headers["Idempotency-Key"] = key
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def new_home() -> Path:
    """Return an empty home with a path short enough for Unix sockets."""
    return Path(tempfile.mkdtemp(prefix="mx-"))


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """Yield the platform that the session's tests share; they leave it as they found it."""
    shared = Platform(new_home())
    try:
        shared.start()
        shared.wait_ready()
        yield shared
    finally:
        shared.remove()
