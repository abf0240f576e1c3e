from __future__ import annotations

import asyncio

import pytest
from channels.layers import get_channel_layer

from mexoms.dashboard import live_feed
from mexoms.dashboard.live_feed import BEAT, LiveFeed
from tests.mexoms.dashboard.conftest import Broker, until

pytestmark = pytest.mark.usefixtures("quick_beats")


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.beats = 0
        self.returns = 0

    def hear(self, message: dict) -> None:
        if message == BEAT:
            self.beats += 1
        else:
            self.messages.append(message)

    def returned(self) -> None:
        self.returns += 1


async def send(group: str, number: int) -> None:
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send(group, {"type": "live.rows", "rows": {"orders": [{"id": str(number)}]}})


def numbers(ear: Ear) -> list[str]:
    return [row["id"] for message in ear.messages for row in message["rows"]["orders"]]


async def listen(group: str) -> tuple[Ear, LiveFeed]:
    ear = Ear()
    feed = LiveFeed.add(ear, group)
    await until(lambda: ear.beats > 0, "the feed is joined")
    return ear, feed


async def test_a_feed_hears_its_own_group_and_no_other(broker: Broker):
    ours, feed = await listen("live.tenant.ours")
    theirs, other_feed = await listen("live.tenant.theirs")
    await send("live.tenant.ours", 1)
    await send("live.tenant.theirs", 2)
    await until(lambda: bool(ours.messages and theirs.messages), "both heard something")
    assert (numbers(ours), numbers(theirs)) == (["1"], ["2"])
    await feed.remove(ours)
    await other_feed.remove(theirs)


async def test_browsers_of_one_tenant_share_one_subscription(broker: Broker):
    first, feed = await listen("live.tenant.ours")
    second, same_feed = await listen("live.tenant.ours")
    assert same_feed is feed
    await feed.remove(first)
    await send("live.tenant.ours", 1)
    await until(lambda: bool(second.messages), "the second still hears")
    assert numbers(first) == []
    await feed.remove(second)


async def test_the_last_browser_ends_the_subscription_and_the_next_one_begins_anew(broker: Broker):
    ear, feed = await listen("live.tenant.ours")
    await feed.remove(ear)
    assert feed.channel == ""
    again, new_feed = await listen("live.tenant.ours")
    assert new_feed is not feed
    await new_feed.remove(again)


async def test_a_feed_survives_a_broker_that_goes_away_and_says_when_it_is_whole_again(broker: Broker):
    ear, feed = await listen("live.tenant.ours")
    broker.stop()
    await until(lambda: feed.away, "the loss is noticed")
    # On a busy machine a slow answer may have passed for a loss and a return before.
    before = ear.returns
    broker.start()
    await until(lambda: ear.returns > before, "the return is told")
    await send("live.tenant.ours", 1)
    await until(lambda: bool(ear.messages), "rows arrive again")
    assert numbers(ear) == ["1"]
    await feed.remove(ear)


async def test_a_browser_that_comes_while_the_broker_is_away_is_served_on_its_return(broker: Broker):
    broker.stop()
    ear = Ear()
    feed = LiveFeed.add(ear, "live.tenant.ours")
    await until(lambda: feed.away, "the loss is noticed")
    broker.start()
    await until(lambda: ear.returns == 1, "the return is told")
    await send("live.tenant.ours", 1)
    await until(lambda: bool(ear.messages), "rows arrive")
    await feed.remove(ear)


async def test_a_subscription_that_the_broker_forgot_is_made_anew(broker: Broker):
    ear, feed = await listen("live.tenant.ours")
    forgotten = feed.channel
    # The broker lives and takes messages, but nothing reaches us any more.
    feed.layer.channels.pop(forgotten)
    await until(lambda: ear.returns == 1, "the feed subscribed anew")
    assert feed.channel != forgotten
    await send("live.tenant.ours", 1)
    await until(lambda: bool(ear.messages), "rows arrive again")
    await feed.remove(ear)


async def test_the_last_market_of_each_symbol_is_kept_and_their_number_is_bounded(
    broker: Broker, monkeypatch
):
    monkeypatch.setattr(live_feed, "MARKET_SYMBOLS_MAX", 2)
    ear, feed = await listen(live_feed.MARKET_GROUP)
    for symbol, bid in (("A", "1"), ("B", "2"), ("C", "3"), ("A", "4")):
        await feed.layer.group_send(feed.group, {"type": "live.market", "symbol": symbol, "bid": bid})
    await until(lambda: len(ear.messages) == 4, "all arrived")
    assert {symbol: row["bid"] for symbol, row in feed.last.items()} == {"A": "4", "B": "2"}
    await feed.remove(ear)
    await asyncio.sleep(0)
