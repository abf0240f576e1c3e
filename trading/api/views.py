"""The lists of API v1 that people and programs read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.viewsets import GenericViewSet

from accounts.models import ExchangeAccount
from trading import selectors
from trading.api import filters, rows
from trading.models import Balance, Fill, Instrument, Position


class ReadViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Any]):
    """Base of the lists: answers plain values through the row builders."""

    scopes = {"GET": "read"}


class AccountViewSet(ReadViewSet):
    """Exchange accounts with their state and today's orders."""

    queryset = ExchangeAccount._base_manager.none()
    serializer_class = rows.AccountRow
    filterset_class = filters.AccountFilter
    ordering = ("slot",)

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's accounts."""
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return selectors.accounts(since=midnight)


class InstrumentViewSet(ReadViewSet):
    """Instruments; the same for every tenant."""

    queryset = Instrument._base_manager.none()
    serializer_class = rows.InstrumentRow
    filterset_class = filters.InstrumentFilter
    ordering = ("id",)

    def get_queryset(self) -> QuerySet[Any]:
        """Return every instrument."""
        return selectors.instruments()


class FillViewSet(ReadViewSet):
    """Fills, newest first."""

    queryset = Fill._base_manager.none()
    serializer_class = rows.FillRow
    filterset_class = filters.FillFilter
    ordering = ("-executed_at", "-id")

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's fills."""
        return selectors.fills()


class PositionViewSet(ReadViewSet):
    """Positions, latest changed first."""

    queryset = Position._base_manager.none()
    serializer_class = rows.PositionRow
    filterset_class = filters.ByAccountAndSymbol
    ordering = ("-updated_at", "-id")

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's positions."""
        return selectors.positions()


class BalanceViewSet(ReadViewSet):
    """Balances, latest changed first."""

    queryset = Balance._base_manager.none()
    serializer_class = rows.BalanceRow
    filterset_class = filters.BalanceFilter
    ordering = ("-updated_at", "-id")

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's balances."""
        return selectors.balances()
