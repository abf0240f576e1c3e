"""Decimal texts and integers: every amount, price and quantity is whole units of 10⁻⁸."""

from __future__ import annotations

import re
from decimal import Decimal

from venues.simulator.errors import illegal_characters, too_precise

SCALE = 8
UNIT: int = 10**SCALE
LEGAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_LEGAL = re.compile(LEGAL)


def amount_text(units: int) -> str:
    """Return units as Binance writes them: eight decimals, always."""
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), UNIT)
    return f"{sign}{whole}.{rest:08d}"


def parse_units(text: str) -> int:
    """Return the units of a trusted text (configuration, recordings); ValueError when it is not whole."""
    scaled = Decimal(text).scaleb(SCALE)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{text} has more than {SCALE} decimals")
    return int(scaled)


def fast_units(text: str) -> int:
    """Return the units of a recorded text with exactly eight decimals."""
    whole, _, rest = text.partition(".")
    if len(rest) != SCALE:
        return parse_units(text)
    return int(whole + rest)


def parameter_units(name: str, text: str) -> int:
    """Return the units of a client's parameter; refuses what Binance refuses."""
    if not _LEGAL.match(text):
        raise illegal_characters(name, LEGAL)
    whole, _, rest = text.partition(".")
    if rest[SCALE:].strip("0"):
        raise too_precise(name)
    return int(whole + rest[:SCALE].ljust(SCALE, "0"))
