"""Entry points and wiring."""

from __future__ import annotations

from django.apps import AppConfig


class MexomsConfig(AppConfig):
    """Django's entry for this app."""

    name = "mexoms"
