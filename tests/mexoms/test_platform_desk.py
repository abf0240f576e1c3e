"""The desk on the running platform: every way of placing an order, and what the other desk sees of it."""

from __future__ import annotations

import itertools
import json
import uuid
from typing import Any

import pytest
from celery import Celery

from tests.mexoms.desk_walk import COLLECTIONS, frames, live_socket, log_in, page, rows
from tests.mexoms.process_table import wait_until
from tests.platform import Platform
from trading.engine.journal import JournalReader, Position
from trading.records import OrderSending

pytestmark = [pytest.mark.platform, pytest.mark.xdist_group("platform")]

RECORDS_MAX = 200_000
CENTS = itertools.count()


def sendings(platform: Platform) -> list[OrderSending]:
    """Return every order that the engine's order path has journalled."""
    entries = JournalReader(platform.home / "journal" / "shard-0").read(Position(), RECORDS_MAX)
    return [entry.record for entry in entries if isinstance(entry.record, OrderSending)]


def main_account(platform: Platform) -> str:
    account: str = next(row["id"] for row in rows(platform, "accounts") if row["kind"] == "main")
    return account


def far_bid(platform: Platform) -> dict[str, Any]:
    """Return a small order that rests well below the market, inside the price collar.

    Each has a price of its own: the gate takes two equal orders in a moment for one sent twice.
    """
    fill = rows(platform, "fills")[0]
    price = float(fill["price"]) * 0.999 - next(CENTS) / 100
    return {
        "account": main_account(platform),
        "symbol": fill["symbol"],
        "side": "BUY",
        "type": "LIMIT",
        "tif": "GTC",
        "price": f"{price:.2f}",
        "quantity": "0.001",
    }


def order_state(platform: Platform, order_id: str) -> str:
    status, answer = platform.api(f"/api/v1/orders/{order_id}/")
    assert status == 200, answer
    return str(answer["state"])


def until_state(platform: Platform, order_id: str, *states: str) -> None:
    wait_until(lambda: order_state(platform, order_id) in states, f"{order_id} in {states}", 20.0)


@pytest.fixture
def trading(platform):
    """The platform once the strategy's first fill is a row."""
    wait_until(lambda: rows(platform, "fills"), "the first fill", 60.0)
    return platform


def test_an_order_by_api_is_placed_seen_and_cancelled(trading):
    status, placed = trading.api(
        "/api/v1/orders/", method="POST", body=far_bid(trading), key=str(uuid.uuid4())
    )
    assert status == 202, placed
    until_state(trading, placed["id"], "open")
    status, answer = trading.api(f"/api/v1/orders/{placed['id']}/", method="DELETE", key=str(uuid.uuid4()))
    assert status == 202, answer
    until_state(trading, placed["id"], "canceled")


def test_api_strategy_and_celery_task_all_pass_the_one_order_path(trading):
    body = far_bid(trading)
    _, by_api = trading.api("/api/v1/orders/", method="POST", body=body, key=str(uuid.uuid4()))
    runtime = json.loads((trading.home / "runtime.json").read_text())
    broker = runtime["redis_url"].replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    order = {name: value for name, value in far_bid(trading).items() if name != "account"}
    Celery(broker=broker).send_task(
        "trading.tasks.place_order_task",
        kwargs={
            "tenant_id": trading.demo["tenant"],
            "key": str(uuid.uuid4()),
            "account_id": body["account"],
            "requested_by": "a schedule",
            **order,
        },
        queue="default",
    )

    def commands() -> set[str]:
        return {record.command_id for record in sendings(trading) if record.command_id}

    wait_until(
        lambda: by_api["id"] in commands() and len(commands()) >= 2, "both orders in the journal", 30.0
    )
    assert any(record.strategy and not record.command_id for record in sendings(trading))


def test_a_retried_request_places_one_order(trading):
    key, body = str(uuid.uuid4()), far_bid(trading)
    first = trading.api("/api/v1/orders/", method="POST", body=body, key=key)
    second = trading.api("/api/v1/orders/", method="POST", body=body, key=key)
    assert first == second
    until_state(trading, first[1]["id"], "open")
    assert sum(record.command_id == first[1]["id"] for record in sendings(trading)) == 1


def test_a_refused_order_says_which_check_and_which_numbers(trading):
    body = {**far_bid(trading), "quantity": "9000"}
    _, placed = trading.api("/api/v1/orders/", method="POST", body=body, key=str(uuid.uuid4()))
    until_state(trading, placed["id"], "refused")
    _, order = trading.api(f"/api/v1/orders/{placed['id']}/")
    assert order["code"].startswith("R-")
    assert order["refusal"]["limit"]
    assert order["text"]


def test_the_other_desk_sees_nothing_of_this_one_on_any_endpoint(trading):
    ours = {row["id"] for collection in COLLECTIONS for row in rows(trading, collection)}
    other = trading.demo["other"]["token"]
    theirs = {row["id"] for collection in COLLECTIONS for row in rows(trading, collection, token=other)}
    assert ours
    assert theirs
    assert not ours & theirs
    for collection in ("accounts", "orders", "fills"):
        for row in rows(trading, collection)[:3]:
            status, answer = trading.api(f"/api/v1/{collection}/{row['id']}/", token=other)
            assert status == 404, answer
    order = rows(trading, "orders", query="?state=open")[0]
    status, _ = trading.api(
        f"/api/v1/orders/{order['id']}/", token=other, method="DELETE", key=str(uuid.uuid4())
    )
    assert status == 404
    status, _ = trading.api(
        "/api/v1/orders/", token=other, method="POST", body=far_bid(trading), key=str(uuid.uuid4())
    )
    assert status == 404


def test_the_other_desks_page_and_socket_show_nothing_of_this_one(trading):
    canaries = {row["id"] for row in rows(trading, "accounts")}
    other = trading.demo["other"]
    cookies = log_in(trading, other["user"], other["password"])
    status, text = page(trading, "/", cookies)
    assert status == 200
    assert not [canary for canary in canaries if canary in text]
    with live_socket(trading, cookies) as socket:
        seen = ""
        for count, frame in enumerate(frames(socket, timeout_s=10), 1):
            seen += json.dumps(frame)
            if count == 10:
                break
    assert not [canary for canary in canaries if canary in seen]
    assert "mx-" not in seen


def test_without_a_token_or_session_nothing_answers(trading):
    for collection in COLLECTIONS:
        status, answer = trading.api(f"/api/v1/{collection}/", token="mx_wrong")
        assert status == 401, answer
    assert page(trading, "/", "")[1].find("csrfmiddlewaretoken") > 0
