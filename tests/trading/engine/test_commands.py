"""Commands of people and programs: acted on once, for their own tenant, before their deadline."""

from __future__ import annotations

import pytest

from risk.codes import Code
from tests.trading.engine.conftest import start_engine
from tests.trading.engine.engine_desk import (
    PRICE,
    S,
    account,
    close_engine,
    intent,
    make_desk,
    open_engine,
    records_of,
)
from tests.trading.engine.scripted_venue import ScriptedVenue, report
from trading.records import CommandHandled, OrderSending
from trading.types import CancelAllCommand, CancelCommand, PlaceCommand
from venues.base import OrderType, ReportKind, Side, TimeInForce

TENANT_ID = account(1).tenant_id
OTHER_TENANT_ID = account(9, tenant=2).tenant_id


def place(engine, command_id: str = "c1", tenant_id: str = TENANT_ID, **changed) -> PlaceCommand:
    fields = {
        "account": 1, "instrument": 1, "side": Side.BUY, "type": OrderType.LIMIT,
        "tif": TimeInForce.GTC, "price_ticks": PRICE, "quantity_lots": 10,
    }  # fmt: skip
    return PlaceCommand(
        id=command_id, tenant_id=tenant_id, deadline_ns=engine.clock() + 10 * S, **(fields | changed)
    )


def cancel(engine, name: str, command_id: str = "x1", tenant_id: str = TENANT_ID) -> CancelCommand:
    return CancelCommand(
        id=command_id, tenant_id=tenant_id, deadline_ns=engine.clock() + 10 * S, client_order_id=name
    )


def outcomes(tmp_path) -> list[tuple[str, str]]:
    return [(record.command_id, record.outcome) for record in records_of(tmp_path, CommandHandled)]


def test_a_command_that_comes_twice_is_acted_on_once(engine, venue, tmp_path):
    first = engine.handle(place(engine))
    assert engine.handle(place(engine)) == first
    assert first.accepted
    assert len(venue.placed) == 1
    assert outcomes(tmp_path) == [("c1", "accepted")]
    assert records_of(tmp_path, OrderSending)[0].command_id == "c1"


async def test_a_command_that_comes_again_after_a_restart_is_not_acted_on(tmp_path, clock):
    venue = ScriptedVenue()
    engine = open_engine(tmp_path, venue, clock)
    await start_engine(engine, venue, clock)
    first = engine.handle(place(engine))
    await engine.background.stop()
    close_engine(engine)
    engine = open_engine(tmp_path, venue, clock, desk=make_desk(epoch=2))
    await start_engine(engine, venue, clock)
    assert engine.handle(place(engine)) == first
    clock.pass_ms(60_000)
    assert engine.handle(place(engine)) == first
    assert len(venue.placed) == 1
    assert outcomes(tmp_path) == [("c1", "accepted")]
    await engine.background.stop()
    close_engine(engine)


async def test_an_answer_that_a_crash_cut_off_is_written_at_the_next_start(tmp_path, clock):
    venue = ScriptedVenue()
    engine = open_engine(tmp_path, venue, clock)
    await start_engine(engine, venue, clock)
    decision = engine.submit(intent(command_id="c7"), clock())
    await engine.background.stop()
    close_engine(engine)
    assert outcomes(tmp_path) == []
    engine = open_engine(tmp_path, venue, clock, desk=make_desk(epoch=2))
    await start_engine(engine, venue, clock)
    assert outcomes(tmp_path) == [("c7", "accepted")]
    assert engine.handle(place(engine, "c7")).client_order_id == decision.client_order_id
    await engine.background.stop()
    close_engine(engine)


def test_a_command_past_its_deadline_expires(engine, venue, clock, tmp_path):
    command = place(engine)
    clock.pass_ms(10_001)
    decision = engine.handle(command)
    assert decision.code == Code.STALE_COMMAND
    assert venue.placed == []
    assert outcomes(tmp_path) == [("c1", "expired")]


def test_a_refused_command_says_why(engine, tmp_path):
    decision = engine.handle(place(engine, quantity_lots=10**9))
    assert decision.code == Code.LOT
    (record,) = records_of(tmp_path, CommandHandled)
    assert (record.outcome, record.code, record.text) == ("refused", Code.LOT, decision.text)


@pytest.mark.parametrize("changed", [{"tenant_id": OTHER_TENANT_ID}, {"account": 9}])
def test_nobody_places_on_the_accounts_of_others(engine, venue, tmp_path, changed):
    assert engine.handle(place(engine, **changed)).code == Code.UNKNOWN_ACCOUNT
    assert venue.placed == []
    assert outcomes(tmp_path) == [("c1", "refused")]


def test_cancelling_by_command(engine, venue, tmp_path):
    placed = engine.handle(place(engine))
    assert (
        engine.handle(cancel(engine, placed.client_order_id, "x0", OTHER_TENANT_ID)).code
        == Code.UNKNOWN_ORDER
    )
    assert venue.cancelled == []
    assert engine.handle(cancel(engine, placed.client_order_id, "x1")).accepted
    assert len(venue.cancelled) == 1
    engine.on_order_report(report(placed, ReportKind.CANCELED, filled_lots=0))
    assert engine.handle(cancel(engine, placed.client_order_id, "x2")).code == Code.UNKNOWN_ORDER
    assert engine.handle(cancel(engine, "mx-0-1-zzz", "x3")).code == Code.UNKNOWN_ORDER
    assert outcomes(tmp_path)[1:] == [
        ("x0", "unknown_order"), ("x1", "accepted"), ("x2", "unknown_order"), ("x3", "unknown_order"),
    ]  # fmt: skip


def test_cancel_all_takes_the_tenants_orders_as_asked(engine, venue, clock):
    names = {engine.submit(intent(account=slot), clock()).client_order_id: slot for slot in (1, 2)}

    def cancel_all(command_id: str, tenant_id: str = TENANT_ID, **scope: int):
        command = CancelAllCommand(id=command_id, tenant_id=tenant_id, deadline_ns=clock() + S, **scope)
        engine.handle(command)
        return [names[one.client_order_id] for one in venue.cancelled]

    assert cancel_all("a", OTHER_TENANT_ID) == []
    assert cancel_all("b", account=2) == [2]
    assert cancel_all("c", strategy=5) == [2]
    assert cancel_all("d") == [2, 1]
