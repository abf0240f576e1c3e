"""What an order costs before the socket: gate, budget, journal, ledger, and back for its report.

The venue does nothing, everything else is real. Orders rest and pile up, so that a
cost that grows with them shows.
"""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from risk.codes import Scope, TradingState
from risk.gate import Gate
from tests.instruments import BTCUSDT
from trading.engine.exposure import Exposure
from trading.engine.journal import Journal
from trading.engine.ledger import Ledger, LiveOrder
from trading.engine.market import Market
from trading.engine.order_budget import OrderBudget
from trading.engine.order_path import OrderPath
from trading.types import Account, Intent
from venues.base import (
    CancelOrder,
    Instrument,
    OrderReport,
    OrderType,
    PlaceOrder,
    ReportKind,
    Side,
    TimeInForce,
)
from venues.rate_budget import RateBudget

ID = "order_path"
ORDERS = 60_000
PART = 10_000
ORDERS_POWER = 2_000
PRICE = 6_000_000
PLENTY = 10**17
P50_REQUIRED_US, P50_GOAL_US, P99_GOAL_US = 30, 10, 40


class SilentVenue:
    """Takes every order and does nothing: what is measured ends at the socket."""

    name = "binance_spot"

    def now_ms(self, now_ns: int) -> int:
        """Return our own time."""
        return now_ns // 1_000_000

    def place(self, order: PlaceOrder) -> None:
        """Do nothing."""

    def cancel(self, cancel: CancelOrder) -> None:
        """Do nothing."""


class OpenBudget:
    """The real budget with limits that a benchmark does not reach."""

    def __init__(self, path: Path) -> None:
        self._budget = RateBudget(path)

    def budget(self, name: str, limit: int, window_ns: int) -> int:
        """Name a budget that is never used up."""
        return self._budget.budget(name, 100_000_000, window_ns)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._budget, name)


class NobodyFollows:
    """Nothing is left open here."""

    def doubt(self, order: LiveOrder, now_ns: int) -> None:
        """Must not happen."""
        raise AssertionError(order)

    def alarm(self, account: int) -> None:
        """Must not happen."""
        raise AssertionError(account)

    def stranger(self, report: OrderReport, now_ns: int) -> None:
        """Must not happen."""
        raise AssertionError(report)


def measure() -> list[dict[str, Any]]:
    """Measure both durabilities; what a disk takes for a sync is its own affair and has no goal."""
    power = row("power", ORDERS_POWER, f"{ID}_power")
    return [row("process", ORDERS, ID), power | {"goal": None, "met": None}]


def row(durability: str, orders: int, name: str) -> dict[str, Any]:
    """Measure one durability and return its line."""
    with tempfile.TemporaryDirectory(dir=disk_folder()) as folder:
        path = open_path(Path(folder), durability)
        submits, reports = place_orders(path, orders)
        path.journal.close()
    first, last = (statistics.median(part) for part in (submits[:PART], submits[-PART:]))
    median, p99 = statistics.median(submits), percentile(submits, 99)
    return {
        "id": name,
        "what": f"submit() without the socket, durability {durability}; first {PART} orders {first:.1f},"
        f" last {last:.1f}; ack booked in {statistics.median(reports):.1f}",
        "unit": "us",
        "median": round(median, 2),
        "p99": round(p99, 2),
        "n": orders,
        "reference": None,
        "goal": f"p50 <= {P50_GOAL_US} (required {P50_REQUIRED_US}), p99 <= {P99_GOAL_US}",
        "met": median <= P50_GOAL_US and p99 <= P99_GOAL_US,
    }


