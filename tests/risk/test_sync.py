from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from risk import services
from risk.codes import Scope, TradingState
from risk.flags import write_flag
from risk.gate import Gate
from risk.people import Person
from risk.sync import sync_gate

pytestmark = pytest.mark.django_db

NOW_NS = 1_780_000_000_000_000_000
ANN = Person("ann", "risk")


class InterruptedGate(Gate):
    """A gate in which somebody else halts the scope as soon as its state has been looked at."""

    halted_meanwhile: tuple[int, int] | None = None

    def state(self, scope: int, slot: int) -> int:
        seen = super().state(scope, slot)
        if (scope, slot) == self.halted_meanwhile:
            super().set_state(scope, slot, TradingState.HALTED)
        return seen


@pytest.fixture
def gate(settings, tmp_path) -> Iterator[InterruptedGate]:
    settings.GATE_PATH = tmp_path / "gate"
    settings.FLAGS_PATH = tmp_path / "flags"
    Gate.create(settings.GATE_PATH)
    gate = InterruptedGate(settings.GATE_PATH)
    yield gate
    gate.close()


def sync(gate: Gate, flags: Path) -> None:
    sync_gate(gate, 0, instruments=[], strategies=[], flags=flags)


def test_what_nobody_has_stopped_may_trade(gate, demo_desk, other_desk, settings):
    sync(gate, settings.FLAGS_PATH)
    for desk in (demo_desk, other_desk):
        assert gate.state(Scope.TENANT, desk.tenant.slot) == TradingState.ACTIVE
        states = {gate.state(Scope.ACCOUNT, account.slot) for account in desk.accounts}
        assert states == {TradingState.ACTIVE}
    assert gate.state(Scope.TENANT, 60) == TradingState.MISSING


@pytest.mark.parametrize("source", ["row", "flag", "memory"])
def test_one_source_that_says_halted_is_enough(gate, demo_desk, other_desk, settings, tmp_path, source):
    tenant = demo_desk.tenant
    if source == "row":
        # As another host's halt: its flag and its memory are not here.
        settings.FLAGS_PATH, settings.GATE_PATH = tmp_path / "their flags", tmp_path / "their gate"
        services.set_kill_switch(
            tenant_id=tenant.id, scope="tenant", target=None, slot=tenant.slot, state="HALTED", reason="",
            who=ANN, now_ns=NOW_NS,
        )  # fmt: skip
    elif source == "flag":
        write_flag(tmp_path / "flags", Scope.TENANT, tenant.slot, TradingState.HALTED, "", "ann", NOW_NS)
    else:
        gate.set_state(Scope.TENANT, tenant.slot, TradingState.HALTED)
    sync(gate, tmp_path / "flags")
    assert gate.state(Scope.TENANT, tenant.slot) == TradingState.HALTED
    assert gate.state(Scope.TENANT, other_desk.tenant.slot) == TradingState.ACTIVE


def test_a_halt_in_the_middle_of_a_sync_is_not_overwritten(gate, demo_desk, settings):
    sync(gate, settings.FLAGS_PATH)
    gate.halted_meanwhile = (Scope.TENANT, demo_desk.tenant.slot)
    sync(gate, settings.FLAGS_PATH)
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.HALTED
