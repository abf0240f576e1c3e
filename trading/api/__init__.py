"""API v1 of trading."""

from __future__ import annotations

from trading.api.orders import OrderViewSet
from trading.api.views import (
    AccountViewSet,
    BalanceViewSet,
    FillViewSet,
    InstrumentViewSet,
    PositionViewSet,
)

__all__ = [
    "AccountViewSet",
    "BalanceViewSet",
    "FillViewSet",
    "InstrumentViewSet",
    "OrderViewSet",
    "PositionViewSet",
]
