"""One platform per data directory: an exclusive lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path
from typing import IO


class HomeBusy(Exception):
    """Another supervisor runs on this data directory."""

    code = "home_busy"


def lock_home(home: Path) -> IO[str]:
    """Take the directory and return the open lock, which must live as long as the platform.

    Raises HomeBusy with the holder's process id. The kernel gives the lock back
    when its holder dies, so there is no stale lock to clean up.
    """
    home.mkdir(parents=True, exist_ok=True)
    lock = (home / "supervisor.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise HomeBusy(
            f"a platform already runs on {home} (process {holder}); "
            "end it first, or set MEXOMS_HOME, MEXOMS_PORT and MEXOMS_SIM_PORT for a second one"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


if __name__ == "__main__":  # `make clean` asks before it deletes
    directory = Path(sys.argv[1])
    try:
        lock_home(directory) if directory.is_dir() else None
    except HomeBusy as busy:
        sys.exit(f"mexoms: {busy}")
