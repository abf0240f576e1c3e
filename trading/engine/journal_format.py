"""How the journal lies on disk: segments of checksummed frames.

A segment begins with a header (magic, format version, shard, its own number) and
goes on with frames. A frame is a fixed head and a msgpack payload:

    length  u32   bytes of payload
    crc32   u32   over all that follows
    version u16   of the frame
    shard   u16
    epoch   u32
    sequence u64  from 1 in each epoch
    time_ns i64   UTC
    payload       one record of `trading.records`
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import msgspec

from trading.records import AnyRecord

FORMAT_VERSION = 1
SEGMENT_MAGIC = b"mxJOURN\n"
SEGMENT_HEAD = struct.Struct("<8sIII")
CHECKSUM = struct.Struct("<II")
KEY = struct.Struct("<HHIQq")
FRAME_HEAD_BYTES = CHECKSUM.size + KEY.size
#: No record is nearly this large; a longer length is damage.
PAYLOAD_BYTES_MAX = 1 << 20

encode_record_into = msgspec.msgpack.Encoder().encode_into
decode_record = msgspec.msgpack.Decoder(AnyRecord).decode


class JournalError(Exception):
    """Base of the journal's errors."""

    code = "journal_error"


class JournalFailed(JournalError):
    """The disk refused a write or a sync; nothing more is written, only cancels may leave."""

    code = "journal_failed"


class JournalLocked(JournalError):
    """Another engine holds the shard."""

    code = "journal_locked"


class JournalCorrupt(JournalError):
    """A record that was once whole is damaged; nothing may be guessed from here on."""

    code = "journal_corrupt"


class Position(msgspec.Struct, frozen=True):
    """A place between two records. The default is the beginning."""

    segment: int = 0
    offset: int = 0


class Entry(msgspec.Struct, frozen=True):
    """One record with its key, its time, and where the next one begins."""

    shard: int
    epoch: int
    sequence: int
    time_ns: int
    record: AnyRecord
    next: Position


class Frame(msgspec.Struct, frozen=True):
    """A whole frame inside a segment; `end` is the offset behind it."""

    shard: int
    epoch: int
    sequence: int
    time_ns: int
    payload: bytes
    end: int


def segment_path(directory: Path, segment: int) -> Path:
    """Return the file of the segment."""
    return directory / f"{segment:08d}.journal"


def segments_of(directory: Path) -> list[int]:
    """Return the numbers of the segments that are there, in order."""
    return sorted(int(path.stem) for path in directory.glob("*.journal"))


def segment_head(shard: int, segment: int) -> bytes:
    """Return the first bytes of a segment."""
    return SEGMENT_HEAD.pack(SEGMENT_MAGIC, FORMAT_VERSION, shard, segment)


def check_segment_head(data: bytes, segment: int) -> bool:
    """Return whether the head is complete; raise JournalCorrupt when it is another's or of another format."""
    if len(data) < SEGMENT_HEAD.size:
        return False
    magic, version, _, number = SEGMENT_HEAD.unpack_from(data)
    if magic != SEGMENT_MAGIC or number != segment:
        raise JournalCorrupt(f"segment {segment} does not begin like one")
    if version != FORMAT_VERSION:
        raise JournalCorrupt(f"segment {segment} has format {version}, this build reads {FORMAT_VERSION}")
    return True


def pack_frame_into(
    buffer: bytearray, at: int, shard: int, epoch: int, sequence: int, time_ns: int, record: AnyRecord
) -> None:
    """Put the record as it is written into the buffer, which then ends with it."""
    encode_record_into(record, buffer, at + FRAME_HEAD_BYTES)
    KEY.pack_into(buffer, at + CHECKSUM.size, FORMAT_VERSION, shard, epoch, sequence, time_ns)
    checksum = crc32(memoryview(buffer)[at + CHECKSUM.size :])
    CHECKSUM.pack_into(buffer, at, len(buffer) - at - FRAME_HEAD_BYTES, checksum)


def frame_at(data: bytes, offset: int) -> Frame | None:
    """Return the whole, checksummed frame at the offset, None when there is none."""
    body = offset + CHECKSUM.size
    if offset + FRAME_HEAD_BYTES > len(data):
        return None
    length, checksum = CHECKSUM.unpack_from(data, offset)
    end = body + KEY.size + length
    if length > PAYLOAD_BYTES_MAX or end > len(data) or crc32(memoryview(data)[body:end]) != checksum:
        return None
    version, shard, epoch, sequence, time_ns = KEY.unpack_from(data, body)
    if version != FORMAT_VERSION:
        raise JournalCorrupt(f"a record has format {version}, this build reads {FORMAT_VERSION}")
    return Frame(shard, epoch, sequence, time_ns, bytes(data[body + KEY.size : end]), end)


def frames_of(data: bytes, offset: int) -> Iterator[Frame]:
    """Yield the frames from the offset on, up to the first that is not whole."""
    while (frame := frame_at(data, offset)) is not None:
        yield frame
        offset = frame.end


def is_torn(data: bytes, offset: int, shard: int) -> bool:
    """Return whether the bytes from the offset on are an unfinished write and nothing else.

    A whole frame anywhere behind a broken one proves that the broken one was once
    whole too: that is damage, not a tear.
    """
    sign = struct.pack("<HH", FORMAT_VERSION, shard)
    at = data.find(sign, offset + 1)
    while at >= 0:
        if at - CHECKSUM.size > offset and frame_at(data, at - CHECKSUM.size) is not None:
            return False
        at = data.find(sign, at + 1)
    return True
