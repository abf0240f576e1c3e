"""`manage.py projector`: the process that turns journals into rows."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from strategies.selectors import instance_of_slot
from trading.projector import Projector
from trading.projector.runner import ProjectorLoop


class Command(BaseCommand):
    """Project every journal of this host until SIGTERM."""

    help = "Tail this host's journals into Postgres and the live channels."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop; what is not applied then is applied by the next start."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        loop = ProjectorLoop(settings.JOURNAL_PATH, Projector(strategy_of=instance_of_slot))
        loop.run(stop.is_set)
        loop.close()
