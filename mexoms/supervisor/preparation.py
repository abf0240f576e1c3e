"""What must be done before the first order, and the notes by which a later start skips it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mexoms.supervisor.plan import ROOT, Plan
from mexoms.supervisor.runtime_file import load_runtime, write_private

APPS = ("mexoms", "accounts", "risk", "trading", "strategies", "backtests")


def migrations_digest(root: Path = ROOT) -> str:
    """Return the SHA-256 over everything that decides the schema: our migrations and the locked packages."""
    sources = [root / "requirements.lock", root / "accounts" / "row_security.py"]
    for app in APPS:
        sources.extend((root / app).rglob("migrations/*.py"))
    total = hashlib.sha256()
    for path in sorted(sources):
        total.update(f"{path.relative_to(root)}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def migrated(plan: Plan) -> bool:
    """Return whether the embedded database has this schema. A given server may have changed: never sure."""
    return not plan.database_url and read_note(plan.home, "migrated") == migrations_digest()


def note_migrated(plan: Plan) -> None:
    """Remember the schema that the database now has."""
    write_note(plan.home, "migrated", migrations_digest())


def demo_digest(plan: Plan) -> str:
    """Return what the demo desk is made from: the exchange's keys, the size, the address and the seeds."""
    total = hashlib.sha256(f"{plan.accounts} {plan.port} {plan.simulator_port}".encode())
    total.update(load_runtime(plan.home).database_url.encode())
    for path in (
        plan.home / "simulator" / "keys.json",
        ROOT / "configs" / "demo.yaml",
        ROOT / "mexoms" / "demo.py",
    ):
        total.update(path.read_bytes() if path.exists() else b"absent")
    return total.hexdigest()


def seeded(plan: Plan) -> bool:
    """Return whether the demo desk stands, as this start wants it."""
    if plan.database_url or not (plan.home / "demo.json").exists():
        return False
    return read_note(plan.home, "seeded") == demo_digest(plan)


def note_seeded(plan: Plan) -> None:
    """Remember that the demo desk stands, and how large it is."""
    write_note(plan.home, "seeded", demo_digest(plan))
    write_note(plan.home, "accounts", str(plan.accounts))


def read_note(home: Path, name: str) -> str:
    """Return what was noted, empty when nothing was."""
    path = home / "prepared.json"
    notes: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return notes.get(name, "")


def write_note(home: Path, name: str, text: str) -> None:
    """Remember a text by name for the next start."""
    path = home / "prepared.json"
    notes: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    write_private(path, json.dumps(notes | {name: text}, indent=1))
