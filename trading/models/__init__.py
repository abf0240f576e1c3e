"""The rows of trading: what is tradable, what was asked, what became of it, what is held."""

from __future__ import annotations

from trading.models.commands import Command, CommandState
from trading.models.engine import AccountStatus, EngineEpoch, JournalCursor
from trading.models.holdings import Balance, Position
from trading.models.instruments import Asset, Instrument, InstrumentVersion
from trading.models.orders import Fill, Order

__all__ = [
    "AccountStatus",
    "Asset",
    "Balance",
    "Command",
    "CommandState",
    "EngineEpoch",
    "Fill",
    "Instrument",
    "InstrumentVersion",
    "JournalCursor",
    "Order",
    "Position",
]
