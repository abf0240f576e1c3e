"""May we: limits, states and the gate."""

from __future__ import annotations

from django.apps import AppConfig


class RiskConfig(AppConfig):
    """Django's entry for this app."""

    name = "risk"
