"""Faults that the control port arms: what goes wrong with which requests, and how often."""

from __future__ import annotations

import msgspec

ANY = ""
KINDS = (
    "drop_reply",
    "delay_reply",
    "delay_execution",
    "late_execution",
    "error",
    "error_executed",
    "disconnect",
    "stop_answering",
)


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One armed fault.

    drop_reply: executed, never answered. delay_reply: executed, answered after
    `delay_ms`. delay_execution: the time window is checked again after `delay_ms`,
    then it is executed and answered. late_execution: answered as for error at
    once, but executed after `delay_ms` whatever its time window says. error: not
    executed, answered with `status`, `code` and `text`. error_executed: the same
    answer, though it was executed. disconnect: executed, then the connection is
    cut. stop_answering: neither executed nor answered.
    """

    kind: str
    endpoint: str = ANY
    account: int = -1
    times: int = 1
    delay_ms: int = 0
    status: int = 503
    code: int = -1007
    text: str = (
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
    )
    number: int = 0
    used: int = 0

    def fits(self, endpoint: str, account: int) -> bool:
        """Return whether the fault concerns this request; `times` of 0 means always."""
        if self.times and self.used >= self.times:
            return False
        return self.endpoint in (ANY, endpoint) and self.account in (-1, account)


class Faults:
    """The armed faults; the first that fits a request is used up once."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self.count = 0

    def arm(self, fault: Fault) -> Fault:
        """Arm a fault and give it its number; ValueError for an unknown kind."""
        if fault.kind not in KINDS:
            raise ValueError(f"{fault.kind} is none of {', '.join(KINDS)}")
        self.count += 1
        fault.number = self.count
        self.armed.append(fault)
        return fault

    def take(self, endpoint: str, account: int) -> Fault | None:
        """Return the fault that befalls this request."""
        for fault in self.armed:
            if fault.fits(endpoint, account):
                fault.used += 1
                if fault.times and fault.used >= fault.times:
                    self.armed.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Disarm all."""
        self.armed.clear()
