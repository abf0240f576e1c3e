"""`manage.py seed_demo`: the demo desks, as far as they are missing."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mexoms.demo import seed_demo


class Command(BaseCommand):
    """Make what is missing of the demo desks and write demo.json."""

    help = "Make what is missing of the demo desks; needs the simulator's keys.json."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the size of the demo desk."""
        parser.add_argument("--accounts", type=int, default=12)

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed; a password that people must not have is one clear line."""
        try:
            seed_demo(home=settings.HOME, account_count=options["accounts"])
        except ValidationError as error:
            raise CommandError(f"MEXOMS_DEMO_PASSWORD: {' '.join(error.messages)}") from error
