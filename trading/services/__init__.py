"""Writes of trading, apart from what the projector writes."""

from __future__ import annotations

from trading.services.commands import release_cancels, requeue_commands
from trading.services.engine import next_epoch
from trading.services.instruments import sync_instruments
from trading.services.kill_switches import ThrownSwitch, throw_kill_switch
from trading.services.orders import cancel_all, cancel_order, place_order

__all__ = [
    "ThrownSwitch",
    "cancel_all",
    "cancel_order",
    "next_epoch",
    "place_order",
    "release_cancels",
    "requeue_commands",
    "sync_instruments",
    "throw_kill_switch",
]
