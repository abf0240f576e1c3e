"""Writes of risk."""

from __future__ import annotations

from risk.services.kill_switches import KillOutcome, record_flags, set_kill_switch
from risk.services.limits import approve_raise, propose_raise, seed_limits, set_limit

__all__ = [
    "KillOutcome",
    "approve_raise",
    "propose_raise",
    "record_flags",
    "seed_limits",
    "set_kill_switch",
    "set_limit",
]
