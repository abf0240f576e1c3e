"""The admin of accounts, and the base that every app's admin stands on."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import DecimalField, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from accounts import services
from accounts.access import SCOPES, Access, access_of
from accounts.errors import AccountsError
from accounts.models import ApiKey, ApiToken, ExchangeAccount, Membership, Tenant, User
from accounts.wire_format import amount_text

TOKEN_DAYS_MAX = 365


class TenantAdmin(ModelAdmin):  # type: ignore[misc]
    """Shows the rows of the person's desk to whom his role lets see them.

    Nobody writes unless the class names the scope that it takes, and says in
    `write` which service does it. Rights of Django's own (groups, superusers)
    count for nothing here.
    """

    view_scope: ClassVar[str] = "read"
    add_scope: ClassVar[str] = ""
    change_scope: ClassVar[str] = ""
    delete_scope: ClassVar[str] = ""
    actions: ClassVar[Any] = ()
    #: What the services refuse with; told above the form.
    refusals: ClassVar[tuple[type[Exception], ...]] = (AccountsError,)
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the person's desk."""
        return cast("QuerySet[Any]", super().get_queryset(request))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns; exact amounts are written without their trailing zeros."""
        amounts = {one.name for one in self.model._meta.fields if isinstance(one, DecimalField)}
        columns = super().get_list_display(request)
        return [amount_column(name) if name in amounts else name for name in columns]

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the app is listed."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may see the rows."""
        return allows(request, self.view_scope)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may add a row."""
        return allows(request, self.add_scope)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may change a row."""
        return allows(request, self.change_scope)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may delete a row."""
        return allows(request, self.delete_scope)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show the form or take it; what a service refuses is told, and nothing of it is written."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except self.refusals as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Have a service write the row; the form's `clean` has made sure that it can."""
        written = self.write(request, obj, form.cleaned_data, change)
        obj.__dict__.update(written.__dict__)

    def write(self, request: HttpRequest, obj: Any, values: dict[str, Any], change: bool) -> Any:
        """Call the service that writes the row, and return the row."""
        raise NotImplementedError(f"{type(self).__name__} names a scope but no service")


def amount_column(name: str) -> Any:
    """Return the list column of an exact amount."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def column(row: Any) -> str | None:
        return amount_text(getattr(row, name))

    return column


def allows(request: HttpRequest, scope: str) -> bool:
    """Return whether the person's role at his desk has the scope; an unnamed scope nobody has."""
    access = access_of(request)
    return access is not None and bool(scope) and scope in access.scopes


def desk_of(request: HttpRequest) -> Access:
    """Return the desk that an admin page works for; the permissions have let in nobody without one."""
    access = access_of(request)
    assert access is not None, "permissions refuse requests without a desk"
    return access


admin.site.unregister(Group)


