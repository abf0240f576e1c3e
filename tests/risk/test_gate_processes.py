"""What several processes see of each other in the gate, also when one of them dies."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from risk.codes import Code, Scope, TradingState
from risk.gate import Gate, GateError
from tests.risk.gate_desk import (
    ACCOUNT,
    ASK,
    BID,
    DEFINITION,
    INSTRUMENT,
    NOW_NS,
    STRATEGY,
    TENANT,
    TENANT_OF,
    WIDE,
    check,
    new_gate,
    open_account,
    open_desk,
)
from venues.base import Side

FORK = multiprocessing.get_context("fork")
REWRITES = 20_000


def elsewhere(work, *arguments) -> None:
    """Run the work in another process until it ends, and expect it to end well."""
    process = FORK.Process(target=work, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def halt(path) -> None:
    Gate(path).set_state(Scope.TENANT, TENANT, TradingState.HALTED)


def test_a_kill_by_another_process_stops_the_next_order_and_the_one_before_the_socket(tmp_path):
    gate = open_desk(new_gate(tmp_path / "gate"))
    assert check(gate) == Code.ACCEPTED
    elsewhere(halt, tmp_path / "gate")
    assert not gate.may_send(TENANT, ACCOUNT, STRATEGY)
    assert check(gate, quantity_lots=5) == Code.KILL
    assert gate.state(Scope.TENANT, TENANT) == TradingState.HALTED


def rewrite(path) -> None:
    """Write rows whose fields all say the same number, over and over."""
    gate = Gate(path)
    for number in range(1, REWRITES):
        values = dict.fromkeys(WIDE, number)
        gate.set_limits(Scope.ACCOUNT, ACCOUNT, version=number, **values)
        same = dict.fromkeys(("version", "price_min_ticks", "notional_min_units", "fee_bps"), number % 9_999)
        gate.set_instrument(INSTRUMENT, **(DEFINITION | same))


def test_rows_that_another_process_rewrites_are_never_read_torn(tmp_path):
    path = tmp_path / "gate"
    reader = open_desk(new_gate(path))
    reader.set_limits(Scope.ACCOUNT, ACCOUNT, version=0, **dict.fromkeys(WIDE, 0))
    writer = FORK.Process(target=rewrite, args=(path,))
    writer.start()
    seen = set()
    while writer.is_alive():
        row = reader.limits(Scope.ACCOUNT, ACCOUNT)
        assert len(set(row)) == 1, row
        made = reader.instrument(INSTRUMENT)
        numbers = {made[name] for name in ("version", "price_min_ticks", "notional_min_units", "fee_bps")}
        assert len(numbers) == 1 or made["version"] == DEFINITION["version"], made
        seen.add(row[0])
    writer.join()
    assert writer.exitcode == 0
    assert reader.limits(Scope.ACCOUNT, ACCOUNT)[0] == REWRITES - 1
    assert len(seen) > 10, "the reader never ran beside the writer"


def trade_and_die(path, shard: int) -> None:
    """Reserve on two accounts and vanish."""
    gate = Gate(path, shard=shard)
    gate.set_quote(INSTRUMENT, BID, ASK, NOW_NS)
    assert check(gate) == check(gate, account=2) == Code.ACCEPTED
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("next_shard", [1, 2], ids=["the same shard", "another shard"])
def test_after_a_crash_resetting_the_accounts_brings_every_sum_back_to_zero(tmp_path, next_shard):
    path = tmp_path / "gate"
    control = new_gate(path, shard=0)
    prepare(control, path)
    process = FORK.Process(target=trade_and_die, args=(path, 1))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert control.exposure(Scope.GLOBAL, 0)[0] == 2 * ASK * 1_000 * 10
    engine = Gate(path, shard=next_shard)
    for account in TENANT_OF:
        engine.reset_account(account)
    for scope, slot in [(Scope.GLOBAL, 0), (Scope.TENANT, 1), (Scope.STRATEGY, 1), (Scope.ACCOUNT, 1)]:
        assert engine.exposure(scope, slot) == (0, 0)
    assert check(engine) == Code.RECON


def prepare(control: Gate, path) -> None:
    """Open the desk and hand its accounts, with their money, to shard 1."""
    open_desk(control)
    engine = Gate(path, shard=1)
    for account, tenant in TENANT_OF.items():
        engine.reset_account(account)
        open_account(engine, account, tenant)


def test_an_account_has_one_writer(tmp_path):
    first = open_desk(new_gate(tmp_path / "gate", shard=0))
    second = Gate(tmp_path / "gate", shard=1)
    assert check(first) == Code.ACCEPTED
    assert check(second, quantity_lots=5) == Code.RECON
    with pytest.raises(GateError):
        second.release(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, 1_000)
    second.reset_account(ACCOUNT)
    assert check(first, quantity_lots=6) == Code.RECON


def test_engines_share_the_limit_of_the_host(tmp_path):
    first = open_desk(new_gate(tmp_path / "gate", shard=0))
    second = Gate(tmp_path / "gate", shard=1)
    second.set_quote(INSTRUMENT, BID, ASK, NOW_NS)
    second.reset_account(3)
    second.set_total(3, 2, 10**16)
    second.set_account_ready(3, True)
    value = ASK * 1_000 * 10
    first.set_limits(Scope.GLOBAL, 0, version=5, **(WIDE | {"open_value_max": 2 * value}))
    assert check(first) == check(second, tenant=2, account=3) == Code.ACCEPTED
    assert check(first, quantity_lots=1) == check(second, tenant=2, account=3, quantity_lots=1)
    assert first.refusal().code == second.refusal().code == Code.OPEN_VALUE
    first.release(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, 1_000)
    assert check(second, tenant=2, account=3, quantity_lots=2) == Code.ACCEPTED
