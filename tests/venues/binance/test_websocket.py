"""The connection's own promises, against a server in the same loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from venues.base import NotSent
from venues.binance.settings import BinanceSpotLimits, BinanceSpotUrls
from venues.binance.websocket import Connection, MessageListener

LIMITS = BinanceSpotLimits(reconnect_delay_min_ms=1, reconnect_delay_max_ms=5, write_buffer_max_bytes=1_000)


class Server(WSListener):
    """Answers nothing; keeps what came and the newest transport."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.transports: list[WSTransport] = []

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transports.append(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.messages.append(frame.get_payload_as_bytes())


class Client:
    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.ups = self.downs = 0
        self.error: Exception | None = None

    def on_connected(self) -> None:
        self.ups += 1

    def on_disconnected(self) -> None:
        self.downs += 1

    def on_message(self, message: bytes) -> None:
        self.messages.append(message)
        if self.error is not None:
            raise self.error


class Pair:
    def __init__(self, server: Server, client: Client, connection: Connection) -> None:
        self.server, self.client, self.connection = server, client, connection

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    server, client = Server(), Client()
    listening = await ws_create_server(lambda request: server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    address = f"ws://127.0.0.1:{port}/"
    connection = Connection(
        name="test",
        url=address,
        urls=BinanceSpotUrls(rest=address, stream=address, ws_api=address),
        limits=LIMITS,
        listener=lambda connection: MessageListener(connection, client),
    )
    connection.start()
    await connection.wait_up(5_000)
    yield Pair(server, client, connection)
    await connection.stop()
    listening.close()
    await listening.wait_closed()


async def test_a_message_in_several_frames_arrives_whole(pair: Pair) -> None:
    peer = pair.server.transports[0]
    peer.send(WSMsgType.TEXT, b"one ", fin=False)
    peer.send(WSMsgType.CONTINUATION, b"mess", fin=False)
    peer.send(WSMsgType.CONTINUATION, b"age", fin=True)
    peer.send(WSMsgType.TEXT, b"next")
    await pair.until(lambda: len(pair.client.messages) == 2)
    assert pair.client.messages == [b"one message", b"next"]


async def test_it_connects_again_when_the_other_end_hangs_up(pair: Pair) -> None:
    for number in range(1, 4):
        pair.server.transports[-1].disconnect()
        await pair.until(lambda number=number: pair.client.ups == number + 1)
    assert pair.client.downs == 3
    pair.connection.send(b"still there")
    await pair.until(lambda: pair.server.messages == [b"still there"])


async def test_a_polite_close_is_answered_and_followed_by_a_new_connection(pair: Pair) -> None:
    pair.server.transports[-1].send_close()
    await pair.until(lambda: pair.client.ups == 2)


async def test_nothing_is_sent_between_two_connections(pair: Pair) -> None:
    pair.connection.drop()
    await pair.until(lambda: pair.client.downs == 1)
    with pytest.raises(NotSent):
        pair.connection.send(b"lost")


async def test_nothing_is_queued_for_a_reader_that_has_stopped(pair: Pair) -> None:
    reader = pair.server.transports[-1].underlying_transport
    reader.pause_reading()
    with pytest.raises(NotSent, match="takes no more"):
        send_often(pair.connection, b"x" * 100_000, 1_000)
    reader.resume_reading()
    await pair.until(lambda: not pair.connection.congested)


def send_often(connection: Connection, message: bytes, times: int) -> None:
    for _ in range(times):
        connection.send(message)


async def test_a_listener_that_fails_ends_the_connection_and_the_process_is_told(
    pair: Pair,
) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    pair.client.error = OSError("the journal's disk is full")
    pair.server.transports[-1].send(WSMsgType.TEXT, b"an event")
    await pair.until(lambda: told)
    assert told[0]["exception"] is pair.client.error
    assert (pair.client.ups, pair.client.downs) == (1, 1)


async def test_where_nobody_listens_it_says_so_after_the_time(unused_tcp_port: int) -> None:
    address = f"ws://127.0.0.1:{unused_tcp_port}/"
    connection = Connection(
        name="test",
        url=address,
        urls=BinanceSpotUrls(rest=address, stream=address, ws_api=address),
        limits=LIMITS,
        listener=lambda connection: MessageListener(connection, Client()),
    )
    connection.start()
    with pytest.raises(NotSent, match="no connection within 20 ms"):
        await connection.wait_up(20)
    await connection.stop()
