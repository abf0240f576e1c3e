"""The order: its commands, its rows and what follows from them."""

from __future__ import annotations

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Django's entry for this app."""

    name = "trading"
