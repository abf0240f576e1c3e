"""What risk refuses, each with a stable code that the API hands on."""

from __future__ import annotations

from typing import Any, ClassVar


class RiskError(Exception):
    """Base of what the caller did wrong; `status` is the HTTP answer, `detail` has the particulars."""

    code: ClassVar[str] = "risk_error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class SecondPersonNeeded(RiskError):
    """A raise loosens what guards the desk: another person with the risk or owner role must approve."""

    code = "second_person_needed"
    status = 409


class RoleNeeded(RiskError):
    """This takes the risk or the owner role."""

    code = "role_needed"
    status = 403


class ReasonNeeded(RiskError):
    """Whoever loosens a guard says why."""

    code = "reason_needed"


class LimitInvalid(RiskError):
    """No such limit, or not with this scope, target or value."""

    code = "limit_invalid"


class StateInvalid(RiskError):
    """No such scope or trading state."""

    code = "state_invalid"


class DefaultsInvalid(Exception):
    """configs/risk.yaml does not say what it must; the message names where."""
