from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from accounts.tenancy import tenant_scope
from mexoms.dashboard.live_feed import MARKET_GROUP
from risk.models import KillSwitch
from tests.browser import PHONE_SCREEN, chromium, quiet_page, sign_in
from tests.desks import PASSWORD, Desk
from tests.mexoms.dashboard import rows
from tests.mexoms.dashboard.page_server import PageServer
from trading import live, selectors
from trading.broadcast import tell
from trading.live import group_of
from trading.models import Command, Order

__all__ = ["chromium"]

pytestmark = [
    pytest.mark.services,
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def server(demo_desk: Desk, other_desk: Desk) -> Iterator[PageServer]:
    """Yield the running web process; the desks and an instrument are there before it."""
    rows.make_instrument()
    from mexoms.asgi import application

    server = PageServer(application)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def page(server: PageServer, demo_desk: Desk, chromium: Browser) -> Iterator[Page]:
    """Yield the demo desk's page, signed in and live."""
    with quiet_page(chromium) as page:
        sign_in(page, server.url, demo_desk.user.username, PASSWORD)
        expect(page.locator("#connection")).to_have_text("Live")
        yield page


def push(desk: Desk, **tables: list[dict]) -> None:
    """Tell the desk's dashboards of rows, as the projector does."""
    tell(group_of(desk.tenant.id), {"type": "live.rows", "rows": tables})


def row_of(desk: Desk, order: Order) -> dict:
    """Return the order as the live socket tells it."""
    with tenant_scope(desk.tenant.id):
        return live.order_row(selectors.orders().get(id=order.id))


def quote(last: str = "61000.02") -> None:
    """Tell all dashboards of the market, as an engine does."""
    levels = [[f"{61000 - level}.01", "1.5"] for level in range(10)]
    market = {
        "type": "live.market", "symbol": "BTCUSDT", "venue": "binance_spot", "bid": "61000.01",
        "bid_quantity": "1.5", "ask": "61000.02", "ask_quantity": "2", "bids": levels,
        "asks": [[f"{61000 + level}.02", "2"] for level in range(10)], "last": last,
        "time": "2026-01-02T03:04:05.678Z",
    }  # fmt: skip
    tell(MARKET_GROUP, market)


def order_rows(page: Page):
    return page.locator("#orders-rows tr")


def test_the_desk_needs_a_login_and_a_wrong_password_is_told(
    server: PageServer, demo_desk: Desk, chromium: Browser
):
    with quiet_page(chromium) as page:
        page.goto(server.url)
        assert page.url.startswith(f"{server.url}/login/")
        page.get_by_label("User").fill(demo_desk.user.username)
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Demo Desk")


def test_the_tiles_show_the_desks_own_accounts_and_what_they_hold(
    server: PageServer, demo_desk: Desk, other_desk: Desk, chromium: Browser
):
    server.do(rows.make_holdings, demo_desk, demo_desk.main)
    with quiet_page(chromium) as page:
        sign_in(page, server.url, demo_desk.user.username, PASSWORD)
        tiles = page.locator("#accounts .tile")
        expect(tiles).to_have_count(3)
        main = tiles.filter(has_text="demo main")
        expect(main).to_contain_text("ready")
        expect(main).to_contain_text("1,043,210.5512 USDT")
        expect(main).to_contain_text("-0.0125")
        expect(tiles.filter(has_text="demo sub")).to_contain_text("incomplete")
        expect(page.locator("#engine")).to_have_text("Engine 1/3 ready")
        expect(page.locator("body")).not_to_contain_text("other main")
        expect(page.locator("#positions-rows tr")).to_have_count(1)


def test_a_pushed_order_appears_and_leaves_when_it_is_filled(page: Page, server: PageServer, demo_desk: Desk):
    expect(page.locator("#orders-empty")).to_be_visible()
    order = server.do(rows.make_order, demo_desk, demo_desk.main)
    row = server.do(row_of, demo_desk, order)
    server.do(lambda: push(demo_desk, orders=[row]))
    expect(order_rows(page)).to_have_count(1)
    expect(order_rows(page)).to_contain_text("61,000.01")
    server.do(lambda: push(demo_desk, orders=[{**row, "state": "filled"}]))
    expect(order_rows(page)).to_have_count(0)


def test_fills_are_listed_and_another_desks_never(
    page: Page, server: PageServer, demo_desk: Desk, other_desk: Desk
):
    def fill_of(desk: Desk) -> dict:
        fill = rows.make_fill(desk, rows.make_order(desk, desk.main, state="filled"))
        with tenant_scope(desk.tenant.id):
            return live.fill_row(selectors.fills().get(id=fill.id))

    theirs, ours = server.do(fill_of, other_desk), server.do(fill_of, demo_desk)
    server.do(lambda: push(other_desk, fills=[theirs]))
    server.do(lambda: push(demo_desk, fills=[ours]))
    expect(page.locator("#fills-rows tr")).to_have_count(1)
    expect(page.locator("#fills-rows")).to_contain_text("0.7625 USDT")
    expect(page.locator("body")).not_to_contain_text("other main")


def test_cancel_reaches_the_engines_commands(page: Page, server: PageServer, demo_desk: Desk):
    order = server.do(rows.make_order, demo_desk, demo_desk.main)
    row = server.do(row_of, demo_desk, order)
    server.do(lambda: push(demo_desk, orders=[row]))
    page.get_by_role("button", name=re.compile("Cancel BUY 0.0125 BTCUSDT")).press("Enter")
    expect(page.locator("#answer")).to_contain_text("on its way")

    def cancels() -> list[str]:
        with tenant_scope(demo_desk.tenant.id):
            return list(Command.objects.filter(kind="cancel").values_list("client_order_id", flat=True))

    assert server.do(cancels) == [order.client_order_id]


def test_a_refusal_is_shown_with_code_reason_and_numbers(page: Page, server: PageServer, demo_desk: Desk):
    numbers = {
        "scope": "account", "unit": "lots", "limit": 1000000, "current": 5, "reserved": 0,
        "requested": 1250, "would_be": 1001255, "limits_version": 3,
    }  # fmt: skip
    order = server.do(
        lambda: rows.make_order(
            demo_desk, demo_desk.main, state="refused", code="R-POSITION", refusal=numbers,
            text="<b>position</b> over its limit",
        )
    )  # fmt: skip
    row = server.do(row_of, demo_desk, order)
    server.do(lambda: push(demo_desk, orders=[row], refusals=[row]))
    refusal = page.locator("#refusals-rows tr")
    expect(refusal).to_have_count(1)
    expect(refusal).to_contain_text("R-POSITION")
    # As text: what an exchange or a strategy says can never become part of the page.
    expect(refusal).to_contain_text("<b>position</b> over its limit")
    expect(refusal).to_contain_text("would be 1,001,255, limit 1,000,000 lots")
    expect(order_rows(page)).to_have_count(0)


def test_a_placed_order_waits_for_the_engine_and_says_why_it_was_refused(
    page: Page, server: PageServer, demo_desk: Desk
):
    page.get_by_label("Account", exact=True).select_option("demo main")
    page.get_by_label("Quantity").fill("0.001")
    page.get_by_role("textbox", name="Price").fill("61000.01")
    page.get_by_role("button", name="Place order").click()
    expect(page.locator("#ticket-answer")).to_contain_text("Waiting for the engine")

    def refuse() -> None:
        with tenant_scope(demo_desk.tenant.id):
            command = Command.objects.get(kind="place")
        rows.make_order(
            demo_desk, demo_desk.main, id=command.id, state="refused", code="R-COLLAR", text="price too far"
        )

    server.do(refuse)
    expect(page.locator("#ticket-answer")).to_contain_text("R-COLLAR price too far")


def test_the_kill_switch_asks_halts_shows_and_releases(page: Page, server: PageServer, demo_desk: Desk):
    def state() -> str:
        with tenant_scope(demo_desk.tenant.id):
            return str(KillSwitch.objects.get(scope="tenant").state)

    page.get_by_role("button", name="Kill switch").press("Enter")
    page.get_by_role("button", name="Keep trading").click()
    expect(page.locator("#halted")).to_be_hidden()
    page.get_by_role("button", name="Kill switch").click()
    page.get_by_role("textbox", name="Reason").fill("runaway <i>quotes</i>")
    page.get_by_role("button", name="Halt now").click()
    banner = page.locator("#halted")
    expect(banner).to_contain_text("HALTED")
    expect(banner).to_contain_text("runaway <i>quotes</i>")
    expect(page.locator("#accounts .tile").first).to_contain_text("halted")
    assert server.do(state) == "HALTED"
    page.get_by_role("button", name="Release").click()
    page.get_by_role("textbox", name="Reason").fill("found it")
    page.get_by_role("dialog").get_by_role("button", name="Release").click()
    expect(banner).to_be_hidden()
    assert server.do(state) == "ACTIVE"


def test_an_answer_that_is_not_the_desks_never_becomes_part_of_the_page(page: Page, server: PageServer):
    page.route("**/desk/cancel-all/", lambda route: route.fulfill(status=200, body="<h1>somebody else</h1>"))
    page.get_by_role("button", name="Cancel all").click()
    page.get_by_role("button", name="Cancel them").click()
    expect(page.locator("#answer")).to_contain_text("not known whether this was done")
    expect(page.locator("#answer h1")).to_have_count(0)


def test_a_choice_of_account_narrows_the_tables(page: Page, server: PageServer, demo_desk: Desk):
    main, _, sub = demo_desk.accounts
    placed = [server.do(rows.make_order, demo_desk, account) for account in (main, sub)]
    both = [server.do(row_of, demo_desk, order) for order in placed]
    server.do(lambda: push(demo_desk, orders=both))
    expect(order_rows(page)).to_have_count(2)
    page.locator("#accounts .tile", has_text="demo sub").press("Enter")
    expect(order_rows(page)).to_have_count(1)
    expect(order_rows(page)).to_contain_text("demo sub")
    page.get_by_role("button", name="Show all accounts").click()
    expect(order_rows(page)).to_have_count(2)


class Wire:
    """Stands between page and server: passes frames on, swallows them, or cuts the line."""

    def __init__(self, page: Page) -> None:
        self.asked: list[str] = []
        self.sockets: list[WebSocketRoute] = []
        self.swallow = 0
        page.route_web_socket("**/ws/live/", self.join)

    def join(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        upstream = socket.connect_to_server()

        def to_page(text: str | bytes) -> None:
            self.swallow -= 1
            if self.swallow < 0:
                socket.send(text)

        def to_server(text: str | bytes) -> None:
            self.asked.append(str(text))
            upstream.send(text)

        upstream.on_message(to_page)
        socket.on_message(to_server)


def test_a_gap_in_the_frames_is_answered_by_asking_again(
    server: PageServer, demo_desk: Desk, chromium: Browser
):
    with quiet_page(chromium) as page:
        wire = Wire(page)
        sign_in(page, server.url, demo_desk.user.username, PASSWORD)
        expect(page.locator("#connection")).to_have_text("Live")
        order = server.do(rows.make_order, demo_desk, demo_desk.main)
        wire.swallow = 1
        wait_for(page, lambda: wire.asked == ['{"type":"resync"}'])
        expect(order_rows(page)).to_have_attribute("data-id", str(order.id))
        expect(page.locator("#connection")).to_have_text("Live")


def test_silence_shows_as_stale_and_a_cut_line_is_made_anew(
    server: PageServer, demo_desk: Desk, chromium: Browser
):
    with quiet_page(chromium) as page:
        wire = Wire(page)
        sign_in(page, server.url, demo_desk.user.username, PASSWORD)
        badge = page.locator("#connection")
        expect(badge).to_have_text("Live")
        wire.swallow = 1_000_000
        expect(badge).to_have_text("Stale")
        wire.swallow = 0
        expect(badge).to_have_text("Live")
        wire.sockets[-1].close(code=1001)
        expect(badge).to_have_text("Disconnected")
        expect(badge).to_have_text("Live")
        assert len(wire.sockets) == 2


def test_who_is_shown_out_ends_at_the_login(server: PageServer, demo_desk: Desk, chromium: Browser):
    with quiet_page(chromium) as page:
        wire = Wire(page)
        sign_in(page, server.url, demo_desk.user.username, PASSWORD)
        expect(page.locator("#connection")).to_have_text("Live")
        server.do(lambda: Session.objects.all().delete())
        wire.sockets[-1].close(code=1001)
        page.wait_for_url(f"{server.url}/login/**")


def test_the_book_the_price_and_the_chart_follow_the_market(page: Page, server: PageServer):
    server.do(quote)
    expect(page.locator("#last-price")).to_have_text("61,000.02")
    expect(page.locator("#asks tr").last).to_contain_text("61,000.02")
    expect(page.locator("#bids tr").first).to_contain_text("61,000.01")
    expect(page.locator("#spread")).to_have_text("0.01")
    expect(page.locator("#chart canvas").first).to_be_visible()
    expect(page.locator("#market")).to_have_text("Market live")


def test_a_viewer_sees_no_ticket_no_cancel_and_no_kill_switch(
    server: PageServer, demo_desk: Desk, chromium: Browser
):
    viewer = server.do(demo_desk.member, "viewer")
    order = server.do(rows.make_order, demo_desk, demo_desk.main)
    with quiet_page(chromium) as page:
        sign_in(page, server.url, viewer.username, PASSWORD)
        expect(order_rows(page)).to_have_count(1)
        expect(page.get_by_role("button", name=re.compile("Cancel|Kill|Place"))).to_have_count(0)
    client = Client()
    server.do(client.force_login, viewer)
    answer = server.do(client.post, f"/desk/orders/{order.id}/cancel/")
    assert answer.status_code == 403
    assert b"scope_missing" in answer.content


def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    server: PageServer, demo_desk: Desk, chromium: Browser
):
    server.do(rows.make_holdings, demo_desk, demo_desk.main)
    server.do(rows.make_order, demo_desk, demo_desk.main)
    with quiet_page(chromium, PHONE_SCREEN) as page:
        sign_in(page, server.url, demo_desk.user.username, PASSWORD)
        expect(order_rows(page)).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE_SCREEN["width"]


def test_amounts_are_grouped_as_text_and_never_rounded(page: Page):
    said = page.evaluate(
        """async () => {
            const { grouped, shortened } = await import("/static/dashboard/amounts.js");
            return [
                grouped("12345678901234567890.123456789012345678"), grouped("-1234.5"), grouped("0"),
                grouped(null), grouped("999"), shortened("1.99999", 2), shortened("1000", 2),
            ];
        }"""
    )
    assert said == [
        "12,345,678,901,234,567,890.123456789012345678",
        "-1,234.5",
        "0",
        "",
        "999",
        "1.99",
        "1,000",
    ]


def wait_for(page: Page, condition: Callable[[], bool]) -> None:
    """Return once the condition holds, letting the page's messages through meanwhile."""
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(50)
    assert condition()
