"""A sparse file of one size that the processes of a host map together."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WRITE_LOCK_TIMEOUT_MS = 1_000


class SharedFileError(Exception):
    """The file is truncated, others than the owner may open it, or a writer holds it too long."""


def make_shared(path: Path, header: bytes, size: int) -> bool:
    """Make the file, zero but for its header, mode 0600; return False where another was first.

    It appears under its name only when complete, so two processes may start at once.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size)
        os.pwrite(descriptor, header, 0)
        os.fsync(descriptor)
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        os.close(descriptor)
        os.unlink(draft)
    return True


class SharedFile:
    """The mapped file; `memory` is writable by every process that maps it."""

    def __init__(self, path: Path, header_size: int) -> None:
        """Map the file. Raises OSError, or SharedFileError for one that is not ours alone or too short."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            found = os.fstat(self._descriptor)
            if stat.S_IMODE(found.st_mode) & 0o077:
                raise SharedFileError(f"{path} may be opened by others: chmod 600")
            if found.st_size < header_size:
                raise SharedFileError(f"{path} is truncated: {found.st_size} bytes")
            self.size = found.st_size
            self.memory = mmap.mmap(self._descriptor, self.size)
        except BaseException:
            os.close(self._descriptor)
            raise

    def close(self) -> None:
        """Unmap the file; nothing may point into it any more."""
        self.memory.close()
        os.close(self._descriptor)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other writers of definitions out; the kernel frees it when we die. Readers never wait for it.

        Holders keep it for microseconds, so a long wait is a fault.
        Raises SharedFileError after WRITE_LOCK_TIMEOUT_MS.
        """
        for _ in range(WRITE_LOCK_TIMEOUT_MS):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.001)
        else:
            raise SharedFileError(f"another writer holds the file for {WRITE_LOCK_TIMEOUT_MS} ms")
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
