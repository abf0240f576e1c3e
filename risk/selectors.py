"""Reads of risk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from accounts.wire_format import amount_text, id_text, time_text
from risk.models import KillSwitch, Limit, LimitRaise

ValuesQuery = QuerySet[Any, dict[str, Any]]
Row = dict[str, Any]

LIMIT_VALUES = (
    "id", "scope", "target", "slot", "symbol", "name", "value", "version", "set_by", "approved_by",
    "reason", "valid_from",
)  # fmt: skip
KILL_SWITCH_VALUES = ("id", "scope", "target", "slot", "state", "reason", "set_by", "changed_at")


def limits() -> ValuesQuery:
    """Return the tenant's limits that hold now: the newest version of each."""
    newest = (
        Limit.objects.order_by("scope", "target", "symbol", "name", "-version")
        .distinct("scope", "target", "symbol", "name")
        .values("id")
    )
    return Limit.objects.filter(id__in=newest).values(*LIMIT_VALUES)


def limit_in_force(*, scope: str, target: UUID | None, symbol: str, name: str) -> Row | None:
    """Return the limit that holds for the target now: its own, else the one for every target."""
    found = list(limits().filter(scope=scope, symbol=symbol, name=name).filter(targets(target)))
    own = [row for row in found if row["target"] is not None]
    return next(iter(own or found), None)


def targets(target: UUID | None) -> Q:
    """Return the condition that a limit holds for the target."""
    return Q(target__isnull=True) | (Q(target=target) if target else Q())


def newest_version(*, scope: str, target: UUID | None, symbol: str, name: str) -> int:
    """Return the version of the target's own newest limit, 0 for none."""
    same = Limit.objects.filter(scope=scope, target=target, symbol=symbol, name=name)
    return same.aggregate(newest=Max("version"))["newest"] or 0


def kill_switches() -> ValuesQuery:
    """Return the tenant's kill switches that were ever used."""
    return KillSwitch.objects.values(*KILL_SWITCH_VALUES)


def raises() -> QuerySet[LimitRaise]:
    """Return the tenant's raises that nobody has decided yet."""
    return LimitRaise.objects.filter(decided_at__isnull=True)


def kill_switch_row(values: Mapping[str, Any]) -> Row:
    """Return a kill switch; `target` is null for the tenant's own."""
    return {
        "id": str(values["id"]),
        "scope": values["scope"],
        "target": id_text(values["target"]),
        "state": values["state"],
        "reason": values["reason"],
        "set_by": values["set_by"],
        "changed_at": time_text(values["changed_at"]),
    }


def limit_row(values: Mapping[str, Any]) -> Row:
    """Return a limit; `target` is null where it holds for every target of its scope."""
    return {
        "id": str(values["id"]),
        "scope": values["scope"],
        "target": id_text(values["target"]),
        "symbol": values["symbol"],
        "name": values["name"],
        "value": amount_text(values["value"]),
        "version": values["version"],
        "set_by": values["set_by"],
        "approved_by": values["approved_by"],
        "reason": values["reason"],
        "valid_from": time_text(values["valid_from"]),
    }
