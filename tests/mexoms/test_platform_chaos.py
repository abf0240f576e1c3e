"""Processes die and services vanish amid trading; afterwards the books equal the exchange's."""

from __future__ import annotations

import json
import os
import signal
import uuid
from typing import TypeVar

import psycopg
import pytest

from tests.mexoms.desk_walk import frames, live_socket, log_in, rows
from tests.mexoms.ground_truth import control, still_market, wait_for_agreement
from tests.mexoms.process_table import wait_until
from tests.platform import Platform, new_home
from trading.engine.journal import JournalReader, Position
from trading.records import FillApplied, OrderSending, Record

pytestmark = [pytest.mark.platform, pytest.mark.xdist_group("chaos")]

KILLS = 3
RECORDS_MAX = 500_000

Kind = TypeVar("Kind", bound=Record)


@pytest.fixture(scope="module")
def chaotic():
    """A platform that these tests may break; each leaves it trading."""
    started = Platform(new_home())
    started.start()
    started.wait_ready()
    yield started
    started.remove()


def trade_count(platform: Platform) -> int:
    return len(control(platform, "trades"))


def journalled(platform: Platform, kind: type[Kind]) -> list[Kind]:
    entries = JournalReader(platform.home / "journal" / "shard-0").read(Position(), RECORDS_MAX)
    return [entry.record for entry in entries if isinstance(entry.record, kind)]


def until_more_trades(platform: Platform, count: int) -> None:
    before = trade_count(platform)
    wait_until(lambda: trade_count(platform) >= before + count, f"{count} more trades", 120.0)


def test_an_engine_killed_amid_trading_comes_back_to_the_exchanges_books(chaotic):
    for _ in range(KILLS):
        until_more_trades(chaotic, 2)
        chaotic.wait_restarted("engine", chaotic.kill("engine"))
    until_more_trades(chaotic, 2)
    with still_market(chaotic):
        books = wait_for_agreement(chaotic)
    assert books["trades"]
    sent = [record.client_order_id for record in journalled(chaotic, OrderSending)]
    assert len(sent) == len(set(sent))
    placed = [row["clientOrderId"] for row in control(chaotic, "orders")]
    assert len(placed) == len(set(placed))
    assert set(placed) <= set(sent)


def test_a_projector_killed_amid_writing_loses_and_doubles_no_row(chaotic):
    for _ in range(KILLS):
        until_more_trades(chaotic, 1)
        chaotic.wait_restarted("projector", chaotic.kill("projector"))
    with still_market(chaotic):
        wait_for_agreement(chaotic)
        applied = journalled(chaotic, FillApplied)
        fills = {(record.account_id, record.instrument, record.trade_id) for record in applied}
        assert len(rows(chaotic, "fills", query="?page_size=500")) == len(fills)


def test_the_engine_trades_on_while_redis_stands_still_and_dashboards_catch_up(chaotic):
    demo = chaotic.demo
    with live_socket(chaotic, log_in(chaotic, demo["user"], demo["password"])) as socket:
        assert next(frames(socket, 20))["type"] == "snapshot"
        valkey = chaotic.pid("valkey")
        os.kill(valkey, signal.SIGSTOP)
        try:
            until_more_trades(chaotic, 3)
            newest = max(int(trade["id"]) for trade in control(chaotic, "trades"))
        finally:
            os.kill(valkey, signal.SIGCONT)
        seen = 0
        for frame in frames(socket, 30):
            if frame["topic"] == "desk":
                seen = max([seen, *(int(row["trade_id"]) for row in frame["data"].get("fills", []))])
            if seen >= newest:
                break


def test_a_killed_redis_comes_back_and_orders_are_taken_again(chaotic):
    chaotic.wait_restarted("valkey", chaotic.kill("valkey"))
    account = next(row["id"] for row in rows(chaotic, "accounts") if row["kind"] == "main")
    price = f"{float(rows(chaotic, 'fills')[0]['price']) * 0.999:.2f}"
    body = {
        "account": account,
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "tif": "GTC",
        "price": price,
        "quantity": "0.001",
        "deadline_ms": 60_000,
    }
    status, placed = chaotic.api("/api/v1/orders/", method="POST", body=body, key=str(uuid.uuid4()))
    assert status == 202, placed

    def decided() -> bool:
        return chaotic.api(f"/api/v1/orders/{placed['id']}/")[1]["state"] not in {"pending", "sending"}

    wait_until(decided, "the engine's answer", 60.0)


def test_the_engine_trades_on_without_postgres(chaotic):
    postgres = chaotic.pid("postgres")
    os.kill(postgres, signal.SIGSTOP)
    try:
        before = len(journalled(chaotic, OrderSending))
        until_more_trades(chaotic, 2)
        wait_until(lambda: len(journalled(chaotic, OrderSending)) > before, "new orders", 60.0)
    finally:
        os.kill(postgres, signal.SIGCONT)
    with still_market(chaotic):
        wait_for_agreement(chaotic)


def test_nothing_was_written_twice(chaotic):
    runtime = json.loads((chaotic.home / "runtime.json").read_text())
    with psycopg.connect(runtime["database_url"]) as connection:
        connection.execute("SELECT set_config('mx.tenant', %s, true)", [chaotic.demo["tenant"]])
        doubled = connection.execute(
            "SELECT count(*) - count(DISTINCT client_order_id) FROM trading_order"
        ).fetchone()
    assert doubled == (0,)


def switch(platform: Platform, state: str) -> dict[str, object]:
    body = {"scope": "tenant", "state": state, "reason": "a drill"}
    status, answer = platform.api("/api/v1/kill-switches/", method="POST", body=body, key=str(uuid.uuid4()))
    assert status == 200, answer
    return dict(answer)


def open_at_the_exchange(platform: Platform) -> int:
    return len(control(platform, "orders?open=1"))


def test_the_kill_switch_takes_every_order_back_and_holds_until_it_is_released(chaotic):
    wait_until(lambda: open_at_the_exchange(chaotic), "quotes at the exchange", 60.0)
    thrown = switch(chaotic, "HALTED")
    assert thrown["flag_written"]
    assert thrown["gate_set"]
    try:
        wait_until(lambda: not open_at_the_exchange(chaotic), "an empty book of ours", 30.0)
        sent = len(journalled(chaotic, OrderSending))
        chaotic.wait_restarted("engine", chaotic.kill("engine"))
        wait_until(lambda: rows(chaotic, "orders", query="?state=refused"), "refusals", 60.0)
        assert rows(chaotic, "orders", query="?state=refused")[0]["code"] == "R-KILL"
        assert open_at_the_exchange(chaotic) == 0
        assert len(journalled(chaotic, OrderSending)) == sent
    finally:
        switch(chaotic, "ACTIVE")
    wait_until(lambda: open_at_the_exchange(chaotic), "quotes again", 60.0)
