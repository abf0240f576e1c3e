"""What we want: strategies and their instances."""

from __future__ import annotations

from django.apps import AppConfig


class StrategiesConfig(AppConfig):
    """Django's entry for this app."""

    name = "strategies"
