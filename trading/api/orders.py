"""Orders over the API: list, look, place, cancel."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.tenancy import current_tenant_id
from trading import live, selectors, services
from trading.api import filters, rows
from trading.api.requester import name_of
from trading.api.views import ReadViewSet
from trading.models import Order
from trading.services.orders import ORDER_DEADLINE_MS

DEADLINE_MIN_MS = 100
DEADLINE_MAX_MS = 60_000


class AmountText(serializers.CharField):
    """An exact decimal, which JSON can carry only as a string."""

    default_error_messages = {"not_text": "Write the amount as a string, so that it stays exact."}

    def to_internal_value(self, data: Any) -> str:
        """Take strings alone: a JSON number has been through a float."""
        if not isinstance(data, str):
            self.fail("not_text")
        return str(super().to_internal_value(data))


class PlaceOrder(serializers.Serializer[Any]):
    """What to place. A LIMIT order without `tif` is GTC; a MARKET order has no price."""

    account = serializers.UUIDField()
    symbol = serializers.CharField(max_length=32)
    side = serializers.ChoiceField(rows.SIDES)
    type = serializers.ChoiceField(rows.TYPES)
    tif = serializers.ChoiceField(rows.TIFS, required=False)
    price = AmountText(max_length=40, required=False, allow_null=True)
    quantity = AmountText(max_length=40)
    deadline_ms = serializers.IntegerField(
        min_value=DEADLINE_MIN_MS,
        max_value=DEADLINE_MAX_MS,
        default=ORDER_DEADLINE_MS,
        help_text="How long the engine may take to act on it",
    )


class CommandAnswer(serializers.Serializer[Any]):
    """The command that was taken; the order's state follows at its own address."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(["place", "cancel", "cancel_all"])
    state = serializers.ChoiceField(rows.COMMAND_STATES)
    order = serializers.UUIDField(allow_null=True, help_text="The order that it is about")
    deadline_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()


PLACE_EXAMPLE = OpenApiExample(
    "A limit order",
    value={
        "account": "5b1f0c5e-6a5e-4b57-8f0e-0d1f6b0c9e11",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "tif": "GTC",
        "price": "61685.99",
        "quantity": "0.001",
    },
    request_only=True,
)
ACCEPTED_EXAMPLE = OpenApiExample(
    "Accepted",
    value={
        "id": "0a2f6c1e-3d44-4c9b-9a7e-5f3f0f6f7a10",
        "kind": "place",
        "state": "pending",
        "order": "0a2f6c1e-3d44-4c9b-9a7e-5f3f0f6f7a10",
        "deadline_at": "2026-01-02T03:04:15.678Z",
        "created_at": "2026-01-02T03:04:05.678Z",
    },
    response_only=True,
    status_codes=["202"],
)


@extend_schema_view(list=extend_schema(summary="Orders, newest first"))
class OrderViewSet(ReadViewSet):
    """Orders. Placing and cancelling answer 202: the engine decides, the order tells what became of it."""

    queryset = Order._base_manager.none()
    serializer_class = rows.OrderRow
    filterset_class = filters.OrderFilter
    ordering = ("-created_at", "-id")
    scopes = {"GET": "read", "POST": "trade", "DELETE": "trade"}
    lookup_value_regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's orders."""
        return selectors.orders()

    @extend_schema(summary="One order, from the moment it was asked for", responses=rows.OrderRow)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer the order's row, or what is known while the engine has not had it yet."""
        return Response(live.order_row(selectors.order(order_id=UUID(kwargs["pk"]))))

    @extend_schema(
        summary="Place an order",
        request=PlaceOrder,
        responses={202: CommandAnswer},
        examples=[PLACE_EXAMPLE, ACCEPTED_EXAMPLE],
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Hand the order to the engine."""
        wish = PlaceOrder(data=request.data)
        wish.is_valid(raise_exception=True)
        values = dict(wish.validated_data)
        command = services.place_order(
            tenant_id=current_tenant_id(),
            requested_by=name_of(request),
            account_id=values.pop("account"),
            now_ns=time.time_ns(),
            **values,
        )
        return Response(selectors.command_row(command, order=command.id), status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="Cancel an order", request=None, responses={202: CommandAnswer})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask the engine to cancel the order."""
        command = services.cancel_order(
            tenant_id=current_tenant_id(),
            requested_by=name_of(request),
            order_id=UUID(kwargs["pk"]),
            now_ns=time.time_ns(),
        )
        return Response(
            selectors.command_row(command, order=UUID(kwargs["pk"])), status=status.HTTP_202_ACCEPTED
        )
