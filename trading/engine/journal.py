"""The engine's memory on disk: what is written here is true, and is written before the wire.

One engine writes, under an exclusive lock; any process may read. Every epoch
begins a segment of its own, so that a reader who saw more than a power cut left
over never finds new records in the middle of old ones.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from trading.engine.journal_format import (
    SEGMENT_HEAD,
    Entry,
    JournalCorrupt,
    JournalError,
    JournalFailed,
    JournalLocked,
    Position,
    check_segment_head,
    decode_record,
    frames_of,
    is_torn,
    pack_frame_into,
    segment_head,
    segment_path,
    segments_of,
)
from trading.records import AnyRecord

__all__ = [
    "Entry",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalFailed",
    "JournalLocked",
    "JournalReader",
    "Position",
]

log = logging.getLogger(__name__)

SEGMENT_BYTES_MAX = 64 << 20
#: What the reader takes from the file at once; a record is never larger.
READ_BYTES_MAX = 2 << 20
SEGMENT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
DURABILITIES = ("process", "power")


class Journal:
    """The writer of one shard's journal. The first failure latches: see `failed`."""

    def __init__(
        self,
        directory: Path,
        *,
        shard: int,
        durability: str = "process",
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> None:
        assert durability in DURABILITIES, durability
        self.directory = directory
        self.shard = shard
        self.epoch = 0
        self.sequence = 0
        self.failed = ""
        self._power = durability == "power"
        self._segment_bytes_max = segment_bytes_max
        self._segment = -1
        self._size = 0
        self._unsynced = False
        #: Kept from one write to the next, since making room anew costs as much as the write.
        self._buffer = bytearray()
        self._lock = -1
        self._file = -1

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        shard: int,
        durability: str = "process",
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> Journal:
        """Lock the shard's journal and cut an unfinished last write.

        Raises JournalLocked when another engine holds it, JournalCorrupt on damage.
        """
        journal = cls(directory, shard=shard, durability=durability, segment_bytes_max=segment_bytes_max)
        directory.mkdir(parents=True, exist_ok=True)
        journal._take_lock()
        try:
            journal._mend()
        except BaseException:
            journal.close()
            raise
        return journal

    def begin(self, epoch: int) -> None:
        """Start the epoch's own segment; records may be appended from now on."""
        if epoch <= self.epoch:
            raise JournalError(f"epoch {epoch} is not above {self.epoch}, which the journal has seen")
        self.epoch = epoch
        self.sequence = 0
        self._begin_segment()

    @property
    def segment(self) -> int:
        """The number of the segment that is being written."""
        return self._segment

    @property
    def segment_bytes(self) -> int:
        """How much the segment that is being written holds."""
        return self._size

    def rotate(self) -> None:
        """Go on in a new segment. Raises JournalFailed."""
        if self.failed:
            raise JournalFailed(self.failed)
        self._begin_segment()

    def append(self, record: AnyRecord, now_ns: int) -> int:
        """Write one record and return its sequence. Raises JournalFailed on any error of the disk."""
        return self.append_all((record,), now_ns)

    def append_all(self, records: Sequence[AnyRecord], now_ns: int) -> int:
        """Write records that belong together with one system call; return the last sequence."""
        if self.failed:
            raise JournalFailed(self.failed)
        assert self._file >= 0, "the epoch has not begun"
        sequence = self.sequence
        frames, end = self._buffer, 0
        for record in records:
            sequence += 1
            pack_frame_into(frames, end, self.shard, self.epoch, sequence, now_ns, record)
            end = len(frames)
        if self._size + len(frames) > self._segment_bytes_max and self._size > SEGMENT_HEAD.size:
            self._begin_segment()
        self._write(frames)
        self.sequence = sequence
        return sequence

    def note(self, records: Sequence[AnyRecord], now_ns: int) -> bool:
        """Write what has happened already; return False where the disk refuses, since facts stay facts."""
        if self.failed or not records:
            return not self.failed
        try:
            self.append_all(records, now_ns)
        except JournalFailed:
            return False
        return True

    def commit(self) -> None:
        """Wait until everything survives what the durability promises. Raises JournalFailed."""
        if not self._power or not self._unsynced:
            return
        if self.failed:
            raise JournalFailed(self.failed)
        try:
            os.fdatasync(self._file)
        except OSError as error:
            # After a failed sync the kernel may have dropped the pages: nothing is certain any more.
            raise self._fail(error) from error
        self._unsynced = False

    def close(self) -> None:
        """Release the files and the lock."""
        for file in (self._file, self._lock):
            if file >= 0:
                os.close(file)
        self._file = self._lock = -1

    def _write(self, data: bytes | bytearray) -> None:
        try:
            written = os.write(self._file, data)
        except OSError as error:
            raise self._fail(error) from error
        self._size += written
        self._unsynced = True
        if written != len(data):
            raise self._fail(OSError(f"only {written} of {len(data)} bytes were written"))

    def _fail(self, error: OSError) -> JournalFailed:
        self.failed = f"the journal of shard {self.shard} failed: {error}"
        log.critical("%s; no new orders from now on, cancels only", self.failed)
        return JournalFailed(self.failed)

    def _take_lock(self) -> None:
        self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise JournalLocked(f"another engine holds shard {self.shard}: {self.directory}") from None

    def _mend(self) -> None:
        """Check the last segments and cut what a crash left unfinished at the very end."""
        for segment in reversed(segments_of(self.directory)):
            self._segment = max(self._segment, segment)
            if self._mend_segment(segment):
                return

    def _mend_segment(self, segment: int) -> bool:
        """Cut the segment's torn tail; return whether it holds a record, whose epoch is then known."""
        path = segment_path(self.directory, segment)
        data = path.read_bytes()
        if not check_segment_head(data, segment):
            log.warning("segment %d was never begun in full and is removed", segment)
            path.unlink()
            self._segment = segment - 1
            return False
        end, epoch = SEGMENT_HEAD.size, 0
        for frame in frames_of(data, end):
            assert frame.shard == self.shard, f"shard {frame.shard} wrote into {path}"
            end, epoch = frame.end, frame.epoch
        if end < len(data):
            if not is_torn(data, end, self.shard):
                raise JournalCorrupt(f"{path}: the record at {end} is damaged, and whole ones follow it")
            log.warning("%s: %d bytes of an unfinished write are cut", path, len(data) - end)
            os.truncate(path, end)
        self.epoch = max(self.epoch, epoch)
        return epoch > 0

    def _begin_segment(self) -> None:
        """Open the next segment; the one before is complete for ever."""
        try:
            if self._file >= 0:
                self.commit()
                os.close(self._file)
                self._file = -1
            self._segment += 1
            path = segment_path(self.directory, self._segment)
            self._file = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            self._size = 0
            self._write(segment_head(self.shard, self._segment))
            if self._power:
                self._sync_directory()
        except OSError as error:
            raise self._fail(error) from error

    def _sync_directory(self) -> None:
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class JournalReader:
    """Reads a journal while it is written. Keeps no file open between calls."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def read(self, start: Position, limit: int) -> list[Entry]:
        """Return up to `limit` records from the position on.

        A record that is not whole ends the list in the newest segment, since it may
        be under way; in an older one it raises JournalCorrupt.
        """
        entries: list[Entry] = []
        position = self._first(start)
        while position is not None and len(entries) < limit:
            # Asked before the read: a segment that has a follower is complete.
            complete = segment_path(self.directory, position.segment + 1).exists()
            found, rest = self._read_segment(position, limit - len(entries))
            entries += found
            if found:
                position = found[-1].next
                continue
            if not complete:
                break
            if rest:
                raise JournalCorrupt(
                    f"segment {position.segment}: the record at {position.offset} is damaged"
                )
            position = Position(position.segment + 1, 0)
        return entries

    def _first(self, start: Position) -> Position | None:
        """Return where there is something to read: the start, or the oldest segment for the beginning."""
        if segment_path(self.directory, start.segment).exists():
            return start
        segments = segments_of(self.directory)
        later = [segment for segment in segments if segment > start.segment]
        if not later:
            return None
        if start != Position():
            raise JournalCorrupt(f"segment {start.segment} is gone, and later ones are there")
        return Position(later[0], 0)

    def _read_segment(self, position: Position, limit: int) -> tuple[list[Entry], bool]:
        """Return records of one segment, and whether bytes were left that are no record."""
        with segment_path(self.directory, position.segment).open("rb") as file:
            if position.offset < SEGMENT_HEAD.size:
                if not check_segment_head(file.read(SEGMENT_HEAD.size), position.segment):
                    return [], False
                position = Position(position.segment, SEGMENT_HEAD.size)
            file.seek(position.offset)
            data = file.read(READ_BYTES_MAX)
        entries: list[Entry] = []
        for frame in frames_of(data, 0):
            place = Position(position.segment, position.offset + frame.end)
            record = decode_record(frame.payload)
            entries.append(Entry(frame.shard, frame.epoch, frame.sequence, frame.time_ns, record, place))
            if len(entries) == limit:
                break
        return entries, bool(data) and not entries
