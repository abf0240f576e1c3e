"""Turn the events of an account into order reports and balances."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from venues.base import (
    Balance,
    Instrument,
    InstrumentUnusable,
    Misaligned,
    OrderReport,
    ReportKind,
    VenueListener,
)
from venues.binance.instruments import SCALE

log = logging.getLogger(__name__)

NS_PER_MS = 1_000_000
#: What happened to an order, by the exchange's word for it.
KINDS = {
    "NEW": ReportKind.ACK,
    "TRADE": ReportKind.FILL,
    "CANCELED": ReportKind.CANCELED,
    "REJECTED": ReportKind.REJECTED,
    "EXPIRED": ReportKind.EXPIRED,
    # Own orders would have met: the exchange took the rest of this one back.
    "TRADE_PREVENTION": ReportKind.EXPIRED,
}
#: An execution that leaves the order as it was for us.
UNREMARKABLE = frozenset({"REPLACED"})
IGNORED_EVENTS = frozenset({"balanceUpdate", "listStatus", "externalLockUpdate"})
TERMINATED = "eventStreamTerminated"


class ExecutionReport(msgspec.Struct, frozen=True):
    """The fields that we use, under the exchange's own names."""

    E: int
    s: str
    c: str
    C: str
    x: str
    X: str
    i: int
    l: str  # noqa: E741
    z: str
    L: str
    T: int
    t: int = -1
    n: str | None = None
    N: str | None = None
    m: bool = False
    r: str = "NONE"


class AssetBalance(msgspec.Struct, frozen=True):
    """One asset of an account position."""

    a: str
    f: str
    l: str  # noqa: E741


class AccountPosition(msgspec.Struct, frozen=True):
    """New balances of an account."""

    E: int
    B: list[AssetBalance]


class Kind(msgspec.Struct, frozen=True):
    """The name of an event."""

    e: str


class AccountEvents:
    """Decodes events and tells the listener. `unusable` is told of what cannot be understood."""

    def __init__(
        self,
        *,
        instruments: Mapping[str, Instrument],
        listener: VenueListener,
        unusable: Callable[[str, InstrumentUnusable], None],
    ) -> None:
        self._instruments = instruments
        self._listener = listener
        self._unusable = unusable
        self._foreign: set[str] = set()
        self._kinds = msgspec.json.Decoder(Kind)
        self._executions = msgspec.json.Decoder(ExecutionReport)
        self._positions = msgspec.json.Decoder(AccountPosition)

    def take(self, account: int, event: msgspec.Raw) -> bool:
        """Decode one event; return False when it says that no more will come."""
        kind = self._kinds.decode(event).e
        if kind == "executionReport":
            self._execution(account, self._executions.decode(event))
        elif kind == "outboundAccountPosition":
            position = self._positions.decode(event)
            balances = [balance_of(entry.a, entry.f, entry.l) for entry in position.B]
            self._listener.on_balances(account, balances, position.E * NS_PER_MS)
        elif kind == TERMINATED:
            return False
        elif kind not in IGNORED_EVENTS:
            log.warning("account %d: unknown event %s", account, kind)
        return True

    def _execution(self, account: int, execution: ExecutionReport) -> None:
        instrument = self._instruments.get(execution.s)
        if instrument is None:
            if execution.s not in self._foreign:
                self._foreign.add(execution.s)
                log.warning("account %d: an order in %s, which nobody watches here", account, execution.s)
            return
        if execution.x in UNREMARKABLE:
            return
        try:
            self._listener.on_order_report(report_of(account, instrument, execution))
        except InstrumentUnusable as error:
            self._unusable(execution.s, error)


def report_of(account: int, instrument: Instrument, execution: ExecutionReport) -> OrderReport:
    """Return the report of one execution; raises InstrumentUnusable when it is not understood."""
    kind = KINDS.get(execution.x)
    if kind is None:
        raise InstrumentUnusable(f"unknown execution type {execution.x!r}")
    try:
        filled_lots = instrument.quantity_lots(execution.z)
        fill = fill_of(instrument, execution) if kind is ReportKind.FILL else {}
    except (Misaligned, ArithmeticError) as error:
        raise InstrumentUnusable(f"an execution that is not exact: {error}") from error
    return OrderReport(
        kind=kind,
        account=account,
        symbol=execution.s,
        # A cancel has an id of its own; the order's is then in C.
        client_order_id=execution.C if kind is ReportKind.CANCELED and execution.C else execution.c,
        venue_order_id=execution.i,
        filled_lots=filled_lots,
        text="" if execution.r == "NONE" else execution.r,
        event_ns=execution.T * NS_PER_MS,
        **fill,
    )


def fill_of(instrument: Instrument, execution: ExecutionReport) -> dict[str, Any]:
    """Return the fields that a fill alone has; raises Misaligned."""
    return {
        "trade_id": execution.t,
        "fill_lots": instrument.quantity_lots(execution.l),
        "fill_price_ticks": instrument.price_ticks(execution.L),
        "fee_units": units(execution.n or "0"),
        "fee_asset": execution.N or "",
        "maker": execution.m,
    }


def balance_of(asset: str, free: str, locked: str) -> Balance:
    """Return a balance from its texts."""
    return Balance(asset, units(free), units(locked))


def units(amount: str) -> int:
    """Return an amount at scale 8; raises Misaligned when it is finer."""
    scaled = Decimal(amount).scaleb(SCALE)
    if scaled != scaled.to_integral_value():
        raise Misaligned(f"{amount} is finer than {SCALE} decimals")
    return int(scaled)
