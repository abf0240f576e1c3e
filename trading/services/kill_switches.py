"""A kill switch as people and programs throw it: the switch first, then what follows from it."""

from __future__ import annotations

import logging
from uuid import UUID

import msgspec
from django.db import Error as DatabaseFailure
from django.db import transaction

from accounts.tenancy import tenant_scope
from risk import selectors as risk_selectors
from risk import services as risk_services
from risk.people import Person
from risk.services import KillOutcome
from trading.broadcast import tell
from trading.live import group_of
from trading.services.orders import cancel_all

log = logging.getLogger(__name__)


class ThrownSwitch(msgspec.Struct, frozen=True):
    """What the switch reached, and the command that cancels what is open; None where there is none."""

    outcome: KillOutcome
    cancel_command: UUID | None


def throw_kill_switch(
    *,
    tenant_id: UUID,
    scope: str,
    target: UUID | None,
    slot: int,
    state: str,
    reason: str,
    who: Person,
    now_ns: int,
) -> ThrownSwitch:
    """Set the switch at once, cancel what is open when it halts, and tell the dashboards.

    `slot` is the target's row in the gate. Raises what `risk.services.set_kill_switch`
    raises; once the switch is set, a database that is away is only logged.
    """
    outcome = risk_services.set_kill_switch(
        tenant_id=tenant_id,
        scope=scope,
        target=target,
        slot=slot,
        state=state,
        reason=reason,
        who=who,
        now_ns=now_ns,
    )
    cancel = cancel_open(tenant_id, scope, target, slot, who, now_ns) if state == "HALTED" else None
    if outcome.recorded:
        publish_switch(tenant_id, scope, target)
    return ThrownSwitch(outcome, cancel)


def cancel_open(
    tenant_id: UUID, scope: str, target: UUID | None, slot: int, who: Person, now_ns: int
) -> UUID | None:
    """Ask the engine to cancel what is open; the switch holds, whether or not that can be written."""
    try:
        command = cancel_all(
            tenant_id=tenant_id,
            requested_by=who.name,
            now_ns=now_ns,
            account_id=target if scope == "account" else None,
            strategy_slot=slot if scope == "strategy" else -1,
        )
    except DatabaseFailure as error:
        log.error("the kill switch holds, but its cancel command is not written: %s", error)
        return None
    return command.id


def publish_switch(tenant_id: UUID, scope: str, target: UUID | None) -> None:
    """Tell the tenant's dashboards of the switch's row once it is committed."""
    try:
        with tenant_scope(tenant_id):
            found = list(risk_selectors.kill_switches().filter(scope=scope, target=target))
    except DatabaseFailure as error:
        log.error("the kill switch holds, but dashboards are not told of it: %s", error)
        return
    rows = {"kill_switches": [risk_selectors.kill_switch_row(values) for values in found]}
    transaction.on_commit(lambda: tell(group_of(tenant_id), {"type": "live.rows", "rows": rows}))
