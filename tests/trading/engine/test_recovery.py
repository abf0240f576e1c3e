"""Every start is a recovery: ledger and gate come back as they were, whatever was cut off."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from risk.codes import Code, Scope
from tests.trading.engine.conftest import settle, start_engine
from tests.trading.engine.engine_desk import (
    MANUAL,
    PRICE,
    STRATEGY,
    Clock,
    account,
    close_engine,
    intent,
    journal_of,
    make_desk,
    open_engine,
    records_of,
)
from tests.trading.engine.scripted_venue import ScriptedVenue, fill, report
from tests.trading.engine.test_reconcile import snapshot
from trading.engine import engine as engine_module
from trading.engine.checkpoint import checkpoint_path, checkpoints_in
from trading.engine.engine import Engine
from trading.engine.journal import JournalReader
from trading.engine.journal_format import segment_path
from trading.engine.ledger import Ledger
from trading.engine.replay import replay
from trading.records import EngineStarted, FillApplied, OrderReported
from trading.types import Desk, OrderState
from venues.base import OrderType, ReportKind, Side, TimeInForce


class House:
    """A folder, a venue and a clock that outlive engines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venue = ScriptedVenue()
        self.clock = Clock()
        self.epoch = 0

    @contextlib.asynccontextmanager
    async def engine(self, desk: Desk | None = None, **options) -> AsyncIterator[Engine]:
        """Start an engine and let it die at the end, without a goodbye."""
        self.epoch += 1
        desk = desk or make_desk(epoch=self.epoch)
        engine = open_engine(self.folder, self.venue, self.clock, desk=desk, **options)
        await start_engine(engine, self.venue, self.clock)
        try:
            yield engine
        finally:
            await engine.background.stop()
            close_engine(engine)

    def replayed(self, desk: Desk | None = None, *, whole: bool = False) -> Ledger:
        desk = desk or make_desk()
        ledger = Ledger(desk.accounts, desk.instruments)
        memory = replay(JournalReader(self.folder / "journal"), ledger, whole=whole)
        assert memory.differences == 0
        ledger._check()
        return ledger


@pytest.fixture
def house(tmp_path) -> House:
    return House(tmp_path)


def live(engine: Engine, clock: Clock) -> None:
    """Leave orders in every state behind, with fills, for people and a strategy, on two accounts."""
    ended = (ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED, ReportKind.NOT_SENT)
    for number, kind in enumerate((*ended, ReportKind.UNKNOWN, ReportKind.ACK)):
        decision = engine.submit(intent(quantity_lots=20 + number), clock.pass_ms(1))
        engine.on_order_report(report(decision, kind, venue_order_id=100 + number))
    part = engine.submit(intent(strategy=STRATEGY), clock.pass_ms(1))
    engine.on_order_report(fill(part, 1, 4, 4, venue_order_id=200))
    late = engine.submit(intent(quantity_lots=11), clock.pass_ms(1))
    engine.on_order_report(report(late, ReportKind.CANCELED, filled_lots=5, venue_order_id=201))
    engine.on_order_report(fill(late, 2, 3, 3, venue_order_id=201))
    sell = engine.submit(intent(side=Side.SELL, quantity_lots=9, price_ticks=PRICE + 7), clock.pass_ms(1))
    engine.on_order_report(fill(sell, 3, 9, 9, fill_price_ticks=PRICE + 7, venue_order_id=202))
    engine.submit(intent(quantity_lots=30), clock.pass_ms(1))
    market = intent(type=OrderType.MARKET, tif=TimeInForce.NONE, price_ticks=0, quantity_lots=12)
    cancelled = engine.submit(market, clock.pass_ms(1))
    engine.cancel(cancelled.client_order_id, clock.pass_ms(1))


def gate_books(engine: Engine) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [tuple(engine.gate.position(slot, 1)) for slot in (1, 2)]
    # What is there is the exchange's to say; what is set aside is ours.
    found += [(engine.gate.asset(slot, asset)[1],) for slot in (1, 2) for asset in (1, 2, 3)]
    scopes = [(Scope.GLOBAL, 0), (Scope.TENANT, 1), (Scope.ACCOUNT, 1)]
    scopes += [(Scope.STRATEGY, slot) for slot in (MANUAL, STRATEGY)]
    return found + [tuple(engine.gate.exposure(*scope)) for scope in scopes]


async def test_the_journal_makes_the_ledger_again_to_the_byte(house):
    async with house.engine() as engine:
        live(engine, house.clock)
        await settle(engine)
        engine.ledger._check()
        digest = engine.ledger.state_hash()
    assert house.replayed().state_hash() == digest
    assert house.replayed(whole=True).state_hash() == digest


async def test_the_gate_is_rebuilt_as_it_was(house):
    async with house.engine() as engine:
        live(engine, house.clock)
        before = gate_books(engine)
    async with house.engine() as engine:
        assert gate_books(engine) == before
        assert before[0][1:] != (0, 0), "the story leaves reservations"


async def test_what_was_being_sent_is_unknown_after_a_restart(house):
    async with house.engine() as engine:
        decision = engine.submit(intent(), house.clock())
    async with house.engine() as engine:
        order = engine.ledger.orders[decision.client_order_id]
        assert order.state is OrderState.UNKNOWN
        assert engine.gate.position(1, 1) == (0, 10, 0)
        assert [record.clean for record in records_of(house.folder, EngineStarted)] == [True, False]
        house.venue.known[order.client_order_id] = snapshot(order.client_order_id)
        engine.on_timer(house.clock.pass_ms(300))
        await settle(engine)
        assert engine.ledger.orders[order.client_order_id].state is OrderState.OPEN


