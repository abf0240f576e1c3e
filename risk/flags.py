"""Kill flags as files, synced to disk: what a halted desk still knows when everything else is gone.

One small JSON file per scope and slot. A flag is never deleted: it is cleared by
writing ACTIVE over it, so that who let trading go on is on record too. At start
any source that says HALTED wins.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path

import msgspec

from risk.codes import Scope, TradingState

FLAG_NAME = re.compile(r"^([A-Z]+)-(\d+)\.json$")
REASON_CHARACTERS_MAX = 500


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """What one scope may do, and who said so when and why."""

    scope: Scope
    slot: int
    state: TradingState
    reason: str
    who: str
    set_ns: int


def write_flag(
    directory: Path, scope: int, slot: int, state: int, reason: str, who: str, now_ns: int
) -> None:
    """Write the flag so that it survives a power cut once this returns; raises OSError, ValueError."""
    flag = Flag(
        scope=Scope(scope),
        slot=slot,
        state=TradingState(state),
        reason=reason[:REASON_CHARACTERS_MAX],
        who=who,
        set_ns=now_ns,
    )
    if flag.state is TradingState.MISSING or slot < 0:
        raise ValueError(f"{flag.state.name} of slot {slot} is no flag")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_synced(directory, f"{flag.scope.name}-{slot}.json", encode(flag))


def encode(flag: Flag) -> bytes:
    """Return the flag as a person can read it too."""
    values = msgspec.to_builtins(flag) | {"scope": flag.scope.name, "state": flag.state.name}
    return json.dumps(values, indent=1).encode()


def replace_synced(directory: Path, name: str, content: bytes) -> None:
    """Replace the file in one step: its content is on disk first, its name when this returns."""
    draft = directory / f".{name}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(directory / name)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(directory)


def sync_directory(directory: Path) -> None:
    """Put the directory's names on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_flags(directory: Path) -> list[Flag]:
    """Return every flag; one that cannot be read counts as HALTED. No directory means no flags."""
    if not directory.exists():
        return []
    found = ((path, FLAG_NAME.match(path.name)) for path in sorted(directory.iterdir()))
    return [
        read_flag(path, Scope[match[1]], int(match[2]))
        for path, match in found
        if match and match[1] in Scope.__members__
    ]


def read_flag(path: Path, scope: Scope, slot: int) -> Flag:
    """Return the flag; a damaged one was written for a reason that nobody can read any more: HALTED."""
    try:
        values = json.loads(path.read_bytes())
        return Flag(
            scope=scope,
            slot=slot,
            state=TradingState[values["state"]],
            reason=str(values["reason"]),
            who=str(values["who"]),
            set_ns=int(values["set_ns"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Flag(
            scope=scope,
            slot=slot,
            state=TradingState.HALTED,
            reason=f"the flag cannot be read: {error}",
            who="",
            set_ns=0,
        )
