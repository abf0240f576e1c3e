"""What strategies refuse, each with a stable code that the API hands on."""

from __future__ import annotations

from typing import Any, ClassVar


class StrategyError(Exception):
    """Base of what the caller did wrong; `status` is the HTTP answer, `detail` has the particulars."""

    code: ClassVar[str] = "strategy_error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class UnknownStrategy(StrategyError):
    """No strategy in the library has this key."""

    code = "unknown_strategy"


class UnknownInstance(StrategyError):
    """The tenant has no such strategy instance."""

    code = "unknown_instance"
    status = 404


class ParametersInvalid(StrategyError):
    """The strategy does not take these parameters; `detail` says which and why."""

    code = "parameters_invalid"


class AccountUnusable(StrategyError):
    """The account is not the tenant's, or belongs to another instance, or to another venue."""

    code = "account_unusable"
    status = 409
