"""What the dashboard itself refuses, with stable codes like those of the services."""

from __future__ import annotations

from typing import Any, ClassVar


class DashboardError(Exception):
    """Base of what the browser's person did wrong; `status` is the HTTP answer."""

    code: ClassVar[str] = "dashboard_error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class BadField(DashboardError):
    """A posted field cannot be read."""

    code = "field_invalid"
