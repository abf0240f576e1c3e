"""On whose behalf one works, over the API; people with several desks choose one here."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors
from accounts.access import access_of
from accounts.errors import NotAMember
from accounts.middleware import CHOSEN_DESK
from accounts.models import Membership, Role, User


class DeskRow(serializers.Serializer[Any]):
    """A desk that the person belongs to."""

    tenant = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.ChoiceField(Role.values)


class SessionRow(DeskRow):
    """Who one is, at which desk, and what one may do there."""

    user = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    desks = DeskRow(many=True, help_text="Where the person may also work; empty for tokens")


class ChooseDesk(serializers.Serializer[Any]):
    """The desk to work at from now on."""

    tenant = serializers.UUIDField()


class SessionView(APIView):
    """The running session, or what the token stands for."""

    scopes = {"GET": "read", "POST": "read"}

    @extend_schema(summary="Who am I, and at which desk", responses=SessionRow)
    def get(self, request: Request) -> Response:
        """Answer what the middleware found."""
        access = access_of(request)
        assert access is not None, "the permission lets in nobody without access"
        desks = [] if access.token_id else selectors.memberships_of(cast("User", request.user))
        return Response(
            {
                "user": access.username,
                "tenant": str(access.tenant_id),
                "name": access.tenant,
                "role": access.role,
                "scopes": sorted(access.scopes),
                "desks": [
                    {"tenant": str(desk.tenant_id), "name": desk.tenant.name, "role": desk.role}
                    for desk in desks
                ],
            }
        )

    @extend_schema(summary="Choose a desk", request=ChooseDesk, responses={204: None})
    def post(self, request: Request) -> Response:
        """Keep the choice in the session; raises NotAMember for a desk that is not the person's."""
        wish = ChooseDesk(data=request.data)
        wish.is_valid(raise_exception=True)
        access = access_of(request)
        chosen = wish.validated_data["tenant"]
        desks = selectors.memberships_of(cast("User", request.user))
        if access is None or access.token_id or chosen not in {desk.tenant_id for desk in desks}:
            raise NotAMember("you do not belong to that desk", tenant=str(chosen))
        request.session[CHOSEN_DESK] = str(chosen)
        return Response(status=204)


def desk_row(desk: Membership) -> dict[str, str]:
    """Return a place at a desk."""
    return {"tenant": str(desk.tenant_id), "name": desk.tenant.name, "role": desk.role}
