"""The admin of strategies: look at instances, switch them on and off."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import TenantAdmin, desk_of
from strategies import services
from strategies.models import StrategyInstance


@admin.register(StrategyInstance)
class StrategyInstanceAdmin(TenantAdmin):
    """Strategies at work; a change takes hold at the engine's next start."""

    change_scope: ClassVar[str] = "admin"
    list_display = ("name", "strategy", "venue", "slot", "enabled")
    list_filter = ("strategy", "enabled")
    fields = ("name", "strategy", "venue", "slot", "accounts", "symbols", "parameters", "enabled")
    readonly_fields = ("name", "strategy", "venue", "slot", "accounts", "symbols", "parameters")

    def write(self, request: HttpRequest, obj: Any, values: dict[str, Any], change: bool) -> StrategyInstance:
        """Switch the instance."""
        return services.set_enabled(
            tenant_id=desk_of(request).tenant_id, instance_id=obj.id, enabled=values["enabled"]
        )