def place_orders(path: OrderPath, orders: int) -> tuple[list[float], list[float]]:
    """Place the orders one by one, each acknowledged; return both times of each in µs."""
    submits, reports = [], []
    now_ns = time.time_ns()
    path.gate.set_quote(1, PRICE - 1, PRICE + 1, now_ns)
    gc.collect()
    for number in range(orders):
        intent = Intent(
            account=1,
            instrument=1,
            strategy=0,
            side=Side.BUY,
            type=OrderType.LIMIT,
            tif=TimeInForce.GTC,
            price_ticks=PRICE - number % 1000,
            quantity_lots=100 + number % 7,
        )
        now_ns += 1_000_000
        if number % 1000 == 0:
            path.gate.set_quote(1, PRICE - 1, PRICE + 1, now_ns)
        begun = time.perf_counter_ns()
        decision = path.submit(intent, now_ns)
        submits.append((time.perf_counter_ns() - begun) / 1000)
        assert decision.accepted, decision
        report = OrderReport(
            kind=ReportKind.ACK,
            account=1,
            symbol="BTCUSDT",
            client_order_id=decision.client_order_id,
            venue_order_id=number + 1,
            filled_lots=0,
        )
        begun = time.perf_counter_ns()
        path.on_order_report(report, now_ns)
        reports.append((time.perf_counter_ns() - begun) / 1000)
    return submits, reports


def open_path(folder: Path, durability: str) -> OrderPath:
    """Return an order path on real parts with room for all orders."""
    account = Account(
        slot=1,
        id="00000000-0000-0000-0000-000000000001",
        tenant_slot=1,
        tenant_id="10000000-0000-0000-0000-000000000001",
        name="main",
        venue="binance_spot",
        kind="main",
    )
    instrument = BTCUSDT
    gate = open_gate(folder / "gate", instrument)
    ledger = Ledger([account], [instrument])
    journal = Journal.open(folder / "journal", shard=0, durability=durability)
    journal.begin(1)
    market = Market(gate, [instrument], [])
    venue: Any = SilentVenue()
    return OrderPath(
        shard=0,
        venue=venue,
        gate=gate,
        journal=journal,
        ledger=ledger,
        exposure=Exposure(gate, ledger, {"BTC": 1, "USDT": 2}),
        budget=OrderBudget(OpenBudget(folder / "budget"), venue.name, [(1, account.id)]),
        quotes=market.quotes,
        observers=[],
        follow=NobodyFollows(),
    )


def open_gate(path: Path, instrument: Instrument) -> Gate:
    """Return a gate on which everything is allowed."""
    Gate.create(path)
    gate = Gate(path)
    for scope, slot in ((Scope.GLOBAL, 0), (Scope.TENANT, 1), (Scope.ACCOUNT, 1), (Scope.STRATEGY, 0)):
        gate.set_state(scope, slot, TradingState.ACTIVE)
        gate.set_limits(
            scope,
            slot,
            version=1,
            order_value_max=PLENTY,
            open_value_max=PLENTY,
            gross_value_max=PLENTY,
            orders_per_second_max=1_000_000,
        )
    gate.set_instrument(
        1,
        version=1,
        trading=True,
        base_asset=1,
        quote_asset=2,
        price_min_ticks=instrument.price_min_ticks,
        price_max_ticks=instrument.price_max_ticks,
        quantity_min_lots=1,
        quantity_max_lots=instrument.quantity_max_lots,
        market_quantity_max_lots=instrument.market_quantity_max_lots,
        notional_min_units=instrument.notional_min_units,
        base_units_per_lot=instrument.units_per_lot,
        quote_units_per_tick_lot=instrument.units_per_tick_lot,
        value_numerator=1,
        value_denominator=100,
        collar_bps=500,
        quote_age_max_ns=5_000_000_000,
        fee_bps=10,
    )
    gate.set_account(1, tenant=1)
    gate.set_position_limits(1, 1, order_lots_max=10**9, position_lots_max=10**12)
    gate.set_total(1, 1, PLENTY)
    gate.set_total(1, 2, PLENTY)
    gate.set_account_ready(1, True)
    return gate


def disk_folder() -> Path:
    """Return where the journal lies: on a disk, not in memory, since that is what the engine does."""
    folder = Path(os.environ.get("MEXOMS_HOME") or Path(__file__).resolve().parents[1] / "var")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def percentile(values: Iterable[float], percent: int) -> float:
    """Return the value below which so many percent lie."""
    ordered: Sequence[float] = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
