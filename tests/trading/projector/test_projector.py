from __future__ import annotations

import random
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from accounts.tenancy import tenant_scope
from tests.trading.desks import forget_rows, list_btcusdt, owners_of, rows_written
from tests.trading.projector.journal_story import START_NS, Story, cut, day
from trading import services
from trading.models import AccountStatus, Command, Fill, InstrumentVersion, JournalCursor, Order, Position
from trading.projector import Projector
from venues.base import ReportKind

pytestmark = pytest.mark.django_db

INSTANCE = UUID(int=77)


@pytest.fixture
def projector() -> Projector:
    list_btcusdt()
    return Projector(strategy_of=lambda slot: INSTANCE if slot == 5 else None)


@pytest.fixture
def tenants(demo_desk, other_desk):
    return demo_desk.tenant, other_desk.tenant


@pytest.fixture
def entries(tenants):
    demo, other = tenants
    return day([*owners_of(demo)[:3], *owners_of(other)[:1]])


def test_each_tenant_gets_the_rows_of_its_own_accounts_only(projector, tenants, entries):
    projector.apply(0, entries)
    for tenant in tenants:
        owned = {owner.account_id for owner in owners_of(tenant)}
        with tenant_scope(tenant.id):
            for model in (Order, Fill, Position, AccountStatus):
                rows = list(model.objects.values_list("tenant_id", "account_id"))
                assert rows
                assert {row[0] for row in rows} == {tenant.id}
                assert {row[1] for row in rows} <= owned


def test_a_day_becomes_the_rows_that_it_tells_of(projector, tenants, entries):
    projector.apply(0, entries)
    with tenant_scope(tenants[0].id):
        assert Order.objects.filter(state="filled").count() == 15
        assert Order.objects.filter(state="refused", code="R-POSITION").count() == 15
        assert Fill.objects.count() == 30
        position = Position.objects.earliest("account__slot")
        assert position.quantity == Decimal("0.005")
        assert position.cost == Decimal("308.42995")
    with tenant_scope(tenants[1].id):
        assert Fill.objects.count() == 10


def test_applying_the_journal_twice_changes_no_row(projector, tenants, entries):
    projector.apply(0, entries)
    before = rows_written(*tenants)
    assert not projector.apply(0, entries)
    JournalCursor.objects.update(epoch=0, sequence=0)
    assert not projector.apply(0, entries)
    assert rows_written(*tenants) == before


@pytest.mark.parametrize("seed", range(3))
def test_any_cut_into_batches_gives_the_same_rows(projector, tenants, entries, seed):
    projector.apply(0, entries)
    whole = rows_written(*tenants)
    forget_rows(*tenants)
    for batch in cut(entries, random.Random(seed).randint(1, 40)):
        projector.apply(0, batch)
    assert rows_written(*tenants) == whole


