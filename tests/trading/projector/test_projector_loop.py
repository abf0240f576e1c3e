"""The loop over real journals: read, apply, follow, go on after a restart."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from tests.trading.desks import list_btcusdt, owners_of, rows_written
from tests.trading.projector.journal_story import START_NS, day
from trading.engine.journal import Journal
from trading.models import JournalCursor
from trading.projector import Projector
from trading.projector.runner import ProjectorLoop

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenants(demo_desk, other_desk):
    list_btcusdt()
    return demo_desk.tenant, other_desk.tenant


@pytest.fixture
def journal(tmp_path):
    journal = Journal.open(tmp_path / "shard-0", shard=0)
    journal.begin(1)
    yield journal
    journal.close()


def loop_over(tmp_path) -> ProjectorLoop:
    return ProjectorLoop(tmp_path, Projector(strategy_of=lambda _: None), clock=lambda: START_NS)


def write(journal, entries) -> None:
    for entry in entries:
        journal.append(entry.record, entry.time_ns)


def run_dry(loop) -> None:
    while loop.step():
        pass


def test_a_journal_is_followed_while_it_grows(tmp_path, journal, tenants):
    entries = day([owners_of(tenant)[0] for tenant in tenants])
    loop = loop_over(tmp_path)
    write(journal, entries[:50])
    run_dry(loop)
    assert JournalCursor.objects.get().sequence == 50
    write(journal, entries[50:])
    run_dry(loop)
    assert JournalCursor.objects.get().sequence == len(entries)
    assert not loop.step()
    loop.close()


def test_the_next_start_goes_on_where_the_last_one_ended(tmp_path, journal, tenants, monkeypatch):
    monkeypatch.setattr("trading.projector.runner.BATCH_RECORDS_MAX", 7)
    entries = day([owners_of(tenant)[0] for tenant in tenants])
    write(journal, entries)
    first = loop_over(tmp_path)
    for _ in range(3):
        first.step()
    assert JournalCursor.objects.get().sequence == 21
    run_dry(loop_over(tmp_path))
    assert JournalCursor.objects.get().sequence == len(entries)
    whole = rows_written(*tenants)
    run_dry(loop_over(tmp_path))
    assert rows_written(*tenants) == whole


def test_a_batch_that_failed_is_read_again(tmp_path, journal, tenants, monkeypatch):
    write(journal, day([owners_of(tenant)[0] for tenant in tenants]))
    loop = loop_over(tmp_path)
    apply = loop.projector.apply
    monkeypatch.setattr(loop.projector, "apply", lambda *_: (_ for _ in ()).throw(OperationalError("gone")))
    with pytest.raises(OperationalError):
        loop.step()
    monkeypatch.setattr(loop.projector, "apply", apply)
    run_dry(loop)
    assert JournalCursor.objects.get().sequence > 50
