"""A headless Chromium for page tests; they are skipped where the machine has none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

PROGRAMS = ("/usr/bin/chromium", "/usr/bin/chromium-headless-shell", "chromium", "chromium-headless-shell")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
DESK_SCREEN: ViewportSize = {"width": 1440, "height": 900}
PHONE_SCREEN: ViewportSize = {"width": 390, "height": 844}


def chromium_program() -> str | None:
    """Return the path of the machine's Chromium, None where it has none."""
    return next((found for program in PROGRAMS if (found := shutil.which(program))), None)


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """Yield a browser of this test's own.

    Not shared between tests: while Playwright's synchronous interface is open,
    asynchronous tests of the same process cannot run.
    """
    program = chromium_program()
    if program is None:
        pytest.skip("no Chromium here: apt-get install --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


class Complaints(list[str]):
    """What a page complained of: errors on the console, uncaught errors, violations of its policy."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        page.on("console", lambda message: self.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.append(str(error)))


@contextmanager
def quiet_page(browser: Browser, screen: ViewportSize = DESK_SCREEN) -> Iterator[Page]:
    """Yield a page in a session of its own; fail if it complained of anything by the end."""
    context = browser.new_context(viewport=screen, reduced_motion="reduce")
    page = context.new_page()
    complaints = Complaints(page)
    yield page
    context.close()
    assert complaints == []


def sign_in(page: Page, url: str, user: str, password: str) -> None:
    """Sign in by the form and end on the desk's page."""
    page.goto(f"{url}/login/")
    page.get_by_label("User").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")
