"""What an endpoint is, and what one call to it carries. REST and the WebSocket API share both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from venues.simulator.errors import Refusal
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.parameters import Parameters
from venues.simulator.settlement import MS_NS

NONE = "none"
KEY = "key"
SIGNED = "signed"


class Call(msgspec.Struct):
    """One request that passed limits and security; `account` is -1 where none is needed."""

    exchange: SimulatedExchange
    account: int
    sent: Parameters
    now_ns: int

    @property
    def now_ms(self) -> int:
        """The exchange's time in ms."""
        return self.now_ns // MS_NS


class Endpoint(msgspec.Struct, kw_only=True):
    """One endpoint under its names at both faces; an empty name means that the face has none.

    `costs_order` counts against the account's orders; `free_on_success` gives the
    weight back, as for every order request that succeeded.
    """

    method: str = ""
    rest: str = ""
    websocket: str = ""
    weight: int | Callable[[Parameters], int]
    security: str = NONE
    parameters: frozenset[str] = frozenset()
    handler: Callable[[Call], Any]
    costs_order: bool = False
    free_on_success: bool = False

    @property
    def name(self) -> str:
        """The endpoint's name in logs and faults: the WebSocket API's where it has one."""
        return self.websocket or f"{self.method} {self.rest}"

    def weight_of(self, sent: Parameters) -> int:
        """Return the request weight of these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(sent)


def names(text: str) -> frozenset[str]:
    """Return the parameter names of a list in words."""
    return frozenset(text.split())


def index_by_rest(endpoints: list[Endpoint]) -> dict[tuple[str, str], Endpoint]:
    """Return the endpoints by (HTTP method, path)."""
    return {(one.method, one.rest): one for one in endpoints if one.rest}


def index_by_method(endpoints: list[Endpoint]) -> dict[str, Endpoint]:
    """Return the endpoints by WebSocket API method."""
    return {one.websocket: one for one in endpoints if one.websocket}


def check_window(start_ms: int | None, end_ms: int | None, hours: int) -> None:
    """Refuse a time range that is longer than the endpoint serves."""
    if start_ms is not None and end_ms is not None and end_ms - start_ms > hours * 3_600_000:
        raise Refusal(-1127, f"More than {hours} hours between startTime and endTime.")
