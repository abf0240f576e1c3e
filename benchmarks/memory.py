"""The whole platform's memory with 200 accounts, shared pages counted once (PSS)."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any

from tests.platform import Platform, new_home

ID = "memory"
ACCOUNTS = 200
# How long it trades before it is weighed: the goal speaks of an hour, a usual run has a minute.
SETTLE_S = float(os.environ.get("MEXOMS_BENCH_MEMORY_S", "60"))
SAMPLES = 5
SAMPLE_EVERY_S = 1.0
GOAL_MB = 1024


def measure() -> dict[str, Any]:
    """Start the platform, let it trade, and add up what its processes weigh."""
    platform = Platform(new_home())
    try:
        platform.start("--accounts", str(ACCOUNTS))
        platform.wait_ready()
        time.sleep(SETTLE_S)
        assert platform.popen is not None
        samples = []
        for _ in range(SAMPLES):
            samples.append(weigh(platform.popen.pid))
            time.sleep(SAMPLE_EVERY_S)
    finally:
        platform.remove()
    totals = [sum(sample.values()) for sample in samples]
    median = statistics.median(totals)
    return {
        "id": ID,
        "what": f"whole platform, {ACCOUNTS} accounts, after {SETTLE_S:g} s, sum of PSS",
        "unit": "MB",
        "median": round(median, 1),
        "p99": round(max(totals), 1),
        "n": SAMPLES,
        "reference": None,
        "goal": f"<= {GOAL_MB}",
        "met": median <= GOAL_MB,
        "by_process": {name: round(size, 1) for name, size in samples[-1].items()},
    }


def weigh(root: int) -> dict[str, float]:
    """Return PSS in MB by command, of the process and all its descendants."""
    sizes: dict[str, float] = {}
    for pid in family(root):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        size = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        name = short_name(command)
        sizes[name] = sizes.get(name, 0.0) + size / 1024
    return sizes


def family(root: int) -> list[int]:
    """Return the process and everything below it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def short_name(command: str) -> str:
    """Return the word of a command line that tells our processes apart."""
    known = ("simulator", "engine", "projector", "uvicorn", "worker", "beat", "valkey", "supervisor")
    for word in known:
        if word in command:
            return word
    return "postgres" if "postgres" in command else command[:40]
