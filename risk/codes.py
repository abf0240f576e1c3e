"""The words of the gate: scopes, trading states, units and refusal codes.

The numbers are the contract between `risk.gate`, the journal and the database;
they never change meaning. Names of the codes follow the list of risk checks.
"""

from __future__ import annotations

from enum import IntEnum


class Scope(IntEnum):
    """What a limit or a state applies to."""

    GLOBAL = 0
    TENANT = 1
    ACCOUNT = 2
    STRATEGY = 3
    INSTRUMENT = 4
    ORDER = 5


class TradingState(IntEnum):
    """What a scope may do. MISSING is refused like HALTED: the gate fails closed."""

    MISSING = 0
    ACTIVE = 1
    REDUCING = 2
    HALTED = 3


class Unit(IntEnum):
    """What the numbers of a refusal count."""

    NONE = 0
    TICKS = 1
    LOTS = 2
    MICRO_USDT = 3
    ASSET_UNITS = 4
    ORDERS = 5
    NANOSECONDS = 6
    QUOTE_UNITS = 7


class Code(IntEnum):
    """Why an order was refused; 0 is acceptance. Checked in this order."""

    ACCEPTED = 0
    KILL = 1
    REDUCE = 2
    RECON = 3
    RESTRICT = 4
    STATUS = 5
    FIELD = 6
    PRICE_FILTER = 7
    LOT = 8
    NOTIONAL = 9
    REF = 10
    COLLAR = 11
    LIMIT_MISSING = 12
    SIZE_QUANTITY = 13
    SIZE_VALUE = 14
    POSITION = 15
    OPEN_VALUE = 16
    GROSS = 17
    BALANCE = 18
    RATE = 19
    DUPLICATE = 20
    OVERFLOW = 21
    RATE_BUDGET = 22
    EPOCH = 23
    JOURNAL = 24
    STALE_COMMAND = 25
    UNKNOWN_INSTRUMENT = 26
    UNKNOWN_ACCOUNT = 27
    NOT_CONNECTED = 28
    UNKNOWN_ORDER = 29

    @property
    def label(self) -> str:
        """Return the code as desks write it, such as `R-POSITION`."""
        return "R-" + self.name.replace("_", "-")
