"""Limits over the API: read only. Kill switches are in `trading.api`, since they cancel orders too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.viewsets import GenericViewSet

from risk import selectors
from risk.models import SCOPES, Limit, LimitName


class LimitRow(serializers.Serializer[Any]):
    """A limit that holds now."""

    id = serializers.UUIDField()
    scope = serializers.ChoiceField(SCOPES)
    target = serializers.UUIDField(allow_null=True, help_text="Null: everyone without a limit of his own")
    symbol = serializers.CharField(help_text="Empty but for quantities")
    name = serializers.ChoiceField(LimitName.values)
    value = serializers.CharField(help_text="Exact decimal: USDT, base asset or orders a second, by name")
    version = serializers.IntegerField()
    set_by = serializers.CharField()
    approved_by = serializers.CharField(help_text="The second person behind a raise")
    reason = serializers.CharField()
    valid_from = serializers.DateTimeField()

    def to_representation(self, instance: Mapping[str, Any]) -> selectors.Row:
        """Return the row."""
        return selectors.limit_row(instance)


class LimitFilter(filters.FilterSet):  # type: ignore[misc]
    """Limits by scope, target, symbol and name."""

    scope = filters.ChoiceFilter(choices=[(scope, scope) for scope in SCOPES])
    target = filters.UUIDFilter()
    symbol = filters.CharFilter()
    name = filters.ChoiceFilter(choices=LimitName.choices)


class LimitViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Any]):
    """Limits that hold now, newest first."""

    queryset = Limit._base_manager.none()
    serializer_class = LimitRow
    filterset_class = LimitFilter
    ordering = ("-valid_from", "-id")
    scopes = {"GET": "read"}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's limits."""
        return selectors.limits()
