"""How amounts, times and ids are written in API answers, on the live socket and in rows.

Amounts are decimal strings without trailing zeros, times are ISO 8601 in UTC
with milliseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)


def amount_text(amount: Decimal | None) -> str | None:
    """Return the amount as a plain decimal string, never in exponent notation."""
    if amount is None:
        return None
    text = format(amount, "f")
    if "." not in text:
        return text
    text = text.rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def time_text(time: datetime | None) -> str | None:
    """Return the time as ISO 8601 in UTC with milliseconds and Z."""
    if time is None:
        return None
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def id_text(identity: UUID | int | None) -> str | None:
    """Return the id as a string."""
    return None if identity is None else str(identity)


def time_of(time_ns: int) -> datetime:
    """Return the time in UTC, to the microsecond."""
    return EPOCH_START + timedelta(microseconds=time_ns // 1000)