@admin.register(Tenant)
class DeskAdmin(TenantAdmin):
    """The person's own desk."""

    list_display = ("name", "slug", "slot", "shard")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the one desk; the list of tenants itself is global."""
        access = access_of(request)
        return Tenant.objects.filter(id=access.tenant_id) if access else Tenant.objects.none()


@admin.register(User)
class UserAdmin(TenantAdmin):
    """People of the desk; what they do elsewhere does not show."""

    list_display = ("username", "email", "is_active", "last_login")
    search_fields = ("username", "email")
    fields = ("username", "email", "is_active", "last_login")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the desk's members."""
        if access_of(request) is None:
            return User.objects.none()
        return User.objects.filter(id__in=Membership.objects.values("user_id"))


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """A member by name: a list of names would show the people of other desks."""

    username = forms.CharField(max_length=150, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = Membership
        fields = ("role",)

    def clean_username(self) -> User:
        """Return the person of the name."""
        user = User.objects.filter(username=self.cleaned_data["username"], is_active=True).first()
        if user is None:
            raise ValidationError("There is no such person.")
        return user


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    """Who belongs to the desk, and as what."""

    add_scope = delete_scope = "admin"
    form = MembershipForm
    list_display = ("user", "role")
    list_select_related = ("user",)
    list_filter = ("role",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return a name to type for a new member, and the person for one who is there."""
        return ("user", "role") if obj else ("username", "role")

    def write(self, request: HttpRequest, obj: Any, values: dict[str, Any], change: bool) -> Membership:
        """Add the member, or give one another role."""
        return services.add_member(
            tenant_id=desk_of(request).tenant_id, user=values["username"], role=values["role"]
        )

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """Remove the member."""
        services.remove_member(tenant_id=desk_of(request).tenant_id, user=obj.user)


@admin.register(ExchangeAccount)
class ExchangeAccountAdmin(TenantAdmin):
    """Accounts at the venues."""

    add_scope = change_scope = "admin"
    list_display = ("name", "venue", "kind", "parent", "slot", "active")
    list_select_related = ("parent",)
    list_filter = ("venue", "kind", "active")
    search_fields = ("name", "email")
    fields = ("venue", "kind", "name", "email", "parent", "active")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Only switching off changes an account that is there."""
        return ("venue", "kind", "name", "email", "parent") if obj else ("active",)

    def write(self, request: HttpRequest, obj: Any, values: dict[str, Any], change: bool) -> ExchangeAccount:
        """Create the account, or switch it on or off."""
        tenant_id = desk_of(request).tenant_id
        if change:
            services.set_account_active(tenant_id=tenant_id, account_id=obj.id, active=values["active"])
            return cast("ExchangeAccount", obj)
        parent = values.pop("parent", None)
        return services.create_account(tenant_id=tenant_id, parent_id=parent and parent.id, **values)


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A key's two halves; the secret is never shown again."""

    api_key = forms.CharField(max_length=256, widget=UnfoldAdminTextInputWidget)
    api_secret = forms.CharField(max_length=4096, widget=UnfoldAdminPasswordWidget)

    class Meta:
        model = ApiKey
        fields = ("account",)


@admin.register(ApiKey)
class ApiKeyAdmin(TenantAdmin):
    """Keys of the venues, masked; storing a new one retires the one before."""

    add_scope = "admin"
    view_scope = "admin"
    form = ApiKeyForm
    list_display = ("account", "masked", "active", "created_at", "ring_key_id")
    list_select_related = ("account",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what is asked for a new key, and what may be shown of one that is there."""
        return ("account", "masked", "active", "created_at") if obj else ("account", "api_key", "api_secret")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Nothing of a stored key changes."""
        return ("account", "masked", "active", "created_at") if obj else ()

    def write(self, request: HttpRequest, obj: Any, values: dict[str, Any], change: bool) -> ApiKey:
        """Seal and store the key."""
        return services.store_api_key(**values, now_ns=time.time_ns())


class ApiTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a new token is for."""

    username = forms.CharField(max_length=150, widget=UnfoldAdminTextInputWidget)
    wanted = forms.MultipleChoiceField(choices=[(scope, scope) for scope in sorted(SCOPES)], label="Scopes")
    days = forms.IntegerField(min_value=1, max_value=TOKEN_DAYS_MAX, initial=90)

    class Meta:
        model = ApiToken
        fields = ("name",)

    def clean_username(self) -> User:
        """Return the member of the name."""
        members = User.objects.filter(id__in=Membership.objects.values("user_id"))
        user = members.filter(username=self.cleaned_data["username"]).first()
        if user is None:
            raise ValidationError("There is no such member.")
        return user


@admin.action(description="Revoke")
def revoke(modeladmin: Any, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
    """Take the chosen tokens back."""
    for token_id in queryset.values_list("id", flat=True):
        services.revoke_token(tenant_id=desk_of(request).tenant_id, token_id=token_id, now_ns=time.time_ns())


@admin.register(ApiToken)
class ApiTokenAdmin(TenantAdmin):
    """Programs' ways in: the plaintext shows once, in the message after it is made."""

    view_scope = add_scope = "admin"
    form = ApiTokenForm
    actions: ClassVar[Any] = (revoke,)
    list_display = ("name", "prefix", "user", "scopes", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    shown = ("name", "prefix", "user", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what is asked for a new token, and what may be shown of one that is there."""
        return self.shown if obj else ("name", "username", "wanted", "days")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A token changes only by being revoked."""
        return self.shown if obj else ()

    def write(self, request: HttpRequest, obj: Any, values: dict[str, Any], change: bool) -> ApiToken:
        """Issue the token and show its plaintext, once."""
        token, plaintext = services.issue_token(
            tenant_id=desk_of(request).tenant_id,
            user=values["username"],
            name=values["name"],
            scopes=values["wanted"],
            ttl=timedelta(days=values["days"]),
            now_ns=time.time_ns(),
        )
        messages.success(request, f"The token, shown only now: {plaintext}")
        return token
