"""Seal all stored secrets with a new key of the ring."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts import services


class Command(BaseCommand):
    """`manage.py rotate_keys [--retire]`; engines go on with the keys that they have opened."""

    help = "Seal the venues' secrets with a new key of the ring."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--retire", action="store_true", help="then drop the ring's old keys for good")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate and say how many."""
        count = services.rotate_keys(retire=options["retire"])
        self.stdout.write(f"{count} secrets sealed anew")
