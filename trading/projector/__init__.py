"""From the journals to Postgres and the live channels."""

from __future__ import annotations

from trading.projector.live_rows import LivePublisher
from trading.projector.projector import Projector
from trading.projector.runner import ProjectorLoop

__all__ = ["LivePublisher", "Projector", "ProjectorLoop"]
