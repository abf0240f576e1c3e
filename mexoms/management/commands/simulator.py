"""`manage.py simulator`: the Binance-speaking exchange on loopback."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from venues.simulator.command import add_arguments, run


class Command(BaseCommand):
    """Run the simulated exchange until SIGTERM. It needs no database."""

    help = "Run the simulated exchange: REST, streams and WebSocket API of Binance spot on one loopback port."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the same options as `python -m venues.simulator`."""
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        run(argparse.Namespace(**options))
