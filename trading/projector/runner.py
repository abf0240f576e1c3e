"""The projector's loop: tail every journal of the host until told to stop."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

from django.db import InterfaceError, OperationalError, connection

from trading.engine.journal import JournalReader, Position
from trading.models import JournalCursor
from trading.projector.live_rows import LivePublisher
from trading.projector.projector import BATCH_RECORDS_MAX, Projector

log = logging.getLogger(__name__)

#: How long to wait where no journal has anything new.
IDLE_WAIT_MS = 20
#: How long to wait before Postgres is tried again.
DATABASE_RETRY_MS = 500
#: How often to look for journals of further shards.
DISCOVER_INTERVAL_NS = 1_000_000_000
SHARD_DIRECTORY = re.compile(r"shard-(\d+)")


class Tail:
    """One shard's journal and how far it has been read."""

    def __init__(self, shard: int, directory: Path) -> None:
        self.shard = shard
        self.reader = JournalReader(directory)
        self.position: Position | None = None

    def locate(self) -> Position:
        """Return where to read on: behind the last committed batch."""
        if self.position is None:
            row = JournalCursor.objects.filter(shard=self.shard).first()
            self.position = Position(row.segment, row.offset) if row else Position()
        return self.position


class ProjectorLoop:
    """Projects all journals under a directory. `clock` gives UTC nanoseconds."""

    def __init__(
        self, directory: Path, projector: Projector, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.directory = directory
        self.projector = projector
        self.clock = clock
        self.live = LivePublisher()
        self.tails: dict[int, Tail] = {}
        self.discover_due_ns = 0
        self.database_away = False

    def run(self, stopping: Callable[[], bool]) -> None:
        """Project until `stopping` says so; an absent Postgres is waited for, said once per outage."""
        while not stopping():
            try:
                moved = self.step()
                self.database_away = False
            except (OperationalError, InterfaceError) as error:
                self.forget_connection(error)
                time.sleep(DATABASE_RETRY_MS / 1000)
                continue
            if not moved:
                time.sleep(IDLE_WAIT_MS / 1000)

    def step(self) -> bool:
        """Apply one batch of each journal and send what is due; return whether anything was applied."""
        self.discover()
        moved = False
        for tail in self.tails.values():
            moved = self.step_tail(tail) or moved
        self.live.flush(self.clock())
        return moved

    def step_tail(self, tail: Tail) -> bool:
        """Apply the next batch of one journal; return whether there was one."""
        entries = tail.reader.read(tail.locate(), BATCH_RECORDS_MAX)
        if not entries:
            return False
        try:
            self.live.add(self.projector.apply(tail.shard, entries))
        except BaseException:
            tail.position = None
            raise
        tail.position = entries[-1].next
        return True

    def discover(self) -> None:
        """Follow journals that appeared since the last look."""
        if self.clock() < self.discover_due_ns:
            return
        self.discover_due_ns = self.clock() + DISCOVER_INTERVAL_NS
        for path in sorted(self.directory.glob("shard-*")):
            match = SHARD_DIRECTORY.fullmatch(path.name)
            if match and int(match[1]) not in self.tails:
                self.tails[int(match[1])] = Tail(int(match[1]), path)

    def forget_connection(self, error: Exception) -> None:
        """Drop a broken connection so that the next step opens a new one."""
        if not self.database_away:
            log.warning("the projection waits for Postgres: %s", error)
        self.database_away = True
        connection.close()

    def close(self) -> None:
        """Give back what the loop holds."""
        self.live.close()
