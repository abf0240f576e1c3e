"""Kill switches over the API: stop a tenant, an account or a strategy, and let it trade again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.tenancy import current_tenant_id
from risk import selectors as risk_selectors
from risk.models import SCOPES, KillSwitch
from trading import selectors, services
from trading.api.requester import person_of
from trading.errors import UnknownTarget

STATES = ["ACTIVE", "REDUCING", "HALTED"]


class KillSwitchRow(serializers.Serializer[Any]):
    """A kill switch that was used at least once."""

    id = serializers.UUIDField()
    scope = serializers.ChoiceField(SCOPES)
    target = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(STATES)
    reason = serializers.CharField()
    set_by = serializers.CharField()
    changed_at = serializers.DateTimeField()

    def to_representation(self, instance: Mapping[str, Any]) -> risk_selectors.Row:
        """Return the row."""
        return risk_selectors.kill_switch_row(instance)


class SetKillSwitch(serializers.Serializer[Any]):
    """What to stop or release. HALTED also cancels; other states need a reason and the risk role."""

    scope = serializers.ChoiceField(SCOPES)
    target = serializers.UUIDField(
        allow_null=True,
        required=False,
        default=None,
        help_text="Account or strategy instance; null for tenant",
    )
    state = serializers.ChoiceField(STATES)
    reason = serializers.CharField(max_length=500, allow_blank=True, default="")


class KillSwitchAnswer(serializers.Serializer[Any]):
    """What the switch reached, in the order of reaching it."""

    scope = serializers.ChoiceField(SCOPES)
    target = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(STATES)
    flag_written = serializers.BooleanField(help_text="The flag is on disk; every engine start obeys it")
    gate_set = serializers.BooleanField(help_text="The gate of this host refuses from now on")
    recorded = serializers.BooleanField(help_text="The row is written")
    cancel_command = serializers.UUIDField(allow_null=True, help_text="The command that cancels what is open")


class KillSwitchFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Kill switches by scope, target and state."""

    scope = django_filters.ChoiceFilter(choices=[(scope, scope) for scope in SCOPES])
    target = django_filters.UUIDFilter()
    state = django_filters.ChoiceFilter(choices=[(state, state) for state in STATES])


class KillSwitchViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Any]):
    """Kill switches. `strategies.api` adds what a strategy's slot is, which trading cannot know."""

    queryset = KillSwitch._base_manager.none()
    serializer_class = KillSwitchRow
    filterset_class = KillSwitchFilter
    ordering = ("-changed_at", "-id")
    # Stopping is everyone's who may trade; risk.services asks for the role where it loosens.
    scopes = {"GET": "read", "POST": {"trade", "risk"}}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's kill switches."""
        return risk_selectors.kill_switches()

    @extend_schema(
        summary="Stop or release",
        request=SetKillSwitch,
        responses={200: KillSwitchAnswer},
        examples=[
            OpenApiExample(
                "Stop the desk",
                value={"scope": "tenant", "state": "HALTED", "reason": "runaway quotes"},
                request_only=True,
            )
        ],
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Set the switch at once, then cancel what is open."""
        wish = SetKillSwitch(data=request.data)
        wish.is_valid(raise_exception=True)
        scope, target, state = (wish.validated_data[name] for name in ("scope", "target", "state"))
        thrown = services.throw_kill_switch(
            tenant_id=current_tenant_id(),
            scope=scope,
            target=target,
            slot=self.slot_of(scope, target),
            state=state,
            reason=wish.validated_data["reason"],
            who=person_of(request),
            now_ns=time.time_ns(),
        )
        return Response(
            {
                "scope": scope,
                "target": target and str(target),
                "state": state,
                "flag_written": thrown.outcome.flag_written,
                "gate_set": thrown.outcome.gate_set,
                "recorded": thrown.outcome.recorded,
                "cancel_command": thrown.cancel_command and str(thrown.cancel_command),
            },
            status=status.HTTP_200_OK,
        )

    def slot_of(self, scope: str, target: UUID | None) -> int:
        """Return the target's slot in the gate; raises UnknownTarget."""
        slot = self.slot_of_strategy(target) if scope == "strategy" else selectors.slot_of(scope, target)
        if slot is None:
            raise UnknownTarget(f"there is no such {scope}", target=str(target))
        return slot

    def slot_of_strategy(self, target: UUID | None) -> int | None:
        """Return the strategy instance's slot; only a layer above knows it."""
        raise NotImplementedError
