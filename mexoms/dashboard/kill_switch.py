"""The page's kill switch: which target is meant, and what a halt sets off."""

from __future__ import annotations

from uuid import UUID

from accounts.access import Access
from accounts.models import ExchangeAccount, Tenant
from mexoms.dashboard.errors import BadField
from risk.people import Person
from strategies import selectors as strategies_selectors
from trading import services as trading
from trading.errors import UnknownTarget


def parse_target(text: str) -> tuple[str, UUID | None]:
    """Return scope and target of `tenant`, `account:ID` or `strategy:ID`; raises BadField."""
    scope, _, target = text.partition(":")
    if scope == "tenant" and not target:
        return scope, None
    try:
        if scope in {"account", "strategy"}:
            return scope, UUID(target)
    except ValueError:
        pass
    raise BadField("choose what to halt or release", field="target")


def slot_of(access: Access, scope: str, target: UUID | None) -> int:
    """Return the target's row in the gate; raises UnknownTarget. Call in the tenant's scope."""
    slot: int | None
    if target is None:
        slot = Tenant.objects.values_list("slot", flat=True).get(id=access.tenant_id)
    elif scope == "account":
        slot = ExchangeAccount.objects.filter(id=target).values_list("slot", flat=True).first()
    else:
        slot = strategies_selectors.slot_of_instance(target)
    if slot is None:
        raise UnknownTarget(f"there is no such {scope}", target=str(target))
    return slot


def throw_switch(
    *, access: Access, scope: str, target: UUID | None, state: str, reason: str, now_ns: int
) -> str:
    """Set the switch at once, cancel what is open when it halts, and say in a sentence what was reached."""
    thrown = trading.throw_kill_switch(
        tenant_id=access.tenant_id,
        scope=scope,
        target=target,
        slot=slot_of(access, scope, target),
        state=state,
        reason=reason,
        who=Person(access.name, access.role),
        now_ns=now_ns,
    )
    missed = [
        text
        for reached, text in (
            (thrown.outcome.flag_written, "the flag is not on disk"),
            (thrown.outcome.gate_set, "no engine's gate on this host was told"),
            (thrown.outcome.recorded, "the row is not written"),
            (thrown.cancel_command or state != "HALTED", "the cancel of what is open is not written"),
        )
        if not reached
    ]
    said = "Halted; open orders are being cancelled." if state == "HALTED" else f"Released: {state}."
    return f"{said} But {', '.join(missed)}." if missed else said
