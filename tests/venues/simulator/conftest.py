"""The running exchange for this folder's tests."""

from __future__ import annotations

from tests.venues.simulator_process import running_simulator as running_simulator
