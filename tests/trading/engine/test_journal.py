"""The journal on disk: torn tails are cut, damage is refused, nothing is written twice."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trading.engine.engine_desk import START_NS
from trading.engine.journal import (
    Journal,
    JournalCorrupt,
    JournalError,
    JournalFailed,
    JournalLocked,
    JournalReader,
    Position,
)
from trading.engine.journal_format import SEGMENT_HEAD, segment_path, segments_of
from trading.records import AnyRecord, CancelSending, EngineStopped

ROOT = Path(__file__).resolve().parents[3]


def write(folder: Path, epoch: int, count: int, **options) -> None:
    """Write so many numbered records in an epoch."""
    journal = Journal.open(folder, shard=0, **options)
    journal.begin(epoch)
    for number in range(count):
        journal.append(CancelSending(client_order_id=f"{epoch}-{number}"), START_NS + number)
    journal.close()


def read(folder: Path, start: Position | None = None) -> list[str]:
    entries = JournalReader(folder).read(start or Position(), 10_000)
    return [name_in(entry.record) for entry in entries]


def name_in(record: AnyRecord) -> str:
    assert isinstance(record, CancelSending)
    return record.client_order_id


def numbered(epoch: int, count: int) -> list[str]:
    return [f"{epoch}-{number}" for number in range(count)]


def test_what_was_written_is_read_with_its_key_and_time(tmp_path):
    write(tmp_path, 7, 3)
    entries = JournalReader(tmp_path).read(Position(), 10)
    assert [(e.shard, e.epoch, e.sequence, e.time_ns - START_NS) for e in entries] == [
        (0, 7, 1, 0), (0, 7, 2, 1), (0, 7, 3, 2),
    ]  # fmt: skip
    assert read(tmp_path) == numbered(7, 3)


def test_reading_goes_on_where_it_ended(tmp_path):
    write(tmp_path, 1, 5)
    first = JournalReader(tmp_path).read(Position(), 2)
    assert read(tmp_path, first[-1].next) == numbered(1, 5)[2:]
    last = JournalReader(tmp_path).read(Position(), 5)[-1].next
    assert read(tmp_path, last) == []
    write(tmp_path, 2, 1)
    assert read(tmp_path, last) == ["2-0"]


def test_an_empty_or_missing_journal_has_nothing(tmp_path):
    assert read(tmp_path) == []
    assert read(tmp_path / "none") == []


def test_segments_rotate_and_are_read_as_one(tmp_path):
    write(tmp_path, 1, 100, segment_bytes_max=500)
    assert len(segments_of(tmp_path)) > 5
    assert read(tmp_path) == numbered(1, 100)
    assert all(segment_path(tmp_path, number).stat().st_size <= 500 for number in segments_of(tmp_path))
    pieces: list[str] = []
    position = Position()
    while batch := JournalReader(tmp_path).read(position, 7):
        pieces += [name_in(entry.record) for entry in batch]
        position = batch[-1].next
    assert pieces == numbered(1, 100)


def test_a_torn_tail_is_cut_wherever_it_tore(tmp_path):
    write(tmp_path / "whole", 1, 3)
    data = segment_path(tmp_path / "whole", 0).read_bytes()
    ends = [entry.next.offset for entry in JournalReader(tmp_path / "whole").read(Position(), 3)]
    for length in range(SEGMENT_HEAD.size, len(data)):
        folder = tmp_path / str(length)
        folder.mkdir()
        segment_path(folder, 0).write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        assert read(folder) == numbered(1, 3)[:whole]
        write(folder, 2, 1)
        assert read(folder) == [*numbered(1, 3)[:whole], "2-0"]


def test_zeros_that_a_power_cut_left_behind_are_cut(tmp_path):
    write(tmp_path, 1, 2)
    with segment_path(tmp_path, 0).open("ab") as file:
        file.write(bytes(5_000))
    write(tmp_path, 2, 1)
    assert read(tmp_path) == ["1-0", "1-1", "2-0"]


def test_a_segment_that_was_never_begun_is_replaced(tmp_path):
    write(tmp_path, 1, 2)
    segment_path(tmp_path, 1).write_bytes(b"mxJ")
    write(tmp_path, 2, 1)
    assert read(tmp_path) == ["1-0", "1-1", "2-0"]


def test_damage_in_the_middle_is_refused_at_every_byte(tmp_path):
    write(tmp_path, 1, 4)
    path = segment_path(tmp_path, 0)
    whole = path.read_bytes()
    ends = [entry.next.offset for entry in JournalReader(tmp_path).read(Position(), 4)]
    for at in range(SEGMENT_HEAD.size, ends[2]):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        with pytest.raises(JournalCorrupt):
            Journal.open(tmp_path, shard=0)
    path.write_bytes(whole)
    assert read(tmp_path) == numbered(1, 4)


def test_damage_in_an_older_segment_is_refused_by_the_reader(tmp_path):
    write(tmp_path, 1, 4)
    write(tmp_path, 2, 1)
    path = segment_path(tmp_path, 0)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    reader = JournalReader(tmp_path)
    whole = reader.read(Position(), 3)
    with pytest.raises(JournalCorrupt):
        reader.read(whole[-1].next, 10)


def test_a_missing_segment_is_refused(tmp_path):
    write(tmp_path, 1, 100, segment_bytes_max=500)
    last = JournalReader(tmp_path).read(Position(), 8)[-1].next
    segment_path(tmp_path, last.segment).unlink()
    with pytest.raises(JournalCorrupt):
        read(tmp_path, last)


def test_another_format_is_refused(tmp_path):
    write(tmp_path, 1, 1)
    path = segment_path(tmp_path, 0)
    data = bytearray(path.read_bytes())
    data[8] = 99
    path.write_bytes(data)
    with pytest.raises(JournalCorrupt, match="format 99"):
        read(tmp_path)


def test_only_one_engine_holds_a_shard(tmp_path):
    journal = Journal.open(tmp_path, shard=0)
    with pytest.raises(JournalLocked):
        Journal.open(tmp_path, shard=0)
    journal.close()
    Journal.open(tmp_path, shard=0).close()


def test_an_epoch_is_never_used_again(tmp_path):
    write(tmp_path, 5, 1)
    journal = Journal.open(tmp_path, shard=0)
    for epoch in (4, 5):
        with pytest.raises(JournalError):
            journal.begin(epoch)
    journal.begin(6)
    assert journal.append(EngineStopped(), START_NS) == 1
    journal.close()


def test_records_that_belong_together_are_written_together(tmp_path, monkeypatch):
    journal = Journal.open(tmp_path, shard=0)
    journal.begin(1)
    writes = []
    real = os.write

    def counted(file: int, data: bytes) -> int:
        writes.append(len(data))
        return real(file, data)

    monkeypatch.setattr(os, "write", counted)
    journal.append_all([CancelSending(client_order_id=name) for name in ("a", "b", "c")], START_NS)
    journal.close()
    assert len(writes) == 1
    assert read(tmp_path) == ["a", "b", "c"]


def test_power_durability_syncs_before_the_commit_returns(tmp_path, monkeypatch):
    synced = []
    real = os.fdatasync

    def counted(file: int) -> None:
        synced.append(file)
        real(file)

    monkeypatch.setattr(os, "fdatasync", counted)
    for durability, expected in (("process", 0), ("power", 1)):
        synced.clear()
        journal = Journal.open(tmp_path / durability, shard=0, durability=durability)
        journal.begin(1)
        journal.append(EngineStopped(), START_NS)
        journal.commit()
        journal.commit()
        assert len(synced) == expected
        journal.close()


def test_a_failed_sync_latches(tmp_path, monkeypatch):
    def broken(file: int) -> None:
        raise OSError(5, "the disk is broken")

    journal = Journal.open(tmp_path, shard=0, durability="power")
    journal.begin(1)
    monkeypatch.setattr(os, "fdatasync", broken)
    journal.append(EngineStopped(), START_NS)
    with pytest.raises(JournalFailed):
        journal.commit()
    with pytest.raises(JournalFailed):
        journal.append(EngineStopped(), START_NS)
    assert not journal.note((EngineStopped(),), START_NS)
    journal.close()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from trading.engine.journal import Journal, JournalFailed
from trading.records import AnyRecord, CancelSending
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal.open(Path(sys.argv[1]), shard=0)
journal.begin(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
written = 0
try:
    while True:
        journal.append(CancelSending(client_order_id=f"1-{written}"), 1)
        written += 1
except JournalFailed:
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    journal.append(CancelSending(client_order_id="after"), 1)
except JournalFailed:
    print(written)
"""


def test_a_full_disk_latches_and_leaves_only_whole_records(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if hard != resource.RLIM_INFINITY:
        pytest.skip("the largest file size is limited here already")
    program = FULL_DISK.replace("(3000, 3000)", "(3000, resource.RLIM_INFINITY)")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    written = int(done.stdout)
    assert written > 10
    assert read(tmp_path) == numbered(1, written)
    write(tmp_path, 2, 1)
    assert read(tmp_path) == [*numbered(1, written), "2-0"]


def test_records_survive_the_engines_death_without_a_goodbye(tmp_path):
    program = (
        "import os, sys; from pathlib import Path; from trading.engine.journal import Journal;"
        "from trading.records import CancelSending; j = Journal.open(Path(sys.argv[1]), shard=0); j.begin(1);"
        "j.append(CancelSending(client_order_id='1-0'), 1); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=False)
    assert read(tmp_path) == ["1-0"]
