"""The dashboard of the running platform, in a browser: what a trader sees and does."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import DESK_SCREEN, PHONE_SCREEN, chromium, quiet_page, sign_in
from tests.mexoms.desk_walk import rows
from tests.mexoms.process_table import wait_until
from tests.platform import Platform

__all__ = ["chromium"]

pytestmark = [pytest.mark.platform, pytest.mark.browser, pytest.mark.xdist_group("platform")]

FILL_TIMEOUT_MS = 60_000


def demo_page(page: Page, platform: Platform) -> None:
    sign_in(page, platform.url, platform.demo["user"], platform.demo["password"])
    expect(page.locator("#connection")).to_have_text("Live", timeout=20_000)


def shown_fills(page: Page) -> int:
    return page.locator("#fills-rows tr").count()


@pytest.mark.parametrize("screen", [DESK_SCREEN, PHONE_SCREEN], ids=["desk", "phone"])
def test_a_new_fill_of_the_strategy_appears_by_itself(platform, chromium: Browser, screen, tmp_path):
    with quiet_page(chromium, screen) as page:
        demo_page(page, platform)
        page.wait_for_function("document.querySelectorAll('#fills-rows tr').length", timeout=FILL_TIMEOUT_MS)
        before = page.locator("#fills-rows tr").first.inner_text()
        page.wait_for_function(
            "before => document.querySelector('#fills-rows tr').innerText !== before",
            arg=before,
            timeout=FILL_TIMEOUT_MS,
        )
        assert "BTCUSDT" in page.locator("#fills-rows tr").first.inner_text()
        page.screenshot(path=tmp_path / "dashboard.png")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= screen["width"]


def test_an_order_placed_on_the_page_rests_and_is_cancelled_on_the_page(platform, chromium: Browser):
    wait_until(lambda: rows(platform, "fills"), "a price", 60.0)
    price = f"{float(rows(platform, 'fills')[0]['price']) * 0.999:.2f}"
    with quiet_page(chromium) as page:
        demo_page(page, platform)
        page.get_by_label("Instrument").last.select_option(label="BTCUSDT")
        page.get_by_label("Quantity").fill("0.002")
        page.get_by_label("Price", exact=True).last.fill(price)
        page.get_by_role("button", name="Place order").click()
        row = page.locator("#orders-rows tr", has_text="0.002")
        expect(row).to_contain_text(re.compile("open", re.IGNORECASE), timeout=20_000)
        row.get_by_role("button", name="Cancel").click()
        expect(row).to_have_count(0, timeout=20_000)


def test_a_refusal_stands_on_the_page_with_its_check_and_numbers(platform, chromium: Browser):
    wait_until(lambda: rows(platform, "fills"), "a price", 60.0)
    price = f"{float(rows(platform, 'fills')[0]['price']) * 0.999:.2f}"
    with quiet_page(chromium) as page:
        demo_page(page, platform)
        page.get_by_label("Instrument").last.select_option(label="BTCUSDT")
        page.get_by_label("Quantity").fill("8000")
        page.get_by_label("Price", exact=True).last.fill(price)
        page.get_by_role("button", name="Place order").click()
        expect(page.locator("#refusals-rows tr").first).to_contain_text("R-SIZE-QUANTITY", timeout=20_000)