async def test_no_name_is_used_twice_over_restarts(house):
    names = []
    for _ in range(3):
        async with house.engine() as engine:
            names += [engine.submit(intent(quantity_lots=n), house.clock()).client_order_id for n in (10, 11)]
    assert len(set(names)) == 6


async def test_a_fill_whose_report_was_cut_off_is_counted_once_and_reported(house):
    async with house.engine() as engine:
        decision = engine.submit(intent(), house.clock())
        engine.on_order_report(report(decision, ReportKind.ACK))
        engine.on_order_report(fill(decision, 1, 10, 10))
    entries = journal_of(house.folder)
    cut = next(entry.next for entry in entries if isinstance(entry.record, FillApplied))
    path = segment_path(house.folder / "journal", cut.segment)
    path.write_bytes(path.read_bytes()[: cut.offset + 20])
    async with house.engine() as engine:
        order = engine.ledger.orders[decision.client_order_id]
        assert (order.state, order.filled_lots) == (OrderState.FILLED, 10)
        last = records_of(house.folder, OrderReported)[-1]
        assert (last.report.client_order_id, last.state_after) == (
            decision.client_order_id,
            OrderState.FILLED,
        )
        assert engine.gate.position(1, 1) == (10, 0, 0)
        digest = engine.ledger.state_hash()
    assert house.replayed(whole=True).state_hash() == digest


async def test_a_start_replays_from_the_last_checkpoint(house):
    async with house.engine() as engine:
        live(engine, house.clock)
    async with house.engine() as engine:
        digest = engine.ledger.state_hash()
    ledger = Ledger(make_desk().accounts, make_desk().instruments)
    memory = replay(JournalReader(house.folder / "journal"), ledger)
    assert memory.records < len(journal_of(house.folder)) / 2
    assert ledger.state_hash() == digest == house.replayed(whole=True).state_hash()


async def test_a_long_life_makes_checkpoints(house, monkeypatch):
    monkeypatch.setattr(engine_module, "CHECKPOINT_BYTES", 4_000)
    async with house.engine() as engine:
        for _ in range(4):
            engine.on_quote("BTCUSDT", PRICE - 1, 100, PRICE + 1, 100)
            live(engine, house.clock)
            # Long enough that the next round's orders are no repetition.
            engine.on_timer(house.clock.pass_ms(5_000))
            await settle(engine)
        digest = engine.ledger.state_hash()
        handled = dict(engine.commands.answered)
    assert len(checkpoints_in(house.folder / "journal")) == 2
    ledger = Ledger(make_desk().accounts, make_desk().instruments)
    memory = replay(JournalReader(house.folder / "journal"), ledger)
    assert memory.answered == handled
    assert memory.ready == {1, 2}
    assert ledger.state_hash() == digest == house.replayed(whole=True).state_hash()


@pytest.mark.parametrize("damage", ["bytes", "gone", "shape"])
async def test_a_checkpoint_that_is_no_use_is_passed_over(house, damage):
    async with house.engine() as engine:
        live(engine, house.clock)
    async with house.engine() as engine:
        digest = engine.ledger.state_hash()
    folder = house.folder / "journal"
    for segment in checkpoints_in(folder):
        path = checkpoint_path(folder, segment)
        if damage == "gone":
            path.unlink()
        else:
            data = path.read_bytes()
            path.write_bytes(data[:-9] if damage == "bytes" else b"\0\0\0\0")
    assert house.replayed().state_hash() == digest


async def test_an_account_that_comes_back_to_the_desk_brings_its_story(house):
    async with house.engine() as engine:
        live(engine, house.clock)
        position = engine.position_lots(1, 1)
    without = make_desk(epoch=2, accounts=[account(2)])
    async with house.engine(desk=without) as engine:
        assert engine.ledger.open_orders() == []
    house.epoch = 2
    async with house.engine() as engine:
        assert engine.position_lots(1, 1) == position != 0


async def test_the_late_event_of_a_presumed_dead_order_is_recognised_after_many_others(house, monkeypatch):
    monkeypatch.setattr("trading.engine.ledger.CLOSED_ORDERS_MAX", 5)
    async with house.engine() as engine:
        dead = engine.submit(intent(), house.clock())
        engine.on_order_report(report(dead, ReportKind.UNKNOWN))
        engine.on_order_report(report(dead, ReportKind.NOT_SENT, text="presumed dead"))
        for number in range(20):
            other = engine.submit(intent(quantity_lots=20 + number), house.clock())
            engine.on_order_report(report(other, ReportKind.REJECTED, code=-2010))
        assert len(engine.ledger.orders) <= 7
        engine.on_order_report(fill(dead, 1, 10, 10))
        assert engine.gate.position(1, 1) == (10, 0, 0)
        engine.ledger._check()


async def test_a_disk_that_fills_up_stops_orders_and_nothing_else(house, monkeypatch):
    async with house.engine() as engine:
        first = engine.submit(intent(), house.clock())

        def full(file: int, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("trading.engine.journal.os.write", full)
        refused = engine.submit(intent(quantity_lots=11), house.clock())
        assert refused.code == Code.JOURNAL
        assert len(house.venue.placed) == 1
        assert engine.gate.position(1, 1) == (0, 10, 0)
        engine.on_order_report(fill(first, 1, 4, 4))
        assert engine.gate.position(1, 1) == (4, 6, 0)
        assert engine.cancel(first.client_order_id, house.clock()).accepted
        monkeypatch.undo()
        assert engine.submit(intent(quantity_lots=12), house.clock()).code == Code.JOURNAL, "it latches"


async def test_a_task_that_fails_ends_the_engine(house):
    async with house.engine() as engine:

        async def broken() -> None:
            raise RuntimeError("a bug")

        engine.background.spawn(broken(), "broken")
        with pytest.raises(RuntimeError, match="a bug"):
            await engine.wait_failed()
