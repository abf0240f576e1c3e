"""Where the embedded services put their sockets, and what an earlier run left there."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

# A Unix socket's address holds 108 bytes with its closing zero; PostgreSQL's name in the directory is
# the longest that we use.
SOCKET_PATH_BYTES_MAX = 107
LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"
# URLs and libpq's keyword strings carry these without quoting, in every client that we use.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]+")


class UnsafeDirectory(Exception):
    """Someone else owns the directory that our sockets would stand in."""

    code = "unsafe_socket_directory"


def socket_directory(home: Path) -> Path:
    """Return a private directory for sockets, made if need be.

    It stands in the home, or, where that path is too long for a socket or needs
    quoting in a URL, under the machine's temporary directory.
    """
    inside = home / "run"
    fits = len(os.fsencode(inside / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX
    if fits and PLAIN_PATH.fullmatch(str(inside)):
        directory = inside
    else:
        name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        directory = Path(tempfile.gettempdir()) / f"mexoms-{os.getuid()}-{name}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(directory)
    directory.chmod(0o700)
    return directory


def check_private(directory: Path) -> None:
    """Raise UnsafeDirectory unless it is ours: /tmp is open to others, who could wait there for us."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UnsafeDirectory(f"{directory} belongs to somebody else; set MEXOMS_HOME to a shorter path")


def remove_sockets(directory: Path) -> None:
    """Delete what is left of sockets; the directory goes too when it stands outside the home."""
    for path in directory.iterdir():
        if path.is_socket() or path.name.endswith((".lock", ".sock")):
            path.unlink(missing_ok=True)
    if directory.name != "run":
        directory.rmdir()


def process_of(pid_file: Path) -> int | None:
    """Return the id on the file's first line, or None where there is no such living process.

    A zombie counts as dead: it holds nothing, and waits only for its parent.
    """
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        status = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, ValueError):
        return None
    return None if status.rpartition(")")[2].split()[0] in {"Z", "X"} else pid


def command_line(pid: int) -> str:
    """Return the process's command line, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
