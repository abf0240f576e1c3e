"""The gate's file, its end, and the numbers that C and Python must share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from risk import codes
from risk.codes import Code, Scope, TradingState
from risk.gate import GATE_VERSION, Gate, GateError
from tests.risk.gate_desk import (
    ACCOUNT,
    ASK,
    BID,
    INSTRUMENT,
    NOW_NS,
    QUOTE,
    STRATEGY,
    TENANT,
    check,
    new_gate,
    open_desk,
)
from venues.base import OrderType, Side


@pytest.fixture
def gate(tmp_path):
    return open_desk(new_gate(tmp_path / "gate"))


def test_the_file_is_private_and_made_once(tmp_path):
    gate = open_desk(new_gate(tmp_path / "gate"))
    check(gate)
    again = new_gate(tmp_path / "gate")
    assert again.position(ACCOUNT, INSTRUMENT) == (0, 1_000, 0)
    assert (tmp_path / "gate").stat().st_mode & 0o777 == 0o600
    with pytest.raises(GateError):
        Gate.create(tmp_path / "gate", accounts=9)
    assert [path.name for path in tmp_path.iterdir()] == ["gate"]


@pytest.mark.parametrize("damage", ["missing", "short", "truncated", "version", "magic", "open to others"])
def test_a_damaged_file_is_not_opened(tmp_path, damage):
    path = tmp_path / "gate"
    new_gate(path).close()
    content = path.read_bytes()
    match damage:
        case "missing":
            path.unlink()
        case "short":
            path.write_bytes(content[:20])
        case "truncated":
            path.write_bytes(content[:-8])
        case "version":
            path.write_bytes(content[:8] + (GATE_VERSION + 1).to_bytes(8, "little") + content[16:])
        case "magic":
            path.write_bytes(b"x" + content[1:])
        case "open to others":
            path.chmod(0o644)
    with pytest.raises(GateError):
        Gate(path)


def test_a_closed_gate_refuses_and_raises_instead_of_crashing(gate):
    gate.close()
    gate.close()
    assert check(gate) == Code.UNKNOWN_ACCOUNT
    assert not gate.may_send(TENANT, ACCOUNT, STRATEGY)
    for call in (
        lambda: gate.set_state(Scope.GLOBAL, 0, TradingState.HALTED),
        lambda: gate.position(ACCOUNT, INSTRUMENT),
        lambda: gate.asset(ACCOUNT, QUOTE),
        lambda: gate.reset_account(ACCOUNT),
        lambda: gate.reset_shard(),
        lambda: gate.reserve(TENANT, ACCOUNT, STRATEGY, INSTRUMENT, Side.BUY, ASK, 1),
        lambda: gate.set_quote(INSTRUMENT, BID, ASK, NOW_NS),
    ):
        with pytest.raises(GateError):
            call()


def test_the_numbers_in_c_are_those_of_the_codes():
    risk = Path(codes.__file__).parent
    text = (risk / "gate_codes.pxd").read_text() + (risk / "gate_table.pxd").read_text()
    text += (risk / "gate_holdings.pxd").read_text()
    written = {name: int(value) for name, value in re.findall(r"^    ([A-Z_]+) = (\d+)$", text, re.MULTILINE)}
    known = {
        member.name: int(member)
        for kind in (codes.Code, codes.Unit, codes.Scope, codes.TradingState, OrderType, Side)
        for member in kind
    }
    assert set(known) - set(written) <= {
        "ACCEPTED", "RATE_BUDGET", "EPOCH", "JOURNAL", "STALE_COMMAND", "NOT_CONNECTED", "UNKNOWN_ORDER",
    }  # fmt: skip
    assert {name: written[name] for name in known if name in written} == {
        name: known[name] for name in known if name in written
    }
