"""The admin of risk: limits are lowered here by one person and raised by two."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.admin import TenantAdmin, desk_of
from accounts.models import ExchangeAccount
from risk import selectors, services
from risk.errors import RiskError
from risk.models import KillSwitch, Limit, LimitRaise
from risk.people import Person
from risk.services.limits import check_limit


def person_of(request: HttpRequest) -> Person:
    """Return who uses the admin."""
    access = desk_of(request)
    return Person(user=access.username, role=access.role)


class LimitForm(forms.ModelForm):  # type: ignore[type-arg]
    """A limit of the tenant, of one account, or of every account or strategy."""

    account = forms.ModelChoiceField(
        ExchangeAccount._base_manager.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="For scope account; empty: every account without a limit of its own",
    )

    class Meta:
        model = Limit
        fields = ("scope", "symbol", "name", "value", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "account" in self.fields:
            self.fields["account"].queryset = ExchangeAccount.objects.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse what the services would refuse."""
        values = super().clean() or {}
        account = values.pop("account", None)
        values["target"], values["slot"] = (account.id, account.slot) if account else (None, None)
        if not self.errors:
            try:
                self.check(values)
            except RiskError as error:
                self.add_error(None, error.message)
        return values

    def check(self, values: dict[str, Any]) -> None:
        """Raise RiskError for what goes neither up nor down."""
        check_limit(
            values["scope"],
            values["name"],
            values["value"],
            values["symbol"],
            values["target"],
            values["slot"],
        )


class LowerLimitForm(LimitForm):
    """A limit at its new, lower value."""

    def check(self, values: dict[str, Any]) -> None:
        """Raise RiskError for a raise, too."""
        super().check(values)
        which = {name: values[name] for name in ("scope", "target", "symbol", "name")}
        if loosens(values["value"], **which):
            self.add_error("value", "This is a raise: propose it under Limit raises.")


def loosens(value: Decimal, *, scope: str, target: UUID | None, symbol: str, name: str) -> bool:
    """Return whether the value is above what holds now, or nothing holds yet."""
    held = selectors.limit_in_force(scope=scope, target=target, symbol=symbol, name=name)
    return held is None or value > held["value"]


@admin.register(Limit)
class LimitAdmin(TenantAdmin):
    """Every version of every limit; a new one can only lower."""

    add_scope: ClassVar[str] = "risk"
    form = LowerLimitForm
    list_display = (
        "name",
        "scope",
        "target",
        "symbol",
        "value",
        "version",
        "set_by",
        "approved_by",
        "valid_from",
    )
    list_filter = ("scope", "name")
    ordering = ("-valid_from", "-version")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what is asked for a new version, or all of one that is there."""
        return (*self.list_display, "reason") if obj else (*LimitForm.Meta.fields, "account")

    def write(self, request: HttpRequest, obj: Any, values: dict[str, Any], change: bool) -> Limit:
        """Lower the limit."""
        return services.set_limit(
            tenant_id=desk_of(request).tenant_id, who=person_of(request), now_ns=time.time_ns(), **values
        )


@admin.action(description="Approve")
def approve(modeladmin: Any, request: HttpRequest, queryset: QuerySet[LimitRaise]) -> None:
    """Let the chosen raises hold, as their second person."""
    for raise_id in queryset.values_list("id", flat=True):
        try:
            services.approve_raise(
                tenant_id=desk_of(request).tenant_id,
                raise_id=raise_id,
                who=person_of(request),
                now_ns=time.time_ns(),
            )
        except RiskError as error:
            messages.error(request, error.message)


@admin.register(LimitRaise)
class LimitRaiseAdmin(TenantAdmin):
    """Raises that wait for a second person, and those that had one."""

    add_scope: ClassVar[str] = "risk"
    form = LimitForm
    actions: ClassVar[Any] = (approve,)
    list_display = (
        "name",
        "scope",
        "target",
        "symbol",
        "value",
        "requested_by",
        "requested_at",
        "approved_by",
    )
    list_filter = ("scope", "name")
    ordering = ("-requested_at",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what is asked for a new raise, or all of one that is there."""
        return (*self.list_display, "reason") if obj else (*LimitForm.Meta.fields, "account")

    def write(self, request: HttpRequest, obj: Any, values: dict[str, Any], change: bool) -> LimitRaise:
        """Propose the raise."""
        return services.propose_raise(
            tenant_id=desk_of(request).tenant_id, who=person_of(request), now_ns=time.time_ns(), **values
        )


@admin.register(KillSwitch)
class KillSwitchAdmin(TenantAdmin):
    """Kill switches as they stand; the dashboard and the API throw them, since that cancels orders too."""

    list_display = ("scope", "target", "state", "reason", "set_by", "changed_at")
    list_filter = ("scope", "state")
    ordering = ("-changed_at",)
