"""Kill flags on disk."""

from __future__ import annotations

import pytest

from risk.codes import Scope, TradingState
from risk.flags import read_flags, write_flag


def test_a_flag_is_read_as_it_was_written_and_the_last_word_holds(tmp_path):
    directory = tmp_path / "risk" / "flags"
    write_flag(directory, Scope.TENANT, 3, TradingState.HALTED, "fat finger", "ann", 17)
    write_flag(directory, Scope.ACCOUNT, 3, TradingState.REDUCING, "drift", "bob", 18)
    write_flag(directory, Scope.TENANT, 3, TradingState.ACTIVE, "checked", "ann", 19)
    flags = {(flag.scope, flag.slot): flag for flag in read_flags(directory)}
    assert flags[Scope.TENANT, 3].state == TradingState.ACTIVE
    assert (flags[Scope.TENANT, 3].reason, flags[Scope.TENANT, 3].who) == ("checked", "ann")
    assert flags[Scope.ACCOUNT, 3].state == TradingState.REDUCING
    assert flags[Scope.ACCOUNT, 3].set_ns == 18
    assert len(flags) == 2


@pytest.mark.parametrize("content", [b"", b"{", b'{"state": "HALT"}', b"[]", b"\xff\xfe"])
def test_a_damaged_flag_counts_as_halted(tmp_path, content):
    (tmp_path / "STRATEGY-5.json").write_bytes(content)
    (flag,) = read_flags(tmp_path)
    assert (flag.scope, flag.slot, flag.state) == (Scope.STRATEGY, 5, TradingState.HALTED)


def test_a_write_leaves_no_draft_and_drafts_of_the_dead_are_no_flags(tmp_path):
    write_flag(tmp_path, Scope.GLOBAL, 0, TradingState.HALTED, "", "ann", 1)
    (tmp_path / ".GLOBAL-0.json.0a1b").write_bytes(b"half")
    assert [flag.state for flag in read_flags(tmp_path)] == [TradingState.HALTED]
    assert (tmp_path / "GLOBAL-0.json").stat().st_mode & 0o777 == 0o600


def test_no_directory_means_no_flags(tmp_path):
    assert read_flags(tmp_path / "none") == []


@pytest.mark.parametrize(("scope", "slot", "state"), [(9, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 7)])
def test_what_is_no_flag_is_not_written(tmp_path, scope, slot, state):
    with pytest.raises(ValueError):  # noqa: PT011
        write_flag(tmp_path, scope, slot, state, "", "ann", 1)
    assert read_flags(tmp_path) == []
