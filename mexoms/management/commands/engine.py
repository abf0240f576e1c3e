"""`manage.py engine --shard K`: the process that trades."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mexoms.engine_process.process import run_engine
from trading.engine.journal import JournalLocked


class Command(BaseCommand):
    """Run the engine of one shard until SIGTERM."""

    help = "Run the engine of one shard: market data, strategies, order path, reconciliation."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the shard."""
        parser.add_argument("--shard", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run; a second engine for the shard is one clear line."""
        try:
            run_engine(shard=options["shard"])
        except JournalLocked as error:
            raise CommandError(f"another engine owns shard {options['shard']}: {error}") from error
