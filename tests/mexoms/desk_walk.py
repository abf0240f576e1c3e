"""Walks over a running platform as its users do: collections, orders, the live socket."""

from __future__ import annotations

import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.platform import Platform

COLLECTIONS = ("accounts", "orders", "fills", "positions", "balances", "limits", "kill-switches")
PAGES_MAX = 5


def rows(platform: Platform, collection: str, *, token: str = "", query: str = "") -> list[dict[str, Any]]:
    """Return the newest rows of a collection, up to PAGES_MAX pages."""
    found: list[dict[str, Any]] = []
    path = f"/api/v1/{collection}/{query}"
    for _ in range(PAGES_MAX):
        status, answer = platform.api(path, token=token)
        assert status == 200, answer
        found.extend(answer["results"])
        if not answer["next"]:
            break
        parts = urllib.parse.urlsplit(answer["next"])
        path = f"{parts.path}?{parts.query}"
    return found


def log_in(platform: Platform, user: str, password: str) -> str:
    """Return the cookie header of a session made through the login page."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = opener.open(f"{platform.url}/login/", timeout=10).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None, page
    form = urllib.parse.urlencode(
        {"username": user, "password": password, "csrfmiddlewaretoken": token[1]}
    ).encode()
    headers = {"Referer": f"{platform.url}/login/"}
    opener.open(urllib.request.Request(f"{platform.url}/login/", form, headers), timeout=10)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
    assert "sessionid" in cookies, "the login was refused"
    return cookies


def live_socket(platform: Platform, cookies: str) -> ClientConnection:
    """Open the live socket as the page does."""
    return connect(
        f"ws://127.0.0.1:{platform.port}/ws/live/",
        origin=Origin(platform.url),
        additional_headers={"Cookie": cookies},
        open_timeout=10,
    )


def frames(socket: ClientConnection, timeout_s: float) -> Iterator[dict[str, Any]]:
    """Yield frames; ends with TimeoutError when none comes for that long."""
    while True:
        yield json.loads(socket.recv(timeout=timeout_s))


def page(platform: Platform, path: str, cookies: str) -> tuple[int, str]:
    """Return status and text of a page."""
    request = urllib.request.Request(f"{platform.url}{path}", headers={"Cookie": cookies})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
