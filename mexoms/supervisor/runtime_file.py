"""`$MEXOMS_HOME/runtime.json`: what this home's processes need to find each other, made once."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

SECRET_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The addresses and secrets of one home. `mexoms.environment` reads the file that keeps them."""

    secret_key: str
    owner_password: str
    app_password: str
    database_url: str = ""
    database_owner_url: str = ""
    redis_url: str = ""


def load_runtime(home: Path) -> Runtime:
    """Return the home's runtime, with secrets generated if this is its first start."""
    path = home / "runtime.json"
    if not path.exists():
        fresh = [secrets.token_urlsafe(SECRET_BYTES) for _ in range(3)]
        return Runtime(secret_key=fresh[0], owner_password=fresh[1], app_password=fresh[2])
    known = {field.name for field in fields(Runtime)}
    return Runtime(**{name: text for name, text in json.loads(path.read_text()).items() if name in known})


def save_runtime(home: Path, runtime: Runtime, **changes: str) -> Runtime:
    """Write the runtime with the changes; readable by its owner alone."""
    changed = replace(runtime, **changes)
    write_private(home / "runtime.json", json.dumps(asdict(changed), indent=1))
    return changed


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step with mode 0600, so that no reader finds half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
