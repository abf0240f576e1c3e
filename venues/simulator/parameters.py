"""The parameters of a request as texts, read one by one with Binance's refusals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from venues.simulator.amounts import parameter_units
from venues.simulator.errors import Refusal, illegal_characters, missing

INTEGER = r"^[0-9]{1,20}$"
ALWAYS_ALLOWED = frozenset({"timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits"})


class Parameters:
    """What a client sent, by name. Reading never changes it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def check_known(self, known: frozenset[str]) -> None:
        """Refuse a request with parameters that the endpoint does not read."""
        read = sum(1 for name in self.values if name in known or name in ALWAYS_ALLOWED)
        sent = len(self.values)
        if read != sent:
            text = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
            raise Refusal(-1104, text)

    def text(self, name: str) -> str | None:
        """Return the text, None when it was not sent; refuses an empty one."""
        value = self.values.get(name)
        if value == "":
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        """Return the text; refuses a request without it."""
        value = self.values.get(name)
        if not value:
            raise missing(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return the whole number, None when it was not sent."""
        value = self.text(name)
        if value is None:
            return None
        if not re.match(INTEGER, value):
            raise illegal_characters(name, INTEGER)
        return int(value)

    def integer_within(self, name: str, default: int, largest: int) -> int:
        """Return the whole number, at most the largest that is served."""
        value = self.integer(name)
        return default if value is None else min(max(value, 1), largest)

    def units(self, name: str) -> int | None:
        """Return the amount in units of 10⁻⁸, None when it was not sent."""
        value = self.text(name)
        return None if value is None else parameter_units(name, value)

    def required_units(self, name: str) -> int:
        """Return the amount in units of 10⁻⁸; refuses a request without it."""
        return parameter_units(name, self.required(name))

    def one_of(self, name: str, allowed: Iterable[str], refusal: Refusal) -> str:
        """Return the text; refuses one that is not allowed, and a request without it."""
        value = self.required(name)
        if value not in allowed:
            raise refusal
        return value


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a JSON request as the texts that its signature is made of."""
    return {name: json_text(value) for name, value in values.items() if value is not None}


def json_text(value: Any) -> str:
    """Return a JSON value as a parameter's text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, list):
        return "[" + ",".join(f'"{json_text(one)}"' for one in value) + "]"
    return str(value)
