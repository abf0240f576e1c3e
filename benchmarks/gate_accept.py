"""How long the risk gate takes, called from Python, to check and reserve an order that it accepts."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

from risk.codes import Scope
from risk.gate import Gate
from tests.risk.gate_desk import ASK, BID, INSTRUMENT, NOW_NS, TENANT_OF, WIDE, new_gate, open_desk
from venues.base import OrderType, Side

ID = "gate_accept"
ORDERS = 200_000
# Orders come far enough apart that no account sends more in half a second than the gate remembers.
ORDER_EVERY_NS = 1_000_000
MEDIAN_US_MAX = 3.0
P99_US_MAX = 10.0

Order = tuple[int, int, int, int, int, int, int, int, int]


def measure() -> dict[str, Any]:
    """Time each check of random orders in all scopes; every reservation is released, untimed."""
    with tempfile.TemporaryDirectory() as folder:
        gate = open_desk(new_gate(Path(folder) / "gate"))
        lift_rates(gate)
        orders = random_orders()
        checked = time_checks(gate, orders)
        empty = time_empty_calls(gate, orders)
        gate.close()
    median, p99 = quantile(checked, 0.5), quantile(checked, 0.99)
    return {
        "id": ID,
        "what": "check and reserve one order, all scopes and limits set, from Python",
        "unit": "us",
        "median": median,
        "p99": p99,
        "n": len(checked),
        "reference": {
            "what": "an empty Cython call (may_send on a slot out of range) with the same two clock reads",
            "median": quantile(empty, 0.5),
            "p99": quantile(empty, 0.99),
        },
        "goal": "p50 <= 3 us, p99 <= 10 us required; 0.5/2 goal",
        "met": median <= MEDIAN_US_MAX and p99 <= P99_US_MAX,
    }


def lift_rates(gate: Gate) -> None:
    """Let the orders per second never be the reason; the limit is still asked."""
    rates = WIDE | {"orders_per_second_max": 1_000_000}
    scopes = [
        (Scope.GLOBAL, 0),
        (Scope.TENANT, 1),
        (Scope.TENANT, 2),
        *((Scope.STRATEGY, s) for s in (0, 1, 2)),
    ]
    for scope, slot in [*scopes, *((Scope.ACCOUNT, account) for account in TENANT_OF)]:
        gate.set_limits(scope, slot, version=9, **rates)


def random_orders() -> list[Order]:
    """Return limit and market orders of all accounts and strategies, no two alike within the window."""
    draw = random.Random(7)
    orders = []
    for number in range(ORDERS):
        account = draw.choice(list(TENANT_OF))
        type_ = draw.choice((OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET))
        price = 0 if type_ == OrderType.MARKET else draw.randrange(BID - 40, ASK + 40)
        now_ns = NOW_NS + number * ORDER_EVERY_NS
        head = (TENANT_OF[account], account, draw.choice((0, 1, 2)), INSTRUMENT)
        orders.append(
            (*head, int(draw.choice(list(Side))), int(type_), price, 1_000 + number % 9_000, now_ns)
        )
    return orders


def time_checks(gate: Gate, orders: list[Order]) -> list[int]:
    """Return nanoseconds per check."""
    clock, check, release = time.perf_counter_ns, gate.check, gate.release
    times = []
    for number, order in enumerate(orders):
        tenant, account, strategy, instrument, side, type_, price, lots, now_ns = order
        if number % 100 == 0:
            gate.set_quote(INSTRUMENT, BID, ASK, now_ns)
        begun = clock()
        code = check(tenant, account, strategy, instrument, side, type_, price, lots, now_ns)
        times.append(clock() - begun)
        assert code == 0, (code, order)
        release(tenant, account, strategy, instrument, side, gate.reserved_ticks, lots)
    return times


def time_empty_calls(gate: Gate, orders: list[Order]) -> list[int]:
    """Return nanoseconds per call of a compiled method that has next to nothing to do."""
    clock, call = time.perf_counter_ns, gate.may_send
    times = []
    for _ in orders:
        begun = clock()
        call(-1, -1, -1)
        times.append(clock() - begun)
    return times


def quantile(times_ns: list[int], share: float) -> float:
    """Return the quantile in microseconds."""
    ordered = sorted(times_ns)
    return ordered[int(share * (len(ordered) - 1))] / 1_000
