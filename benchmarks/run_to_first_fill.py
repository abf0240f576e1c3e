"""How long a desk waits: `make run`, second start, until a fill of this run stands on the dashboard."""

from __future__ import annotations

import json
import statistics
import time
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.platform import Platform, new_home

ID = "run_to_first_fill"
STARTS = 3
GOAL_S = 10.0
TIMEOUT_S = 120.0
POLL_S = 0.05


def measure() -> dict[str, Any]:
    """Start the platform once to set it up, then STARTS times against the clock."""
    platform = Platform(new_home())
    try:
        platform.start(command=("make", "run"))
        platform.wait_ready()
        wait_for_fill(platform, since=datetime.fromtimestamp(0, UTC))
        platform.stop()
        taken = [one_start(platform) for _ in range(STARTS)]
    finally:
        platform.remove()
    median = statistics.median(taken)
    return {
        "id": ID,
        "what": "`make run`, second start, to the first fill on the dashboard",
        "unit": "s",
        "median": round(median, 2),
        "p99": round(max(taken), 2),
        "n": STARTS,
        "reference": None,
        "goal": f"<= {GOAL_S:g}",
        "met": median <= GOAL_S,
    }


def one_start(platform: Platform) -> float:
    """Return the seconds from `make run` to the first fill that was executed after it."""
    since, started = datetime.now(UTC), time.monotonic()
    platform.start(command=("make", "run"))
    wait_for_fill(platform, since)
    taken = time.monotonic() - started
    platform.wait_ready()
    platform.stop()
    return taken


def wait_for_fill(platform: Platform, since: datetime) -> None:
    """Return when the live socket has shown a fill executed after the given time."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if fill_shown(platform, since, deadline):
                return
        except (OSError, WebSocketException):
            time.sleep(POLL_S)
    raise TimeoutError(f"no fill on the dashboard within {TIMEOUT_S:g} s:\n{platform.output()[-3000:]}")


def fill_shown(platform: Platform, since: datetime, deadline: float) -> bool:
    """Log in, follow the live socket as the page does, and return whether the fill came."""
    cookies = log_in(platform)
    with connect(
        f"ws://127.0.0.1:{platform.port}/ws/live/",
        origin=Origin(platform.url),
        additional_headers={"Cookie": cookies},
        max_size=None,
    ) as live:
        while time.monotonic() < deadline:
            frame = json.loads(live.recv(timeout=deadline - time.monotonic()))
            rows = frame["data"].get("fills", []) if frame.get("topic") == "desk" else []
            if any(datetime.fromisoformat(row["executed_at"]) > since for row in rows):
                return True
    return False


def log_in(platform: Platform) -> str:
    """Return the session's cookies after the login form; OSError while there is no such page yet."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = f"{platform.url}/login/"
    opener.open(page, timeout=5).close()
    token = next((cookie.value for cookie in jar if cookie.name == "csrftoken"), "") or ""
    demo = platform.demo
    form = {"username": demo["user"], "password": demo["password"], "csrfmiddlewaretoken": token}
    request = urllib.request.Request(
        page, data=urllib.parse.urlencode(form).encode(), headers={"Origin": platform.url, "Referer": page}
    )
    opener.open(request, timeout=5).close()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
