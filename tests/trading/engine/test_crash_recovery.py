"""The engine is killed amid trading; afterwards its books are the exchange's."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.trading.engine.engine_desk import records_of
from tests.trading.engine.engine_program import SYMBOL, desk_of, urls_of
from tests.venues.simulator_process import SimulatorProcess
from trading.engine.journal import JournalReader
from trading.engine.ledger import Ledger
from trading.engine.replay import replay
from trading.records import DriftFound, OrderSending
from trading.types import Desk
from venues.binance.spot import BinanceSpot

ROOT = Path(__file__).resolve().parents[3]
ACCOUNTS = 3
LOT = Decimal("0.00001")
UNIT = Decimal("0.00000001")
TIMEOUT_S = 60
#: Points of the order path, and at which passage the engine dies there.
POINTS = {"reserved": 7, "journalled": 5, "sent": 3, "report_received": 9, "report_booked": 12}


# Every test has an exchange of its own, since each start spends a good part of the minute's weight.
@pytest.fixture
def exchange(tmp_path):
    process = SimulatorProcess(tmp_path / "simulator", accounts=ACCOUNTS).start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def folder(tmp_path) -> Path:
    made: Path = tmp_path / "engine"
    made.mkdir()
    return made


EPOCHS = iter(range(1, 1_000))


def run(mode: str, exchange: SimulatorProcess, folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable, "-m", "tests.trading.engine.engine_program", mode,
            "--folder", str(folder), "--port", str(exchange.port), "--epoch", str(next(EPOCHS)),
            "--keys", str(exchange.home / "simulator" / "keys.json"), *options,
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def settled_books(exchange: SimulatorProcess, folder: Path) -> dict[str, Any]:
    """Start the engine again and return its books once nothing is open."""
    out, err = run("settle", exchange, folder).communicate(timeout=TIMEOUT_S)
    assert out, err
    found: dict[str, Any] = json.loads(out)
    return found


def assert_books_are_the_exchanges(books: dict[str, Any], exchange: SimulatorProcess) -> None:
    exchange.control("ledger")
    assert exchange.control("orders?open=1") == []
    for row in exchange.control("accounts"):
        slot = row["index"] + 1
        theirs = {
            asset: int((Decimal(held["free"]) + Decimal(held["locked"])) / UNIT)
            for asset, held in row["balances"].items()
        }
        assert {asset: total for owner, asset, total, _ in books["balances"] if owner == slot} == theirs
        totals = {asset: total for owner, asset, total in books["gate_totals"] if owner == slot}
        assert totals == {asset: theirs[asset] for asset in totals}
        trades = exchange.control(f"trades?account={row['index']}&symbol={SYMBOL}")
        assert [trade for owner, trade in books["trades"] if owner == slot] == sorted(t["id"] for t in trades)
        position = sum(int(Decimal(t["qty"]) / LOT) * (1 if t["isBuyer"] else -1) for t in trades)
        assert books["positions"][str(slot)] == position
        assert books["gate"][str(slot)][0] == position


def assert_orders_are_the_exchanges(
    books: dict[str, Any], exchange: SimulatorProcess, folder: Path
) -> list[str]:
    """Return the orders of which the exchange knows nothing; they must be held as unknown."""
    theirs = exchange.control("orders")
    names = [order["clientOrderId"] for order in theirs]
    assert len(names) == len(set(names)), "an order was sent twice"
    journalled = {record.client_order_id for record in records_of(folder, OrderSending)}
    known = {}
    for order in theirs:
        name = order["clientOrderId"]
        assert name in journalled, f"{name} left without a record"
        known[name] = [order["account"] + 1, int(Decimal(order["executedQty"]) / LOT), order["side"]]
    ours = {name: [slot, filled, side] for name, (slot, _, filled, side) in books["orders"].items()}
    denied = [name for name, (_, state, _, _) in books["orders"].items() if state == "UNKNOWN"]
    assert {name: facts for name, facts in ours.items() if name in known} == known
    return denied


def open_lots(books: dict[str, Any]) -> int:
    """Return what the gate still holds reserved on all accounts."""
    return sum(buys + sells for _, buys, sells in books["gate"].values())


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_of_the_order_path(exchange, folder, point):
    process = run("trade", exchange, folder, "--crash-at", point, "--crash-after", str(POINTS[point]))
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == -signal.SIGKILL, err
    books = settled_books(exchange, folder)
    assert_books_are_the_exchanges(books, exchange)
    denied = assert_orders_are_the_exchanges(books, exchange, folder)
    # What was journalled and never left is unknown until the fence; its reservation stays.
    assert (open_lots(books) > 0) is bool(denied)
    assert len(denied) <= 1


def kill_while_trading(exchange: SimulatorProcess, folder: Path, trading_ms: int) -> None:
    process = run("trade", exchange, folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "trading\n", process.communicate()[1]
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(trading_ms / 1000)
    process.kill()
    process.communicate(timeout=TIMEOUT_S)


def test_killed_again_and_again_at_any_moment(exchange, folder):
    for trading_ms in (250, 700):
        kill_while_trading(exchange, folder, trading_ms)
    before = len(exchange.control("orders"))
    books = settled_books(exchange, folder)
    assert before > 10
    assert_books_are_the_exchanges(books, exchange)
    assert_orders_are_the_exchanges(books, exchange, folder)
    assert len(exchange.control("orders")) == before, "recovery places nothing"
    desk = asyncio.run(desk_at(exchange))
    ledger = Ledger(desk.accounts, desk.instruments)
    memory = replay(JournalReader(folder / "journal"), ledger, whole=True)
    assert memory.records > 100
    assert memory.differences == 0
    assert ledger.state_hash() == books["hash"]
    assert records_of(folder, DriftFound) == [], "no balance had to be repaired"


async def desk_at(exchange: SimulatorProcess) -> Desk:
    venue = BinanceSpot(urls_of(exchange.port))
    try:
        return await desk_of(venue, exchange.keys, epoch=0)
    finally:
        await venue.stop()
