"""What runs on this machine, as /proc tells it: for tests that must leave nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

WAIT_TIMEOUT_S = 20.0
WAIT_POLL_S = 0.02


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = WAIT_TIMEOUT_S) -> None:
    """Return when the condition holds; fail the test, saying what never came, when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(WAIT_POLL_S)


def is_alive(pid: int) -> bool:
    """Return whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def processes_naming(mark: str) -> list[int]:
    """Return the living processes whose command line or environment holds the mark."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or not is_alive(int(folder.name)):
            continue
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in text:
            found.append(int(folder.name))
    return found
