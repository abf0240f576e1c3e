"""The running process as clients see it: python-binance unmodified, streams, faults, restart."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import itertools
import json
import signal
import time
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.venues.simulator_process import SimulatorProcess
from venues.simulator.signatures import websocket_payload

with warnings.catch_warnings():
    # python-binance still uses the older interface of websockets.
    warnings.simplefilter("ignore", DeprecationWarning)
    from binance import AsyncClient, BinanceSocketManager

WAIT_S = 10
SPOT = (
    Path(__file__).resolve().parents[4] / "shared/data/market/binance_raw_2024-08-08/spot/btcusdt_20240808.gz"
)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def client_class(process: SimulatorProcess) -> type[AsyncClient]:
    class Client(AsyncClient):  # type: ignore[misc]  # python-binance is untyped
        API_URL = f"{process.url}/api"
        MARGIN_API_URL = f"{process.url}/sapi"
        FUTURES_URL = f"{process.url}/fapi"
        WS_API_URL = process.ws_api_url

    return Client


def signed(key: dict[str, str], **parameters: Any) -> dict[str, str]:
    """Return the parameters of a WebSocket API request with key, time and signature."""
    values = {name: str(value) for name, value in parameters.items()}
    values |= {"apiKey": key["api_key"], "timestamp": str(time.time_ns() // 1_000_000)}
    digest = hmac.new(key["api_secret"].encode(), websocket_payload(values).encode(), hashlib.sha256)
    return values | {"signature": digest.hexdigest()}


class Api:
    """One WebSocket API connection; answers by id, events in the order in which they came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.count = 0

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.count += 1
        number = self.count
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(WAIT_S):
            while True:
                message = await self.socket.receive_json()
                if message.get("id") == number:
                    return dict(message)
                self.events.append(message)

    async def event(self, kind: str) -> dict[str, Any]:
        """Return the next event of the kind, with its subscription."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for message in self.events:
                    if message["event"]["e"] == kind:
                        self.events.remove(message)
                        return dict(message)
                self.events.append(await self.socket.receive_json())


def far_order(price: str = "50000", **more: Any) -> dict[str, Any]:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    return order | {"price": price, "quantity": "0.001"} | more


async def test_python_binance_trades_over_rest_and_socket_and_hears_its_events(running_simulator):
    key = running_simulator.keys[2]
    client = await client_class(running_simulator).create(key["api_key"], key["api_secret"])
    sockets = BinanceSocketManager(client)
    sockets.STREAM_URL = f"{running_simulator.ws_url}/"
    try:
        async with sockets.user_socket() as user:
            resting = await client.create_order(**far_order(newClientOrderId="pb-rest"))
            assert (await client.get_open_orders(symbol="BTCUSDT"))[0]["clientOrderId"] == "pb-rest"
            cancelled = await client.cancel_order(symbol="BTCUSDT", orderId=resting["orderId"])
            taken = await client.ws_create_order(
                symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001"
            )
            seen = []
            async with asyncio.timeout(WAIT_S):
                while ("TRADE", "FILLED") not in seen:
                    event = await user.recv()
                    seen.append((event.get("x"), event.get("X")))
        account = await client.get_account()
    finally:
        await client.close_connection()
    assert (cancelled["status"], taken["status"]) == ("CANCELED", "FILLED")
    assert [one for one in seen if one[0]] == [
        ("NEW", "NEW"),
        ("CANCELED", "CANCELED"),
        ("NEW", "NEW"),
        ("TRADE", "FILLED"),
    ]
    btc = next(row for row in account["balances"] if row["asset"] == "BTC")
    assert Decimal(btc["free"]) == Decimal("10.000999")


async def test_ed25519_keys_sign_rest_requests_and_log_on_and_hmac_keys_do_not(running_simulator):
    key = running_simulator.keys[3]
    pem = key["ed25519_private_key"].encode()
    client = await client_class(running_simulator).create(key["ed25519_api_key"], private_key=pem)
    try:
        assert (await client.get_account())["uid"] == 350_000_003
    finally:
        await client.session.close()
    async with aiohttp.ClientSession() as http, http.ws_connect(running_simulator.ws_api_url) as socket:
        api = Api(socket)
        assert (await api.ask("account.status"))["error"]["code"] == -2014
        assert (await api.ask("session.logon", **signed(key)))["error"]["code"] == -4056
        values = {"apiKey": key["ed25519_api_key"], "timestamp": str(time.time_ns() // 1_000_000)}
        private = load_pem_private_key(pem, None)
        assert isinstance(private, Ed25519PrivateKey)
        signature = private.sign(websocket_payload(values).encode())
        logon = await api.ask("session.logon", **values, signature=base64.b64encode(signature).decode())
        assert logon["result"]["apiKey"] == key["ed25519_api_key"]
        assert (await api.ask("order.place", **far_order()))["result"]["status"] == "NEW"
        assert (await api.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}


async def test_one_connection_hears_several_accounts_each_under_its_own_subscription(running_simulator):
    keys = running_simulator.keys
    async with aiohttp.ClientSession() as http, http.ws_connect(running_simulator.ws_api_url) as socket:
        api = Api(socket)
        for account in (4, 5):
            answer = await api.ask("userDataStream.subscribe.signature", **signed(keys[account]))
            assert answer["result"] == {"subscriptionId": account - 4}
        again = await api.ask("userDataStream.subscribe.signature", **signed(keys[5]))
        assert again["error"] == {"code": -2035, "msg": "User Data Stream subscription already active."}
        placed = await api.ask("order.place", **signed(keys[5], **far_order(newClientOrderId="five")))
        assert placed["status"] == 200
        assert {limit["rateLimitType"] for limit in placed["rateLimits"]} == {"ORDERS", "REQUEST_WEIGHT"}
        report = await api.event("executionReport")
        assert (report["subscriptionId"], report["event"]["c"]) == (1, "five")
        assert (await api.ask("session.subscriptions"))["result"] == [
            {"subscriptionId": 0},
            {"subscriptionId": 1},
        ]
        assert (await api.ask("userDataStream.unsubscribe", subscriptionId=0))["result"] == {}
        assert (await api.event("eventStreamTerminated"))["subscriptionId"] == 0
        running_simulator.control("disconnect", {"streams": "terminate", "account": 5})
        assert (await api.event("eventStreamTerminated"))["subscriptionId"] == 1


async def test_streams_answer_subscriptions_and_keep_their_two_forms(running_simulator):
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(f"{running_simulator.ws_url}/ws/btcusdt@bookTicker") as socket:
            quote = await socket.receive_json(timeout=WAIT_S)
            assert (set(quote), quote["s"]) == ({"u", "s", "b", "B", "a", "A"}, "BTCUSDT")
            await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 3})
            while "result" not in (answer := await socket.receive_json(timeout=WAIT_S)):
                pass
            assert answer == {"result": None, "id": 3}
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 4})
            assert await socket.receive_json(timeout=WAIT_S) == {"result": [], "id": 4}
        url = f"{running_simulator.ws_url}/stream?streams=btcusdt@depth@100ms/ethusdt@depth5/ethusdt@kline_1m"
        async with http.ws_connect(url) as socket:
            seen: dict[str, Any] = {}
            async with asyncio.timeout(WAIT_S):
                while len(seen) < 3:
                    message = await socket.receive_json()
                    seen[message["stream"]] = message["data"]
            assert set(seen["btcusdt@depth@100ms"]) == {"e", "E", "s", "U", "u", "b", "a"}
            assert len(seen["ethusdt@depth5"]["bids"]) == 5
            assert seen["ethusdt@kline_1m"]["k"]["i"] == "1m"


async def test_a_book_built_from_snapshot_and_stream_equals_a_later_snapshot(running_simulator):
    url = f"{running_simulator.ws_url}/ws/btcusdt@depth@100ms"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        first = await socket.receive_json(timeout=WAIT_S)
        running_simulator.control("market", {"paused": True})
        try:
            events, wanted = [first], running_simulator.get("/api/v3/depth?symbol=BTCUSDT&limit=5000")
            while events[-1]["u"] < wanted["lastUpdateId"]:
                events.append(await socket.receive_json(timeout=WAIT_S))
        finally:
            running_simulator.control("market", {"paused": False})
    for before, after in itertools.pairwise(events):
        assert after["U"] == before["u"] + 1
    shown = {side: dict(map(tuple, wanted[side])) for side in ("bids", "asks")}
    last: dict[tuple[str, str], str] = {}
    for event in events:
        last |= {("bids", price): quantity for price, quantity in event["b"]}
        last |= {("asks", price): quantity for price, quantity in event["a"]}
    assert last, "nothing changed: the test proves nothing"
    for (side, price), quantity in last.items():
        assert shown[side].get(price, "0.00000000") == quantity


@pytest.mark.parametrize(
    ("fault", "status", "executed"),
    [
        ({"kind": "error", "status": 503}, 503, False),
        ({"kind": "error_executed", "status": 504}, 504, True),
        ({"kind": "delay_execution", "delay_ms": 2100}, 400, False),
        ({"kind": "delay_reply", "delay_ms": 50}, 200, True),
    ],
)
async def test_an_armed_fault_decides_what_is_answered_and_whether_it_was_done(
    running_simulator, fault, status, executed
):
    key, name = running_simulator.keys[6], f"fault-{fault['kind']}"
    running_simulator.control("faults", {"endpoint": "order.place", "account": 6, **fault})
    async with aiohttp.ClientSession() as http, http.ws_connect(running_simulator.ws_api_url) as socket:
        order = signed(key, **far_order(newClientOrderId=name, recvWindow=2000))
        answer = await Api(socket).ask("order.place", **order)
        assert answer["status"] == status
        found = await Api(socket).ask("order.status", **signed(key, symbol="BTCUSDT", origClientOrderId=name))
    assert found["status"] == (200 if executed else 400)
    rows = running_simulator.control(f"requests?endpoint=order.place&client_order_id={name}")
    assert [(row["executed"], row["fault"]) for row in rows] == [(executed, fault["kind"])]


async def test_a_dropped_reply_is_executed_and_never_answered_and_a_cut_ends_the_connection(
    running_simulator,
):
    key = running_simulator.keys[7]
    async with aiohttp.ClientSession() as http, http.ws_connect(running_simulator.ws_api_url) as socket:
        running_simulator.control("faults", {"kind": "drop_reply", "endpoint": "order.place", "account": 7})
        order = signed(key, **far_order(newClientOrderId="dropped"))
        await socket.send_json({"id": 99, "method": "order.place", "params": order})
        found = await Api(socket).ask(
            "order.status", **signed(key, symbol="BTCUSDT", origClientOrderId="dropped")
        )
        assert found["result"]["status"] == "NEW"
        running_simulator.control("faults", {"kind": "disconnect", "endpoint": "order.place", "account": 7})
        cut = signed(key, **far_order(newClientOrderId="cut"))
        await socket.send_json({"id": 100, "method": "order.place", "params": cut})
        assert (await socket.receive(timeout=WAIT_S)).type in (
            aiohttp.WSMsgType.CLOSED,
            aiohttp.WSMsgType.ERROR,
        )
    orders = running_simulator.control("orders?account=7&open=1")
    assert {one["clientOrderId"] for one in orders} == {"dropped", "cut"}


async def test_a_late_execution_happens_after_the_error_that_denied_it(running_simulator):
    key = running_simulator.keys[9]
    fault = {
        "kind": "late_execution",
        "endpoint": "order.place",
        "account": 9,
        "delay_ms": 300,
        "status": 504,
    }
    running_simulator.control("faults", fault)
    async with aiohttp.ClientSession() as http, http.ws_connect(running_simulator.ws_api_url) as socket:
        api = Api(socket)
        await api.ask("userDataStream.subscribe.signature", **signed(key))
        order = signed(key, **far_order(newClientOrderId="late", recvWindow=2000))
        assert (await api.ask("order.place", **order))["error"]["code"] == -1007
        query = await api.ask("order.status", **signed(key, symbol="BTCUSDT", origClientOrderId="late"))
        assert query["error"]["code"] == -2013
        assert (await api.event("executionReport"))["event"]["c"] == "late"


async def test_a_moved_clock_refuses_what_is_signed_by_the_right_time(running_simulator):
    key = running_simulator.keys[10]
    running_simulator.control("clock", {"offset_ms": 7000})
    try:
        async with aiohttp.ClientSession() as http, http.ws_connect(running_simulator.ws_api_url) as socket:
            answer = await Api(socket).ask("account.status", **signed(key))
    finally:
        running_simulator.control("clock", {"offset_ms": 0})
    assert answer["error"]["code"] == -1021


async def test_rest_answers_bear_the_limit_headers_and_errors_their_code(running_simulator):
    key = running_simulator.keys[8]
    body = far_order() | {"timestamp": str(time.time_ns() // 1_000_000)}
    text = urlencode(body)
    signature = hmac.new(key["api_secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
    headers = {"X-MBX-APIKEY": key["api_key"], "Content-Type": "application/x-www-form-urlencoded"}
    async with aiohttp.ClientSession(headers=headers) as http:
        url = f"{running_simulator.url}/api/v3/order"
        async with http.post(url, data=f"{text}&signature={signature}") as answer:
            assert answer.status == 200
            assert answer.headers["X-MBX-ORDER-COUNT-1D"] == "1"
            assert answer.headers["X-MBX-USED-WEIGHT-1M"].isdigit()
        async with http.get(f"{url}?symbol=BTCUSDT&orderId=1&timestamp=1&signature=1") as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, -1021)
        async with http.get(f"{running_simulator.url}/control/state") as answer:
            assert answer.status == 401


def test_the_ledger_balances_after_all_that(running_simulator):
    ledger = running_simulator.control("ledger?entries=5")
    assert ledger["balanced"]
    assert all(row["total"] == "0.00000000" for row in ledger["sums"].values())


def test_an_orderly_restart_keeps_orders_and_a_crash_opens_a_new_exchange(tmp_path):
    process = SimulatorProcess(tmp_path, accounts=2)
    process.start()
    process.control("deposit", {"account": 1, "asset": "USDT", "amount": "5"})
    assert process.stop() == 0
    process.start()
    state, held = process.control("state"), process.control("accounts")[1]["balances"]["USDT"]["free"]
    assert (state["restored"], held) == (True, "1000005.00000000")
    process.stop(signal.SIGKILL)
    process.start()
    state, held = process.control("state"), process.control("accounts")[1]["balances"]["USDT"]["free"]
    process.stop()
    assert (state["restored"], held) == (False, "1000000.00000000")
    assert (tmp_path / "simulator" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert (
        json.loads((tmp_path / "simulator" / "keys.json").read_text())[1]["email"]
        == "account1@simulator.example"
    )


async def test_a_replay_passes_recorded_messages_on_unchanged_and_its_snapshot_agrees(tmp_path):
    if not SPOT.exists():
        pytest.skip(f"{SPOT} is absent")
    process = SimulatorProcess(tmp_path, "--replay", str(SPOT), "--paused", accounts=1).start()
    try:
        snapshot = process.get("/api/v3/depth?symbol=BTCUSDT&limit=1000")
        names = "btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker"
        url = f"{process.ws_url}/stream?streams={names}"
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
            process.control("market", {"steps": 300})
            heard = [await socket.receive_str(timeout=WAIT_S) for _ in range(300)]
        later = process.get("/api/v3/depth?symbol=BTCUSDT&limit=5000")
    finally:
        process.stop()
    with gzip.open(SPOT, "rt") as lines:
        recorded = [line.rstrip("\n").partition(" ")[2] for line, _ in zip(lines, range(308), strict=False)]
    assert recorded[7].startswith('{"lastUpdateId"')
    assert heard == recorded[8:]
    changes = [one["data"] for one in map(json.loads, heard) if one["stream"].endswith("depth@100ms")]
    assert changes[0]["U"] <= snapshot["lastUpdateId"] + 1 <= changes[0]["u"]
    assert changes[-1]["u"] == later["lastUpdateId"]
