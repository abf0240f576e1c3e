"""From the journals to Postgres and the live channels; `runner` has the loop."""

from __future__ import annotations

from trading.projector.live_rows import LivePublisher
from trading.projector.projector import Projector

__all__ = ["LivePublisher", "Projector"]
