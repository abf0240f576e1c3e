from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.sessions import CookieMiddleware
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from accounts.tenancy import tenant_scope
from mexoms.dashboard import consumers, live_feed
from mexoms.dashboard.routing import websocket_urlpatterns
from risk.models import KillSwitch
from tests.desks import Desk
from tests.mexoms.dashboard.browser_socket import BrowserSocket
from tests.mexoms.dashboard.conftest import Broker, until
from trading.live import group_of

pytestmark = [
    pytest.mark.services,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("quick_beats", "quick_snapshots"),
]

application = CookieMiddleware(URLRouter(websocket_urlpatterns))


@pytest.fixture
def quick_snapshots(monkeypatch) -> None:
    monkeypatch.setattr(consumers, "SNAPSHOT_INTERVAL_S", 0.05)


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def communicator_of(session: str, origin: str = "http://desk.example") -> BrowserSocket:
    headers = [(b"host", b"desk.example"), (b"cookie", f"sessionid={session}".encode())]
    if origin:
        headers.append((b"origin", origin.encode()))
    return BrowserSocket(application, "/ws/live/", headers)


@asynccontextmanager
async def watching(desk: Desk) -> AsyncIterator[BrowserSocket]:
    """Yield a browser of the desk's owner that is connected."""
    browser = communicator_of(await sync_to_async(session_of)(desk.user))
    assert await browser.connect() == 0
    yield browser
    await browser.leave()


async def next_frame(browser: BrowserSocket) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(await browser.hear())
    return frame


async def frame_with(browser: BrowserSocket, kind: str, topic: str) -> dict[str, Any]:
    """Return the next frame of that kind that says something; beats are left out."""
    while True:
        frame = await next_frame(browser)
        if (frame["type"], frame["topic"]) == (kind, topic) and frame["data"]:
            return frame


async def send(desk: Desk, rows: dict[str, list[dict]]) -> None:
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send(group_of(desk.tenant.id), {"type": "live.rows", "rows": rows})


async def quote(bid: str) -> None:
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send("live.market", {"type": "live.market", "symbol": "BTCUSDT", "bid": bid})


async def settled(browser: BrowserSocket) -> None:
    """Return when the browser has its snapshot and its feeds hear."""
    await frame_with(browser, "snapshot", "desk")
    feeds = live_feed.LiveFeed._running.values()
    await until(lambda: all(feed.channel and not feed.beats_missed for feed in feeds), "feeds joined")


async def test_a_browser_begins_with_a_snapshot_of_its_own_desk(demo_desk: Desk, other_desk: Desk):
    async with watching(demo_desk) as browser:
        desk = await next_frame(browser)
        market = await next_frame(browser)
    assert (desk["seq"], desk["type"], desk["topic"]) == (1, "snapshot", "desk")
    assert (market["seq"], market["type"], market["topic"]) == (2, "snapshot", "market")
    assert {row["id"] for row in desk["data"]["accounts"]} == {str(a.id) for a in demo_desk.accounts}
    assert set(desk["data"]) == {
        "accounts", "orders", "fills", "positions", "balances", "refusals", "kill_switches",
    }  # fmt: skip


async def test_changed_rows_follow_as_deltas_that_are_counted(demo_desk: Desk):
    async with watching(demo_desk) as browser:
        await settled(browser)
        await send(demo_desk, {"orders": [{"id": "a", "state": "open"}]})
        first = await frame_with(browser, "delta", "desk")
        await send(demo_desk, {"orders": [{"id": "a", "state": "filled"}]})
        seqs = [first["seq"]]
        while True:
            frame = await next_frame(browser)
            seqs.append(frame["seq"])
            if frame["data"] and frame["topic"] == "desk":
                break
    assert first["data"] == {"orders": [{"id": "a", "state": "open"}]}
    assert frame["data"] == {"orders": [{"id": "a", "state": "filled"}]}
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_a_burst_of_changes_is_told_in_few_frames_that_end_with_the_newest(demo_desk: Desk):
    async with watching(demo_desk) as browser:
        await settled(browser)
        for number in range(100):
            await send(demo_desk, {"orders": [{"id": "a", "version": number}]})
        versions: list[int] = []
        while not versions or versions[-1] != 99:
            frame = await frame_with(browser, "delta", "desk")
            versions.append(frame["data"]["orders"][0]["version"])
    assert len(versions) < 100
    assert versions == sorted(versions)


async def test_the_market_reaches_every_desk_and_late_comers_at_once(demo_desk: Desk, other_desk: Desk):
    async with watching(demo_desk) as first:
        await settled(first)
        await quote("61000.01")
        delta = await frame_with(first, "delta", "market")
        assert delta["data"] == {"BTCUSDT": {"symbol": "BTCUSDT", "bid": "61000.01"}}
        async with watching(other_desk) as second:
            snapshot = await frame_with(second, "snapshot", "market")
    assert snapshot["data"] == {"BTCUSDT": {"symbol": "BTCUSDT", "bid": "61000.01"}}