def test_an_older_part_of_the_journal_never_overwrites_a_newer_row(projector, tenants, entries):
    projector.apply(0, entries)
    before = rows_written(*tenants)
    JournalCursor.objects.update(epoch=0, sequence=0)
    projector.apply(0, entries[: len(entries) // 2])
    assert rows_written(*tenants) == before


def test_only_changed_rows_are_announced(projector, tenants, entries):
    owner = owners_of(tenants[0])[0]
    projector.apply(0, entries)
    story = Story(epoch=2)
    client_id = story.send(owner)
    changes = projector.apply(0, story.entries)
    with tenant_scope(tenants[0].id):
        sent = Order.objects.get(client_order_id=client_id)
    assert list(changes.of(tenants[0].id).ids["orders"]) == [sent.id]
    assert not changes.of(tenants[1].id)


def test_an_order_is_followed_across_batches_and_keeps_its_strategy(projector, tenants):
    story = Story()
    story.round_trip(owners_of(tenants[0])[0], strategy=5)
    for entry in story.entries:
        projector.apply(0, [entry])
    with tenant_scope(tenants[0].id):
        order = Order.objects.get()
        assert (order.state, order.strategy_instance) == ("filled", INSTANCE)
        assert set(Fill.objects.values_list("order_id", "strategy_instance")) == {(order.id, INSTANCE)}


def test_an_old_record_is_read_with_the_tick_and_lot_of_its_own_version(projector, tenants):
    story = Story()
    client_id = story.send(owners_of(tenants[0])[0], lots=100)
    changed = list_btcusdt(tick=Decimal("0.1"), lot=Decimal("0.001"))
    assert changed.version == 2
    projector.apply(0, story.entries)
    with tenant_scope(tenants[0].id):
        order = Order.objects.get(client_order_id=client_id)
    assert (order.price, order.quantity) == (Decimal("61685.99"), Decimal("0.001"))
    assert InstrumentVersion.objects.count() == 2


def test_an_engines_start_and_end_show_on_every_account_of_the_shard(projector, tenants):
    from trading import records

    story = Story()
    story.state(owners_of(tenants[0])[0], "ready")
    story.write(records.EngineStopped())
    projector.apply(0, story.entries)
    for tenant in tenants:
        with tenant_scope(tenant.id):
            assert set(AccountStatus.objects.values_list("state", flat=True)) == {"stale"}
    story.write(records.EngineStarted(shard=0, epoch=2, clean=True))
    projector.apply(0, story.entries)
    with tenant_scope(tenants[1].id):
        assert set(AccountStatus.objects.values_list("state", flat=True)) == {"incomplete"}


def test_the_engines_answer_outranks_the_sweepers_guess(projector, tenants):
    demo = tenants[0]
    command = services.cancel_all(tenant_id=demo.id, requested_by="t", now_ns=START_NS)
    services.requeue_commands(tenant_id=demo.id, now_ns=START_NS + 10**12)
    story = Story()
    with tenant_scope(demo.id):
        assert Command.objects.get().state == "expired"
    story.handled(owners_of(demo)[0], str(command.id), "accepted")
    projector.apply(0, story.entries)
    with tenant_scope(demo.id):
        row = Command.objects.get()
    assert (row.state, row.code) == ("accepted", "")
    assert row.handled_at is not None


def test_another_tenants_command_cannot_be_answered_by_a_wrong_record(projector, tenants):
    demo, other = tenants
    command = services.cancel_all(tenant_id=demo.id, requested_by="t", now_ns=START_NS)
    story = Story()
    story.handled(owners_of(other)[0], str(command.id), "accepted")
    projector.apply(0, story.entries)
    with tenant_scope(demo.id):
        assert Command.objects.get().state == "pending"


def test_a_report_about_an_unknown_order_is_told_and_stops_nothing(projector, tenants, caplog):
    from trading.types import OrderState

    owner = owners_of(tenants[0])[0]
    story = Story()
    story.report(owner, "mx-0-1-zzz", ReportKind.ACK, OrderState.OPEN)
    story.round_trip(owner)
    projector.apply(0, story.entries)
    assert "mx-0-1-zzz" in caplog.text
    with tenant_scope(tenants[0].id):
        assert Order.objects.count() == 1


def test_the_cursor_stands_behind_the_last_applied_record(projector, entries):
    projector.apply(0, entries)
    cursor = JournalCursor.objects.get(shard=0)
    last = entries[-1]
    assert (cursor.epoch, cursor.sequence) == (last.epoch, last.sequence)
    assert (cursor.segment, cursor.offset) == (last.next.segment, last.next.offset)


def test_a_failing_batch_leaves_neither_rows_nor_a_moved_cursor(projector, tenants, entries, monkeypatch):
    from django.db import transaction

    from trading.projector import projector as module

    def fail(*_):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(module, "move_cursor", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        projector.apply(0, entries)
    assert all(rows == [] for rows in rows_written(*tenants).values())
    assert not JournalCursor.objects.exists()


def test_a_command_that_nobody_wrote_is_no_trouble(projector, tenants):
    story = Story()
    story.handled(owners_of(tenants[0])[0], str(uuid4()), "accepted")
    projector.apply(0, story.entries)
    assert JournalCursor.objects.get().sequence == 1
