"""Real clients trade on a simulated exchange of their own."""

from __future__ import annotations

from tests.venues.simulator_process import running_simulator

__all__ = ["running_simulator"]