async def test_another_desks_rows_never_arrive(demo_desk: Desk, other_desk: Desk):
    async with watching(demo_desk) as ours, watching(other_desk) as theirs:
        await settled(ours)
        await settled(theirs)
        await send(demo_desk, {"orders": [{"id": "demo's"}]})
        await send(other_desk, {"orders": [{"id": "other's"}]})
        of_theirs = await frame_with(theirs, "delta", "desk")
        of_ours = await frame_with(ours, "delta", "desk")
        # Whatever was wrongly on its way would have come by the next row of one's own.
        await send(demo_desk, {"fills": [{"id": "demo's next"}]})
        next_of_ours = await frame_with(ours, "delta", "desk")
    assert of_theirs["data"] == {"orders": [{"id": "other's"}]}
    assert of_ours["data"] == {"orders": [{"id": "demo's"}]}
    assert next_of_ours["data"] == {"fills": [{"id": "demo's next"}]}


async def test_a_resync_is_answered_with_both_snapshots(demo_desk: Desk):
    async with watching(demo_desk) as browser:
        await settled(browser)
        await browser.say('{"type": "resync"}')
        assert (await frame_with(browser, "snapshot", "desk"))["data"]["accounts"]
        frame = await next_frame(browser)
    assert (frame["type"], frame["topic"]) == ("snapshot", "market")


@pytest.mark.parametrize(
    "text", ['{"type": "place"}', '{"type": "resync", "tenant": "x"}', "no json", "[" * 5_000, '"resync"']
)
async def test_anything_but_a_resync_ends_the_socket(demo_desk: Desk, text: str):
    async with watching(demo_desk) as browser:
        await browser.say(text)
        assert await browser.closed() == consumers.NONSENSE


async def test_quiet_hours_are_told_as_empty_frames(demo_desk: Desk):
    async with watching(demo_desk) as browser:
        await settled(browser)
        frame = await next_frame(browser)
        while frame["type"] != "delta":
            frame = await next_frame(browser)
    assert frame["data"] == {}


async def test_nobody_without_a_session_is_let_in(db):
    assert await communicator_of("").connect() == consumers.SIGNED_OUT
    assert await communicator_of("made up").connect() == consumers.SIGNED_OUT


async def test_a_person_without_a_desk_is_not_let_in(demo_desk: Desk):
    stranger = await sync_to_async(accounts.create_user)(username="stranger", password="a long password 12")
    session = await sync_to_async(session_of)(stranger)
    assert await communicator_of(session).connect() == consumers.SIGNED_OUT


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "http://desk.example:9000", "null", ""])
async def test_other_sites_pages_are_not_let_in(demo_desk: Desk, origin: str):
    session = await sync_to_async(session_of)(demo_desk.user)
    assert await communicator_of(session, origin).connect() == consumers.WRONG_ORIGIN


@pytest.mark.parametrize("how", ["signed out", "left the desk", "new password"])
async def test_who_may_no_longer_watch_is_shown_out(demo_desk: Desk, monkeypatch, how: str):
    monkeypatch.setattr(consumers, "RECHECK_INTERVAL_S", 0.05)

    def revoke() -> None:
        if how == "signed out":
            from django.contrib.sessions.models import Session

            Session.objects.all().delete()
        elif how == "left the desk":
            accounts.remove_member(tenant_id=demo_desk.tenant.id, user=demo_desk.user)
        else:
            demo_desk.user.set_password("another long password")
            demo_desk.user.save()

    async with watching(demo_desk) as browser:
        await settled(browser)
        await sync_to_async(revoke)()
        assert await browser.closed() == consumers.SIGNED_OUT


async def test_a_kill_switch_set_elsewhere_is_seen(demo_desk: Desk, monkeypatch):
    monkeypatch.setattr(consumers, "SWITCH_INTERVAL_S", 0.05)

    def halt() -> None:
        with tenant_scope(demo_desk.tenant.id):
            KillSwitch.new(
                scope="tenant", slot=demo_desk.tenant.slot, state="HALTED", reason="because",
                set_by="somebody", changed_at=timezone.now(),
            ).save()  # fmt: skip

    async with watching(demo_desk) as browser:
        await settled(browser)
        await sync_to_async(halt)()
        frame = await frame_with(browser, "delta", "desk")
    (switch,) = frame["data"]["kill_switches"]
    assert (switch["scope"], switch["state"], switch["reason"]) == ("tenant", "HALTED", "because")


async def test_the_socket_outlives_the_broker_and_catches_up_by_itself(demo_desk: Desk, broker: Broker):
    async with watching(demo_desk) as browser:
        await settled(browser)
        feeds = list(live_feed.LiveFeed._running.values())
        broker.stop()
        await until(lambda: all(feed.away for feed in feeds), "the loss is noticed")
        while not browser.output_queue.empty():
            browser.output_queue.get_nowait()
        # Silence is what makes the page say that it is stale.
        assert await browser.receive_nothing(timeout=0.5, interval=0.05)
        broker.start()
        assert (await frame_with(browser, "snapshot", "desk"))["data"]["accounts"]
        await send(demo_desk, {"orders": [{"id": "after"}]})
        assert (await frame_with(browser, "delta", "desk"))["data"] == {"orders": [{"id": "after"}]}


async def test_nothing_is_left_running_when_the_browser_has_gone(demo_desk: Desk):
    before = asyncio.all_tasks()
    async with watching(demo_desk) as browser:
        await settled(browser)
    await until(lambda: not live_feed.LiveFeed._running, "feeds ended")
    left = {task for task in asyncio.all_tasks() - before if "channels_redis" not in repr(task)}
    assert left == set()
