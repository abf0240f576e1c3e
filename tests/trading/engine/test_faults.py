"""The engine with the real connector against the exchange process, and what goes wrong between them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable

import pytest

from tests.trading.engine.engine_desk import S, account, close_engine, intent, open_engine
from tests.trading.engine.engine_program import SYMBOL, desk_of, quote, urls_of
from tests.venues.listener import Heard
from tests.venues.simulator_process import SimulatorProcess
from trading.engine.engine import Engine
from trading.engine.journal import JournalReader
from trading.engine.replay import entries_of
from trading.records import DriftFound
from trading.types import Decision, OrderState, PlaceCommand
from venues.base import OrderType, PlaceOrder, Side, TimeInForce
from venues.binance.spot import BinanceSpot
from venues.rate_budget import RateBudget

WAIT_S = 15.0
#: Every test has a journal of its own at one exchange, which must never see an id twice.
EPOCHS = itertools.count(1)
MARKET = {"type": OrderType.MARKET, "tif": TimeInForce.NONE, "price_ticks": 0, "quantity_lots": 500}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    process = SimulatorProcess(tmp_path_factory.mktemp("simulator"), accounts=2).start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
async def engine(exchange, tmp_path) -> AsyncIterator[Engine]:
    venue = BinanceSpot(urls_of(exchange.port), rate_budget=RateBudget(tmp_path / "rate-budget"))
    desk = await desk_of(venue, exchange.keys, epoch=next(EPOCHS))
    engine = open_engine(tmp_path, venue, time.time_ns, desk=desk)
    try:
        await engine.start()
        await until(lambda: all_ready(engine) and quote(engine)[0])
        yield engine
    finally:
        exchange.control("faults", method="DELETE")
        await engine.stop()
        close_engine(engine)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.01)


def all_ready(engine: Engine) -> bool:
    return all(engine.account_ready(one.slot) for one in engine.desk.accounts)


def submit(engine: Engine, **changed) -> Decision:
    """Submit a bid that rests far below the market, but for what is changed."""
    far = {"price_ticks": quote(engine)[0] * 9 // 10, "quantity_lots": 100}
    decision = engine.submit(intent(**(far | changed)), time.time_ns())
    assert decision.accepted, decision
    return decision


def state(engine: Engine, decision: Decision) -> OrderState:
    return engine.ledger.orders[decision.client_order_id].state


def drifts(engine: Engine) -> list[DriftFound]:
    entries = entries_of(JournalReader(engine.journal.directory))
    return [entry.record for entry in entries if isinstance(entry.record, DriftFound)]


def sent(exchange: SimulatorProcess, decision: Decision) -> int:
    """Return how often the exchange got this order."""
    return len(
        [
            row
            for row in exchange.control(f"requests?client_order_id={decision.client_order_id}")
            if row["endpoint"] == "order.place"
        ]
    )


async def test_place_fill_and_cancel(engine, exchange):
    resting, market = submit(engine), submit(engine, **MARKET)
    await until(lambda: state(engine, market) is OrderState.FILLED)
    assert state(engine, resting) is OrderState.OPEN
    assert engine.gate.position(1, 1) == (500, 100, 0)
    assert engine.cancel(resting.client_order_id, time.time_ns()).accepted
    await until(lambda: state(engine, resting) is OrderState.CANCELED)
    assert engine.gate.position(1, 1) == (500, 0, 0)
    assert sent(exchange, resting) == sent(exchange, market) == 1


async def test_an_order_by_command_takes_the_same_path(engine, exchange):
    command = PlaceCommand(
        id="6b1f2f0e-0000-4000-8000-000000000001", tenant_id=account(1).tenant_id,
        deadline_ns=time.time_ns() + 10 * S, account=1, instrument=1, side=Side.BUY,
        type=OrderType.MARKET, tif=TimeInForce.NONE, price_ticks=0, quantity_lots=200,
    )  # fmt: skip
    decision = engine.handle(command)
    assert engine.handle(command) == decision
    await until(lambda: state(engine, decision) is OrderState.FILLED)
    assert sent(exchange, decision) == 1


async def test_what_the_exchange_refuses_is_over_and_released(engine):
    ask = quote(engine)[1]
    crossing = {"type": OrderType.LIMIT_MAKER, "tif": TimeInForce.NONE, "price_ticks": ask * 11 // 10}
    decision = submit(engine, **crossing)
    await until(lambda: state(engine, decision) is OrderState.REJECTED)
    assert engine.gate.position(1, 1)[1:] == (0, 0)


@pytest.mark.parametrize("kind", ["drop_reply", "error_executed", "disconnect"])
async def test_a_lost_answer_to_an_executed_order_ends_in_its_fill(engine, exchange, kind):
    exchange.control("faults", {"kind": kind, "endpoint": "order.place"})
    before = engine.position_lots(1, 1)
    decision = submit(engine, **MARKET)
    await until(lambda: state(engine, decision) is OrderState.FILLED)
    await until(lambda: all_ready(engine))
    assert engine.position_lots(1, 1) == before + 500
    assert engine.gate.position(1, 1) == (before + 500, 0, 0)
    assert sent(exchange, decision) == 1


async def test_an_error_that_proves_nothing_keeps_the_reservation(engine, exchange):
    exchange.control("faults", {"kind": "error", "endpoint": "order.place"})
    decision = submit(engine)
    await until(lambda: state(engine, decision) is OrderState.UNKNOWN)
    await until(lambda: engine.doubts.open[1, decision.client_order_id].asked >= 2)
    assert state(engine, decision) is OrderState.UNKNOWN
    assert engine.gate.position(1, 1)[1] == 100
    assert sent(exchange, decision) == 1


async def test_an_order_that_is_executed_late_is_found(engine, exchange):
    exchange.control("faults", {"kind": "late_execution", "endpoint": "order.place", "delay_ms": 1_500})
    decision = submit(engine, **MARKET)
    await until(lambda: state(engine, decision) is OrderState.UNKNOWN)
    assert engine.gate.position(1, 1)[1] == 500
    await until(lambda: state(engine, decision) is OrderState.FILLED)
    assert sent(exchange, decision) == 1


async def test_fills_during_a_break_of_the_stream_are_found(engine, exchange):
    before = engine.position_lots(1, 1)
    decisions = [submit(engine, **MARKET | {"quantity_lots": 300 + number}) for number in range(5)]
    exchange.control("disconnect", {"streams": "user"})
    await until(lambda: all(state(engine, one) is OrderState.FILLED for one in decisions))
    await until(lambda: all_ready(engine))
    assert engine.position_lots(1, 1) == before + sum(300 + number for number in range(5))
    assert engine.gate.position(1, 1)[1:] == (0, 0)
    assert drifts(engine) == []


async def test_an_ended_subscription_closes_the_account_until_it_is_reconciled(engine, exchange):
    states = []

    class Listener:
        def on_account_state(self, account, state, now_ns):
            states.append((account, state))

        def on_timer(self, now_ns):
            pass

        def on_quote(self, *quote):
            pass

        on_trade = on_book = on_order = on_quote

    engine.observe(Listener())
    exchange.control("disconnect", {"streams": "terminate", "account": 0})
    await until(lambda: (1, "ready") in states)
    assert states == [(1, "stale"), (1, "ready")]


async def test_somebody_elses_order_is_adopted_and_can_be_taken_back(engine, exchange):
    stranger = BinanceSpot(urls_of(exchange.port))
    key = exchange.keys[1]
    stranger.add_account(2, key["api_key"], key["api_secret"])
    await stranger.start(Heard())
    instrument = next(one for one in engine.desk.instruments if one.symbol == SYMBOL)
    bid = quote(engine)[0]
    now_ms = stranger.now_ms(time.time_ns())
    stranger.place(
        PlaceOrder(
            2, instrument, "web-1", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, bid // 2, 700, now_ms, 5_000
        )
    )
    await until(lambda: engine.ledger.find(2, "web-1") is not None and all_ready(engine))
    assert engine.gate.position(2, 1)[1] == 700
    order = engine.ledger.find(2, "web-1")
    assert order is not None
    assert engine.order_path.cancel_order(order, time.time_ns()).accepted
    await until(lambda: engine.gate.position(2, 1)[1] == 0)
    await stranger.stop()
