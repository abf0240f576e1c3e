from __future__ import annotations

import pytest
from django.db import OperationalError

from accounts.tenancy import tenant_scope
from accounts.wire_format import time_of
from risk import services
from risk.codes import Scope, TradingState
from risk.errors import ReasonNeeded, RoleNeeded, StateInvalid
from risk.flags import read_flags
from risk.gate import Gate
from risk.models import KillSwitch
from risk.people import Person
from risk.services import kill_switches

pytestmark = pytest.mark.django_db

NOW_NS = 1_780_000_000_000_000_000
ANN = Person("ann", "risk")
TIM = Person("tim", "trader")
VIC = Person("vic", "viewer")


@pytest.fixture
def gate(settings, tmp_path):
    settings.GATE_PATH = tmp_path / "gate"
    settings.FLAGS_PATH = tmp_path / "flags"
    Gate.create(settings.GATE_PATH)
    gate = Gate(settings.GATE_PATH)
    yield gate
    gate.close()


def throw(tenant, state: str = "HALTED", **changes):
    return services.set_kill_switch(
        **(
            {
                "tenant_id": tenant.id,
                "scope": "tenant",
                "target": None,
                "slot": tenant.slot,
                "state": state,
                "reason": "runaway quotes",
                "who": ANN,
                "now_ns": NOW_NS,
            }
            | changes
        )
    )


def flags_of(settings) -> dict:
    return {
        (int(flag.scope), flag.slot): TradingState(flag.state) for flag in read_flags(settings.FLAGS_PATH)
    }


def test_a_halt_reaches_the_flag_the_memory_and_the_row(gate, demo_desk, other_desk, settings):
    tenant = demo_desk.tenant
    outcome = throw(tenant)
    assert (outcome.flag_written, outcome.gate_set, outcome.recorded) == (True, True, True)
    assert gate.state(Scope.TENANT, tenant.slot) == TradingState.HALTED
    assert flags_of(settings) == {(Scope.TENANT, tenant.slot): TradingState.HALTED}
    with tenant_scope(tenant.id):
        row = KillSwitch.objects.get()
    assert (row.state, row.reason, row.set_by) == ("HALTED", "runaway quotes", "ann")
    with tenant_scope(other_desk.tenant.id):
        assert not KillSwitch.objects.exists()


def test_a_release_undoes_all_three(gate, demo_desk, settings):
    throw(demo_desk.tenant)
    throw(demo_desk.tenant, "ACTIVE", reason="fixed")
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.ACTIVE
    assert set(flags_of(settings).values()) <= {TradingState.ACTIVE}
    with tenant_scope(demo_desk.tenant.id):
        assert [row.state for row in KillSwitch.objects.all()] == ["ACTIVE"]


def test_an_account_is_halted_without_its_neighbours(gate, demo_desk):
    account, neighbour = demo_desk.accounts[:2]
    throw(demo_desk.tenant, scope="account", target=account.id, slot=account.slot)
    assert gate.state(Scope.ACCOUNT, account.slot) == TradingState.HALTED
    assert gate.state(Scope.ACCOUNT, neighbour.slot) == TradingState.MISSING


def test_a_halt_works_while_postgres_is_away_and_says_what_it_missed(
    gate, demo_desk, settings, monkeypatch, caplog
):
    def gone(*_):
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(kill_switches, "tenant_scope", gone)
    outcome = throw(demo_desk.tenant)
    assert (outcome.flag_written, outcome.gate_set, outcome.recorded) == (True, True, False)
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.HALTED
    assert flags_of(settings)
    assert "its row is not written" in caplog.text


def test_a_release_without_postgres_changes_nothing(gate, demo_desk, monkeypatch):
    throw(demo_desk.tenant)

    def gone(*_):
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(kill_switches, "tenant_scope", gone)
    with pytest.raises(OperationalError):
        throw(demo_desk.tenant, "ACTIVE", reason="fixed")
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.HALTED


def test_a_halt_without_a_gate_on_this_host_still_leaves_the_flag(demo_desk, settings, tmp_path):
    settings.GATE_PATH = tmp_path / "none"
    settings.FLAGS_PATH = tmp_path / "flags"
    outcome = throw(demo_desk.tenant)
    assert (outcome.flag_written, outcome.gate_set, outcome.recorded) == (True, False, True)


@pytest.mark.parametrize(
    ("state", "changes", "error"),
    [
        ("HALTED", {"who": VIC}, RoleNeeded),
        ("ACTIVE", {"who": TIM}, RoleNeeded),
        ("REDUCING", {"who": TIM}, RoleNeeded),
        ("ACTIVE", {"reason": "  "}, ReasonNeeded),
        ("PAUSED", {}, StateInvalid),
        ("HALTED", {"scope": "planet"}, StateInvalid),
        ("HALTED", {"scope": "account"}, StateInvalid),
    ],
)
def test_who_may_not_or_says_nonsense_reaches_nothing(gate, demo_desk, settings, state, changes, error):
    with pytest.raises(error):
        throw(demo_desk.tenant, state, **changes)
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.MISSING
    assert flags_of(settings) == {}


def test_a_trader_may_stop_what_he_may_not_start_again(gate, demo_desk):
    throw(demo_desk.tenant, who=TIM)
    with pytest.raises(RoleNeeded):
        throw(demo_desk.tenant, "ACTIVE", who=TIM)
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.HALTED


@pytest.fixture
def missed(gate, demo_desk, other_desk, monkeypatch):
    """The desk was halted while Postgres was away."""

    def gone(*_):
        raise OperationalError("the connection is closed")

    with monkeypatch.context() as patch:
        patch.setattr(kill_switches, "tenant_scope", gone)
        throw(demo_desk.tenant, who=TIM)
    return demo_desk.tenant


def record(tenant) -> int:
    targets = {(Scope.TENANT, tenant.slot): None}
    return services.record_flags(tenant_id=tenant.id, targets=targets)


def rows_of(tenant) -> list[tuple]:
    with tenant_scope(tenant.id):
        return list(KillSwitch.objects.values_list("slot", "state", "reason", "set_by", "changed_at"))


def test_a_halt_that_postgres_missed_is_recorded_once_it_is_back(missed, other_desk):
    assert rows_of(missed) == []
    assert [record(missed), record(missed)] == [1, 0]
    assert rows_of(missed) == [(missed.slot, "HALTED", "runaway quotes", "tim", time_of(NOW_NS))]
    assert record(other_desk.tenant) == 0
    assert rows_of(other_desk.tenant) == []


def test_a_halt_that_postgres_missed_takes_the_place_of_an_older_release(gate, demo_desk, monkeypatch):
    tenant = demo_desk.tenant
    throw(tenant, "ACTIVE", reason="morning")
    with monkeypatch.context() as patch:
        patch.setattr(kill_switches, "try_row", lambda *_: False)
        throw(tenant, now_ns=NOW_NS + 1_000_000)
    assert [record(tenant), record(tenant)] == [1, 0]
    assert [state for _, state, *_ in rows_of(tenant)] == ["HALTED"]


def test_a_release_whose_flag_is_not_written_yet_is_not_undone_by_the_record(missed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(kill_switches, "raise_flag", lambda *_: False)
        throw(missed, "ACTIVE", reason="fixed", now_ns=NOW_NS + 1_000_000)
    assert record(missed) == 0
    assert [state for _, state, *_ in rows_of(missed)] == ["ACTIVE"]
