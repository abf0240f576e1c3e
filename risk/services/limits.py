"""Limits: lowered at once by one person, raised by two."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from accounts.tenancy import tenant_scope
from accounts.wire_format import amount_text, time_of
from risk import selectors
from risk.defaults import RiskDefaults
from risk.errors import LimitInvalid, ReasonNeeded, RoleNeeded, SecondPersonNeeded
from risk.models import QUANTITY_LIMITS, SCOPES, Limit, LimitName, LimitRaise
from risk.people import RISK_ROLES, Person


def seed_limits(*, tenant_id: UUID, defaults: RiskDefaults, now_ns: int) -> list[Limit]:
    """Write the limits that a new tenant begins with; those that are there already stay."""
    values = [
        (scope, "", name, Decimal(value))
        for scope in SCOPES
        for name, value in getattr(defaults, scope).model_dump().items()
    ]
    values += [
        ("account", symbol, name, value)
        for symbol, quantities in defaults.instruments.items()
        for name, value in quantities.model_dump().items()
    ]
    with tenant_scope(tenant_id):
        known = set(Limit.objects.filter(target=None).values_list("scope", "symbol", "name"))
        rows = [
            Limit.new(
                scope=scope, symbol=symbol, name=name, value=value, version=1,
                set_by="configs/risk.yaml", reason="seeded", valid_from=time_of(now_ns),
            )
            for scope, symbol, name, value in values
            if (scope, symbol, name) not in known
        ]  # fmt: skip
        return Limit.objects.bulk_create(rows)


def set_limit(
    *,
    tenant_id: UUID,
    scope: str,
    name: str,
    value: Decimal,
    who: Person,
    reason: str,
    now_ns: int,
    target: UUID | None = None,
    slot: int | None = None,
    symbol: str = "",
) -> Limit:
    """Set a limit to the value or below; raises SecondPersonNeeded where that would loosen it.

    A null `target` is every account or strategy without a limit of its own.
    Engines' gates take it up with the next `sync_gate`, see `risk.sync`.
    """
    check_limit(scope, name, value, symbol, target, slot)
    check_person(who, reason)
    with tenant_scope(tenant_id):
        held = selectors.limit_in_force(scope=scope, target=target, symbol=symbol, name=name)
        if held is None or value > held["value"]:
            raise SecondPersonNeeded(
                "raising a limit needs another person's approval",
                held=amount_text(held["value"]) if held else None,
                wanted=amount_text(value),
            )
        return write_limit(scope, target, slot, symbol, name, value, who.name, "", reason, now_ns)


def propose_raise(
    *,
    tenant_id: UUID,
    scope: str,
    name: str,
    value: Decimal,
    who: Person,
    reason: str,
    now_ns: int,
    target: UUID | None = None,
    slot: int | None = None,
    symbol: str = "",
) -> LimitRaise:
    """Ask for a limit to be raised; nothing changes before somebody else approves."""
    check_limit(scope, name, value, symbol, target, slot)
    check_person(who, reason)
    with tenant_scope(tenant_id):
        wish = LimitRaise.new(
            scope=scope, target=target, slot=slot, symbol=symbol, name=name, value=value,
            reason=reason, requested_by=who.user, requested_at=time_of(now_ns),
        )  # fmt: skip
        wish.save(force_insert=True)
    return wish


def approve_raise(*, tenant_id: UUID, raise_id: UUID, who: Person, now_ns: int) -> Limit:
    """Let the raise hold; raises SecondPersonNeeded for whoever asked for it."""
    with tenant_scope(tenant_id):
        wish = LimitRaise.objects.select_for_update().filter(id=raise_id, decided_at=None).first()
        if wish is None:
            raise LimitInvalid("there is no such raise to decide", id=str(raise_id))
        check_person(who, wish.reason)
        if who.user == wish.requested_by:
            raise SecondPersonNeeded("whoever asked for a raise cannot approve it")
        wish.approved_by, wish.decided_at = who.user, time_of(now_ns)
        wish.save(update_fields=["approved_by", "decided_at"])
        return write_limit(
            wish.scope, wish.target, wish.slot, wish.symbol, wish.name, wish.value,
            wish.requested_by, who.user, wish.reason, now_ns,
        )  # fmt: skip


def write_limit(
    scope: str, target: UUID | None, slot: int | None, symbol: str, name: str, value: Decimal,
    set_by: str, approved_by: str, reason: str, now_ns: int,
) -> Limit:  # fmt: skip
    """Write the limit's next version in the current tenant's scope."""
    version = selectors.newest_version(scope=scope, target=target, symbol=symbol, name=name) + 1
    limit = Limit.new(
        scope=scope, target=target, slot=slot, symbol=symbol, name=name, value=value, version=version,
        set_by=set_by, approved_by=approved_by, reason=reason, valid_from=time_of(now_ns),
    )  # fmt: skip
    limit.save(force_insert=True)
    return limit


def check_limit(
    scope: str, name: str, value: Decimal, symbol: str, target: UUID | None, slot: int | None
) -> None:
    """Raise LimitInvalid where the parts do not go together."""
    if scope not in SCOPES or name not in LimitName.values:
        raise LimitInvalid("there is no such limit", scope=scope, name=name)
    if (name in QUANTITY_LIMITS) != bool(symbol) or (symbol and scope != "account"):
        raise LimitInvalid("quantities are limited per account and symbol, values per scope", name=name)
    if not value.is_finite() or value < 0:
        raise LimitInvalid("a limit is a number from zero up", value=str(value))
    if (target is None) != (slot is None):
        raise LimitInvalid("a target comes with its slot", scope=scope)


def check_person(who: Person, reason: str) -> None:
    """Raise RoleNeeded or ReasonNeeded."""
    if who.role not in RISK_ROLES:
        raise RoleNeeded("this takes the risk or the owner role", role=who.role)
    if not reason.strip():
        raise ReasonNeeded("say why")
