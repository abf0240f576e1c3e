from __future__ import annotations

import pytest

from accounts.tenancy import tenant_scope
from risk.codes import Scope, TradingState
from risk.flags import write_flag
from risk.gate import Gate
from risk.models import KillSwitch
from strategies.services import create_instance
from strategies.tasks import record_flags, sync_gates
from tests.trading.desks import list_btcusdt

pytestmark = pytest.mark.django_db

NOW_NS = 1_780_000_000_000_000_000


@pytest.fixture
def instance(demo_desk, other_desk, settings, tmp_path):
    """An instance that does not run; flags and gate are the test's own."""
    settings.GATE_PATH = tmp_path / "gate"
    settings.FLAGS_PATH = tmp_path / "flags"
    list_btcusdt()
    return create_instance(
        tenant_id=demo_desk.tenant.id,
        name="quotes",
        strategy="two_sided_quotes",
        venue="binance_spot",
        account_ids=[demo_desk.accounts[1].id],
        symbols=["BTCUSDT"],
        parameters={},
    )


def halts_of(desk) -> set[tuple]:
    with tenant_scope(desk.tenant.id):
        return set(KillSwitch.objects.filter(state="HALTED").values_list("scope", "target"))


def test_every_halt_on_this_host_becomes_a_row_of_its_own_tenant(instance, demo_desk, other_desk, settings):
    theirs = other_desk.accounts[2]
    for scope, slot in (
        (Scope.GLOBAL, 0),
        (Scope.TENANT, demo_desk.tenant.slot),
        (Scope.STRATEGY, instance.slot),
        (Scope.ACCOUNT, theirs.slot),
        (Scope.ACCOUNT, 999),
    ):
        write_flag(settings.FLAGS_PATH, scope, slot, TradingState.HALTED, "test", "ann", NOW_NS)
    released = demo_desk.accounts[0].slot
    write_flag(settings.FLAGS_PATH, Scope.ACCOUNT, released, TradingState.ACTIVE, "fine", "ann", NOW_NS)
    assert [record_flags(), record_flags()] == [3, 0]
    assert halts_of(demo_desk) == {("tenant", None), ("strategy", instance.id)}
    assert halts_of(other_desk) == {("account", theirs.id)}


def test_the_gate_of_an_engine_host_hears_of_changes_and_another_host_has_none(instance, demo_desk, settings):
    assert sync_gates() == 0
    Gate.create(settings.GATE_PATH)
    assert sync_gates() == 1
    gate = Gate(settings.GATE_PATH)
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.ACTIVE
    gate.close()
