"""Addresses of a small API over accounts, to see what the web base does with any view."""

from __future__ import annotations

import threading
from typing import Any

from django.http import Http404
from django.urls import path
from rest_framework import serializers
from rest_framework.mixins import DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts import services
from accounts.models import ExchangeAccount
from accounts.tenancy import current_tenant_id
from mexoms.urls import handler400, handler404, handler500
from mexoms.urls import urlpatterns as all_urls

__all__ = ["handler400", "handler404", "handler500"]

# Tests that race set these to hold a view in the middle.
entered, may_end = threading.Event(), threading.Event()
may_end.set()


class AccountSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=20)


class AccountViewSet(ListModelMixin, RetrieveModelMixin, DestroyModelMixin, GenericViewSet[Any]):
    """Accounts that are made and then, by their names, end in an error."""

    serializer_class = AccountSerializer
    ordering = ("slot",)
    scopes = {"GET": "read", "POST": ("trade", "risk")}

    def get_queryset(self):
        return ExchangeAccount.objects.all()

    def create(self, request, *args, **kwargs):
        wish = AccountSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        name = wish.validated_data["name"]
        account = services.create_account(
            tenant_id=current_tenant_id(), venue="binance_spot", kind="main", name=name
        )
        entered.set()
        may_end.wait(10)
        if name == "missing":
            raise Http404
        if name == "broken":
            raise ZeroDivisionError
        if name == "answered":
            return Response({"code": "refused"}, status=409)
        return Response(AccountSerializer(account).data, status=201)


urlpatterns = [
    path("api/v1/toys/", AccountViewSet.as_view({"get": "list", "post": "create"})),
    path("api/v1/toys/<uuid:pk>/", AccountViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    *all_urls,
]
