"""Kill switches: the flag file and the gate's memory first, the row when it can be had."""

from __future__ import annotations

import logging
from pathlib import Path
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import Error as DatabaseFailure

from accounts.tenancy import tenant_scope
from accounts.wire_format import time_of
from risk.codes import Scope, TradingState
from risk.errors import ReasonNeeded, RoleNeeded, StateInvalid
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
    from risk.flags import write_flag

    try:
        write_flag(settings.FLAGS_PATH, Scope[scope.upper()], slot, STATES[state], reason, who.name, now_ns)
    except OSError as error:
        log.error("the kill flag of %s %d is not on disk: %s", scope, slot, error)
        return False
    return True


def set_gate(path: Path, scope: str, slot: int, state: str) -> bool:
    """Set the state in this host's gate; without one no engine trades here, and its start reads the flag."""
    # Compiled: whoever only migrates or looks at rows must not need it.
    from risk.gate import Gate, GateError

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
    with tenant_scope(tenant_id):
        KillSwitch.objects.update_or_create(
            scope=scope,
            target=target,
            defaults={
                "slot": slot,
                "state": state,
                "reason": reason[:500],
                "set_by": who.name,
                "changed_at": time_of(now_ns),
            },
            create_defaults={
                "tenant_id": tenant_id,
                "slot": slot,
                "state": state,
                "reason": reason[:500],
                "set_by": who.name,
                "changed_at": time_of(now_ns),
            },
        )
