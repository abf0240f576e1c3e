"""A projector that is killed in the middle of a batch, at every place where it could matter."""

from __future__ import annotations

import os
import signal

import pytest
from django.db import connection

from tests.trading.desks import forget_rows, list_btcusdt, owners_of, rows_written
from tests.trading.projector.journal_story import cut, day
from trading.models import JournalCursor
from trading.projector import Projector, tables
from trading.projector import projector as module

pytestmark = pytest.mark.django_db(transaction=True)

BATCH = 60


def killed_in(module, name: str, *, call: int, after: bool):
    """Return a replacement that kills its own process at the n-th call, before or after the work."""
    original = getattr(module, name)
    calls = 0

    def fatal(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return fatal


def project_in_child(entries, patch) -> int:
    """Project in a child process that `patch` makes mortal; return the signal that ended it."""
    child = os.fork()
    if child == 0:
        # The socket is the parent's; a connection of our own must not close it.
        connection.connection = None
        patch()
        try:
            projector = Projector(strategy_of=lambda _: None)
            for batch in cut(entries, BATCH):
                projector.apply(0, batch)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def resume(entries) -> None:
    """Go on behind the cursor, as the projector's next start does."""
    cursor = JournalCursor.objects.filter(shard=0).first()
    done = cursor.sequence if cursor else 0
    projector = Projector(strategy_of=lambda _: None)
    for batch in cut(entries[done:], BATCH):
        projector.apply(0, batch)


@pytest.mark.parametrize(
    ("where", "name", "call", "after"),
    [
        (tables, "write_orders", 1, True),
        (tables, "write_fills", 3, False),
        (tables, "write_fills", 3, True),
        (tables, "write_balances", 4, True),
        (module, "move_cursor", 2, False),
        (module, "move_cursor", 2, True),
    ],
    ids=[
        "after the first orders",
        "before the second batch's fills",
        "after the second batch's fills",
        "with all of a tenant's rows written",
        "before the cursor moves",
        "after the cursor moved, before the commit",
    ],
)
def test_a_projector_killed_amid_a_batch_loses_and_doubles_no_row(
    demo_desk, other_desk, where, name, call, after
):
    list_btcusdt()
    tenants = demo_desk.tenant, other_desk.tenant
    entries = day([*owners_of(tenants[0]), owners_of(tenants[1])[0]])
    resume(entries)
    whole = rows_written(*tenants)
    forget_rows(*tenants)

    ended_by = project_in_child(
        entries, lambda: setattr(where, name, killed_in(where, name, call=call, after=after))
    )

    assert ended_by == signal.SIGKILL
    assert rows_written(*tenants) != whole
    resume(entries)
    assert rows_written(*tenants) == whole
