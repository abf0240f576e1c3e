"""The admin of trading. The projector and the engine write these rows; people look at them."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import TenantAdmin
from trading.models import (
    AccountStatus,
    Asset,
    Balance,
    Command,
    EngineEpoch,
    Fill,
    Instrument,
    JournalCursor,
    Order,
    Position,
)


@admin.register(Asset)
class AssetAdmin(TenantAdmin):
    """Coins with their slots in the gate."""

    list_display = ("code", "slot", "scale")
    search_fields = ("code",)


@admin.register(Instrument)
class InstrumentAdmin(TenantAdmin):
    """Pairs with the venues' filters."""

    list_display = ("symbol", "venue", "tick", "lot", "trading", "version")
    list_filter = ("venue", "trading")
    search_fields = ("symbol",)


@admin.register(Command)
class CommandAdmin(TenantAdmin):
    """What was asked of the engine, and its answers."""

    list_display = ("created_at", "kind", "account", "requested_by", "state", "code", "client_order_id")
    list_filter = ("kind", "state")
    list_select_related = ("account",)
    search_fields = ("client_order_id", "requested_by")
    ordering = ("-created_at",)


@admin.register(Order)
class OrderAdmin(TenantAdmin):
    """Orders, refused ones included."""

    list_display = (
        "created_at", "client_order_id", "account", "instrument", "side", "type", "price", "quantity",
        "filled_quantity", "state", "code",
    )  # fmt: skip
    list_filter = ("state", "side", "type", "instrument")
    list_select_related = ("account", "instrument")
    search_fields = ("client_order_id",)
    ordering = ("-created_at", "-id")


@admin.register(Fill)
class FillAdmin(TenantAdmin):
    """Trades of the desk's orders."""

    list_display = (
        "executed_at", "account", "instrument", "side", "price", "quantity", "fee", "fee_asset", "maker",
        "trade_id",
    )  # fmt: skip
    list_filter = ("side", "maker", "instrument")
    list_select_related = ("account", "instrument")
    ordering = ("-executed_at", "-id")


@admin.register(Position)
class PositionAdmin(TenantAdmin):
    """What accounts hold by their own fills."""

    list_display = ("account", "instrument", "quantity", "cost", "realised", "updated_at")
    list_filter = ("instrument",)
    list_select_related = ("account", "instrument")


@admin.register(Balance)
class BalanceAdmin(TenantAdmin):
    """What accounts hold at the venue."""

    list_display = ("account", "asset", "total", "locked", "updated_at")
    list_filter = ("asset",)
    list_select_related = ("account",)


@admin.register(AccountStatus)
class AccountStatusAdmin(TenantAdmin):
    """Which accounts the engine trades."""

    list_display = ("account", "state", "reason", "changed_at")
    list_filter = ("state",)
    list_select_related = ("account",)


@admin.register(EngineEpoch)
class EngineEpochAdmin(TenantAdmin):
    """How often each shard's engine has started."""

    list_display = ("shard", "epoch")


@admin.register(JournalCursor)
class JournalCursorAdmin(TenantAdmin):
    """How far each shard's journal is projected."""

    list_display = ("shard", "epoch", "sequence", "segment", "offset")
