from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
import redis

from tests.trading.valkey_server import ValkeyServer, running_valkey
from trading import bus
from trading.types import CancelAllCommand, CancelCommand, PlaceCommand
from venues.base import OrderType, Side, TimeInForce

TENANT = str(UUID(int=1))


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with running_valkey() as server:
        yield server


def cancel(number: int) -> CancelCommand:
    return CancelCommand(
        id=str(UUID(int=number)), tenant_id=TENANT, deadline_ns=1, client_order_id=f"mx-0-1-{number}"
    )


def ids(commands) -> list[int]:
    return [UUID(command.id).int for command in commands]


async def read_until(reader: bus.CommandReader, count: int, reads_max: int = 20) -> list:
    commands: list = []
    for _ in range(reads_max):
        commands += await reader.read()
        if len(commands) >= count:
            break
    return commands


@pytest.mark.parametrize(
    "command",
    [
        PlaceCommand(
            id="a", tenant_id=TENANT, deadline_ns=2**62, account=3, instrument=1, side=Side.SELL,
            type=OrderType.LIMIT, tif=TimeInForce.IOC, price_ticks=2**53 + 1, quantity_lots=1,
        ),
        cancel(1),
        CancelAllCommand(id="b", tenant_id=TENANT, deadline_ns=1, account=4),
    ],
    ids=["place", "cancel", "cancel_all"],
)  # fmt: skip
def test_a_command_arrives_as_it_was_sent(command):
    assert bus.decode(bus.encode(command)) == command


async def test_a_reader_begins_at_the_oldest_command_and_then_follows(valkey):
    assert bus.publish(0, cancel(1), url=valkey.url)
    reader = bus.CommandReader(valkey.url, 0)
    assert ids(await reader.read()) == [1]
    bus.publish(0, cancel(2), url=valkey.url)
    bus.publish(0, cancel(3), url=valkey.url)
    assert ids(await read_until(reader, 2)) == [2, 3]
    await reader.close()


async def test_shards_do_not_hear_each_other(valkey, monkeypatch):
    monkeypatch.setattr(bus, "READ_BLOCK_MS", 10)
    bus.publish(1, cancel(1), url=valkey.url)
    reader = bus.CommandReader(valkey.url, 0)
    assert await reader.read() == []
    await reader.close()


async def test_a_message_that_is_no_command_is_passed_over(valkey):
    client = redis.Redis.from_url(valkey.url)
    client.xadd(bus.stream_name(0), {"m": b"{nonsense"})
    client.xadd(bus.stream_name(0), {"x": b"nothing"})
    bus.publish(0, cancel(1), url=valkey.url)
    reader = bus.CommandReader(valkey.url, 0)
    assert ids(await read_until(reader, 1)) == [1]
    await reader.close()


async def test_a_torn_connection_loses_no_position(valkey):
    reader = bus.CommandReader(valkey.url, 0)
    bus.publish(0, cancel(1), url=valkey.url)
    assert ids(await reader.read()) == [1]
    killer = redis.Redis.from_url(valkey.url)
    killer.client_kill_filter(_type="normal", skipme=True)
    bus.publish(0, cancel(2), url=valkey.url)
    bus.publish(0, cancel(2), url=valkey.url)
    assert 2 in ids(await read_until(reader, 1))
    await reader.close()


async def test_a_bus_that_comes_back_empty_is_read_from_its_beginning(valkey, monkeypatch):
    monkeypatch.setattr(bus, "READ_BLOCK_MS", 20)
    reader = bus.CommandReader(valkey.url, 0)
    bus.publish(0, cancel(1), url=valkey.url)
    await reader.read()
    # As if the host's clock had run ahead when the last command was read.
    reader.position = "99999999999999-0"
    valkey.stop()
    assert await reader.read() == []
    valkey.start()
    bus.publish(0, cancel(2), url=valkey.url)
    bus.publish(0, cancel(2), url=valkey.url)
    assert 2 in ids(await read_until(reader, 1, reads_max=200))
    await reader.close()


async def test_a_dead_bus_neither_raises_nor_ends_the_reader(tmp_path, caplog):
    url = f"unix://{tmp_path}/nothing.sock?db=0"
    assert bus.publish(0, cancel(1), url=url) is False
    reader = bus.CommandReader(url, 0)
    assert await reader.read() == []
    assert await reader.read() == []
    assert [
        record.message for record in caplog.records if "the bus is away, commands wait" in record.message
    ] != []
    await reader.close()


def test_the_stream_stays_bounded(valkey, monkeypatch):
    monkeypatch.setattr(bus, "STREAM_MESSAGES_MAX", 100)
    for number in range(1, 500):
        bus.publish(0, cancel(number), url=valkey.url)
    assert redis.Redis.from_url(valkey.url).xlen(bus.stream_name(0)) < 300
