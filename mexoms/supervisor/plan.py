"""What one start of the platform was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS_DEFAULT = 12
ACCOUNTS_MAX = 201  # one main account and the 200 subaccounts that it may have


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where the platform keeps its data, which ports it takes, and which services are given to it."""

    home: Path
    sockets: Path
    port: int
    simulator_port: int
    accounts: int
    # A raw capture for the simulator; without one it generates its market.
    replay: str = ""
    # An administrator's URL of a server that is not ours; empty: the embedded one.
    database_url: str = ""
    redis_url: str = ""
