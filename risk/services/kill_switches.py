"""Kill switches: the flag file and the gate's memory first, the row when it can be had."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import Error as DatabaseFailure

from accounts.tenancy import tenant_scope
from accounts.wire_format import time_of
from risk.codes import Scope, TradingState
from risk.errors import ReasonNeeded, RoleNeeded, StateInvalid
from risk.flags import Flag, read_flags, write_flag
from risk.gate import Gate, GateError
from risk.models import SCOPES, KillSwitch
from risk.people import RISK_ROLES, Person

log = logging.getLogger(__name__)

STATES = {
    "ACTIVE": TradingState.ACTIVE,
    "REDUCING": TradingState.REDUCING,
    "HALTED": TradingState.HALTED,
}
#: Roles that may stop trading; loosening takes one of RISK_ROLES.
STOP_ROLES = RISK_ROLES | {"trader"}


class KillOutcome(msgspec.Struct, frozen=True):
    """What the switch reached: the synced flag file, the gate of this host, the row."""

    flag_written: bool
    gate_set: bool
    recorded: bool


def set_kill_switch(
    *,
    tenant_id: UUID,
    scope: str,
    target: UUID | None,
    slot: int,
    state: str,
    reason: str,
    who: Person,
    now_ns: int,
) -> KillOutcome:
    """Stop or release a tenant, an account or a strategy; `slot` is the target's row in the gate.

    Stopping must work with Postgres and Redis away: the flag and the memory come
    first, and a row that cannot be written is told and made up for by
    `record_flags`. Releasing begins with the row, so that nothing trades again
    of which there is no record.
    """
    check_switch(scope, target, state, reason, who)
    if is_looser(state):
        write_row(tenant_id, scope, target, slot, state, reason, who, now_ns)
        recorded = True
    flag_written = raise_flag(scope, slot, state, reason, who, now_ns)
    gate_set = set_gate(settings.GATE_PATH, scope, slot, state)
    if not is_looser(state):
        recorded = try_row(tenant_id, scope, target, slot, state, reason, who, now_ns)
    return KillOutcome(flag_written, gate_set, recorded)


def is_looser(state: str) -> bool:
    """Return whether the state lets anything trade that another state would not: all but HALTED may."""
    return state != "HALTED"


def check_switch(scope: str, target: UUID | None, state: str, reason: str, who: Person) -> None:
    """Raise StateInvalid, RoleNeeded or ReasonNeeded."""
    if scope not in SCOPES or state not in STATES or (target is None) != (scope == "tenant"):
        raise StateInvalid("there is no such kill switch or state", scope=scope, state=state)
    if who.role not in (RISK_ROLES if is_looser(state) else STOP_ROLES):
        raise RoleNeeded(f"{state} takes another role", role=who.role)
    if is_looser(state) and not reason.strip():
        raise ReasonNeeded("say why trading may go on")


def raise_flag(scope: str, slot: int, state: str, reason: str, who: Person, now_ns: int) -> bool:
    """Write the synced flag file; a full disk must not keep the gate from being told."""
    try:
        write_flag(settings.FLAGS_PATH, Scope[scope.upper()], slot, STATES[state], reason, who.name, now_ns)
    except OSError as error:
        log.error("the kill flag of %s %d is not on disk: %s", scope, slot, error)
        return False
    return True


def set_gate(path: Path, scope: str, slot: int, state: str) -> bool:
    """Set the state in this host's gate; without one no engine trades here, and its start reads the flag."""
    try:
        gate = Gate(path)
    except (GateError, OSError) as error:
        log.warning("no gate to set %s %d in: %s", scope, slot, error)
        return False
    try:
        gate.set_state(Scope[scope.upper()], slot, STATES[state])
    finally:
        gate.close()
    return True


def try_row(*row: object) -> bool:
    """Write the row if Postgres takes it."""
    try:
        write_row(*row)  # type: ignore[arg-type]
    except DatabaseFailure as error:
        log.error("the kill switch holds, but its row is not written: %s", error)
        return False
    return True


def write_row(
    tenant_id: UUID, scope: str, target: UUID | None, slot: int, state: str, reason: str, who: Person,
    now_ns: int,
) -> None:  # fmt: skip
    """Write what the switch is set to now."""
    values = {
        "slot": slot,
        "state": state,
        "reason": reason[:500],
        "set_by": who.name,
        "changed_at": time_of(now_ns),
    }
    with tenant_scope(tenant_id):
        KillSwitch.objects.update_or_create(
            scope=scope, target=target, defaults=values, create_defaults=values | {"tenant_id": tenant_id}
        )


def record_flags(*, tenant_id: UUID, targets: Mapping[tuple[Scope, int], UUID | None]) -> int:
    """Write the rows of halts that Postgres missed while it was away; return how many.

    `targets` are the ids of the tenant's parts by their scope and slot in the
    gate, None for the tenant itself. Flags of others stay unread.
    """
    halts = [
        flag
        for flag in read_flags(settings.FLAGS_PATH)
        if flag.state is TradingState.HALTED and (flag.scope, flag.slot) in targets
    ]
    with tenant_scope(tenant_id):
        return sum(record_flag(tenant_id, flag, targets[flag.scope, flag.slot]) for flag in halts)


def record_flag(tenant_id: UUID, flag: Flag, target: UUID | None) -> bool:
    """Write the flag's row, unless one as new is there: a release writes its row before its flag."""
    values = {
        "slot": flag.slot,
        "state": flag.state.name,
        "reason": flag.reason,
        "set_by": flag.who,
        "changed_at": time_of(flag.set_ns),
    }
    row, created = KillSwitch.objects.get_or_create(
        scope=flag.scope.name.lower(), target=target, defaults=values | {"tenant_id": tenant_id}
    )
    older = KillSwitch.objects.filter(id=row.id, changed_at__lt=values["changed_at"])
    return created or older.update(**values) > 0
