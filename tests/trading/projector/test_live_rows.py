from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from channels.layers import get_channel_layer

from accounts.tenancy import tenant_scope
from tests.trading.desks import list_btcusdt, owners_of
from tests.trading.projector.journal_story import day
from tests.trading.valkey_server import ValkeyServer, running_valkey
from trading import selectors
from trading.live import group_of
from trading.projector import LivePublisher, Projector, live_rows
from trading.projector.live_rows import MESSAGE_ROWS_MAX, PENDING_ROWS_MAX, Changes, messages_of

pytestmark = pytest.mark.django_db

SECOND_NS = 1_000_000_000


class Listener:
    """A dashboard's end of a tenant's group, in the publisher's own loop."""

    def __init__(self, publisher: LivePublisher, tenant_id: UUID) -> None:
        self.layer = get_channel_layer()
        self.run = publisher._loop.run_until_complete
        self.group = group_of(tenant_id)
        self.join()

    def join(self) -> None:
        self.channel = self.run(self.layer.new_channel())
        self.run(self.layer.group_add(self.group, self.channel))

    def next(self):
        return self.run(asyncio.wait_for(self.layer.receive(self.channel), 5))


@pytest.fixture
def valkey(settings) -> Iterator[ValkeyServer]:
    with running_valkey() as server:
        hosts = [{"address": server.url, "socket_timeout": None}]
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}
        yield server


@pytest.fixture
def publisher(valkey) -> Iterator[LivePublisher]:
    publisher = LivePublisher()
    yield publisher
    publisher.close()


@pytest.fixture
def changes(demo_desk, other_desk) -> Changes:
    list_btcusdt()
    owners = [owners_of(demo_desk.tenant)[0], owners_of(other_desk.tenant)[0]]
    return Projector(strategy_of=lambda _: None).apply(0, day(owners, rounds=4))


def test_changed_rows_are_sent_to_their_own_tenant_as_the_api_lists_them(
    publisher, changes, demo_desk, other_desk
):
    listeners = [Listener(publisher, desk.tenant.id) for desk in (demo_desk, other_desk)]
    publisher.add(changes)
    publisher.flush(SECOND_NS)
    for listener, desk in zip(listeners, (demo_desk, other_desk), strict=True):
        rows = listener.next()["rows"]
        with tenant_scope(desk.tenant.id):
            for table, (query, row) in selectors.LISTS.items():
                wanted = [row(values) for values in query()]
                assert sorted(rows[table], key=lambda r: r["id"]) == sorted(wanted, key=lambda r: r["id"])
        assert [row["state"] for row in rows["refusals"]] == ["refused"] * 2
        assert rows["accounts"][0]["orders_today"] == 4
        assert {row["account"] for row in rows["orders"]} == {rows["accounts"][0]["id"]}


def test_bursts_are_sent_once_per_interval(publisher, changes, demo_desk):
    listener = Listener(publisher, demo_desk.tenant.id)
    publisher.add(changes)
    publisher.flush(SECOND_NS)
    listener.next()
    publisher.add(changes)
    publisher.flush(SECOND_NS + 1)
    assert publisher.pending
    publisher.flush(2 * SECOND_NS)
    assert listener.next()["rows"]["orders"]
    assert not publisher.pending


def test_rows_wait_while_redis_is_away_and_one_line_says_so(
    publisher, changes, demo_desk, valkey, caplog, monkeypatch
):
    caplog.set_level("INFO")
    valkey.stop()
    publisher.add(changes)
    for second in range(1, 6):
        publisher.flush(second * 2 * SECOND_NS)
    assert len([line for line in caplog.messages if "live rows wait" in line]) == 1
    assert publisher.pending

    valkey.start()
    # The server is new and has to be reached anew; what the limit cuts off is tried again.
    monkeypatch.setattr(live_rows, "SEND_TIMEOUT_MS", 5_000)
    listener = Listener(publisher, demo_desk.tenant.id)
    publisher.flush(100 * SECOND_NS)
    assert listener.next()["rows"]["orders"]
    assert not publisher.pending
    assert len([line for line in caplog.messages if "takes live rows again" in line]) == 1


def test_what_waits_is_bounded_and_the_newest_stays():
    changes = Changes()
    ids = [uuid4() for _ in range(PENDING_ROWS_MAX + 10)]
    changes.of(UUID(int=1)).add("orders", ids)
    assert list(changes.of(UUID(int=1)).ids["orders"]) == ids[10:]


def test_a_row_that_changes_twice_waits_once():
    changes = Changes()
    later = Changes()
    first, second = uuid4(), uuid4()
    changes.of(UUID(int=1)).add("orders", [first, second])
    later.of(UUID(int=1)).add("orders", [first])
    changes.merge(later)
    assert list(changes.of(UUID(int=1)).ids["orders"]) == [second, first]


def test_messages_are_of_bounded_size_and_lose_nothing():
    rows = {"orders": [{"id": number} for number in range(MESSAGE_ROWS_MAX + 3)], "fills": [{"id": 1}]}
    parts = messages_of(rows)
    assert max(sum(map(len, part.values())) for part in parts) <= MESSAGE_ROWS_MAX
    assert [row for part in parts for row in part.get("orders", [])] == rows["orders"]
    assert [row for part in parts for row in part.get("fills", [])] == rows["fills"]
