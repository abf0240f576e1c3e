"""Clients that we did not write trade on the simulator, unmodified but for their addresses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
SESSION_TIMEOUT_S = 120

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not PYTHON.exists(), reason=".venv-clients is missing: make clients"),
]


def run_session(name: str, simulator: Any, account: int) -> dict[str, Any]:
    key = simulator.keys[account]
    result = subprocess.run(
        [
            PYTHON,
            ROOT / "tests" / "clients" / name,
            urlsplit(simulator.url).netloc,
            key["api_key"],
            key["api_secret"],
        ],
        capture_output=True,
        text=True,
        timeout=SESSION_TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    report: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return report


def test_ccxt_loads_markets_places_fills_cancels_and_hears_its_events(running_simulator):
    report = run_session("ccxt_session.py", running_simulator, account=0)
    assert report["markets"] >= 1
    assert min(report["book_sides"]) >= 1
    assert report["usdt"] > 0
    assert report["open_found"]
    assert report["cancelled_status"] == "canceled"
    assert report["taken_filled"] == 0.001
    assert [True, "closed"] in report["events"]
    assert [False, "canceled"] in report["events"]
    assert report["trades"] >= 1


def test_python_binance_trades_over_rest_and_socket_and_hears_its_events(running_simulator):
    report = run_session("python_binance_session.py", running_simulator, account=1)
    assert report["symbols"] >= 1
    assert report["open"] == ["client-rest-1", "client-ws-1"]
    assert report["cancelled_status"] == "CANCELED"
    assert report["taken_status"] == "FILLED"
    kinds = [tuple(event) for event in report["events"]]
    assert ("executionReport", "NEW", "NEW") in kinds
    assert ("executionReport", "CANCELED", "CANCELED") in kinds
    assert ("executionReport", "TRADE", "FILLED") in kinds
    assert any(event[0] == "outboundAccountPosition" for event in kinds)
    assert report["trades"] >= 1
