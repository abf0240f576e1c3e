"""Compares what the desk believes with the simulated exchange's own books."""

from __future__ import annotations

import json
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from tests.mexoms.desk_walk import rows
from tests.mexoms.process_table import wait_until
from tests.platform import Platform

OPEN_STATES = ("open", "partially_filled", "sending", "unknown")
AGREEMENT_TIMEOUT_S = 60.0


def control(platform: Platform, path: str, body: Any = None) -> Any:
    """Return the exchange's own answer: GET without a body, POST with one."""
    token = (platform.home / "simulator" / "control.token").read_text()
    request = urllib.request.Request(
        f"{platform.simulator_url}/control/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def ours(platform: Platform) -> dict[str, Any]:
    """Return what the desk believes, by the exchange's account emails."""
    email = {row["id"]: row["email"] for row in rows(platform, "accounts")}
    fills = rows(platform, "fills", query="?page_size=500")
    return {
        "open orders": sorted(
            (email[row["account"]], row["client_order_id"])
            for state in OPEN_STATES
            for row in rows(platform, "orders", query=f"?state={state}")
        ),
        "trades": sorted((email[row["account"]], row["symbol"], row["trade_id"]) for row in fills),
        "balances": {
            (email[row["account"]], row["asset"]): Decimal(row["total"])
            for row in rows(platform, "balances", query="?page_size=500")
            if Decimal(row["total"])
        },
        "positions": {
            (email[row["account"]], row["symbol"]): Decimal(row["quantity"])
            for row in rows(platform, "positions")
            if Decimal(row["quantity"])
        },
    }


def theirs(platform: Platform) -> dict[str, Any]:
    """Return the exchange's own books for the desk's accounts."""
    desk = {row["email"] for row in rows(platform, "accounts")}
    accounts = {row["index"]: row for row in control(platform, "accounts") if row["email"] in desk}
    trades = [row for row in control(platform, "trades") if row["account"] in accounts]
    positions: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for trade in trades:
        signed = Decimal(trade["qty"]) if trade["isBuyer"] else -Decimal(trade["qty"])
        positions[accounts[trade["account"]]["email"], trade["symbol"]] += signed
    return {
        "open orders": sorted(
            (accounts[row["account"]]["email"], row["clientOrderId"])
            for row in control(platform, "orders?open=1")
            if row["account"] in accounts
        ),
        "trades": sorted(
            (accounts[trade["account"]]["email"], trade["symbol"], str(trade["id"])) for trade in trades
        ),
        "balances": {
            (row["email"], asset): total
            for row in accounts.values()
            for asset, held in row["balances"].items()
            if (total := Decimal(held["free"]) + Decimal(held["locked"]))
        },
        "positions": {key: quantity for key, quantity in positions.items() if quantity},
    }


@contextmanager
def still_market(platform: Platform) -> Iterator[None]:
    """Keep the exchange's market from moving, so that both sides can be read in one state."""
    control(platform, "market", {"paused": True})
    try:
        yield
    finally:
        control(platform, "market", {"paused": False})


def wait_for_agreement(platform: Platform) -> dict[str, Any]:
    """Return the books once the desk's equal the exchange's to the last unit. The market must be still."""
    believed: dict[str, Any] = {}
    truth: dict[str, Any] = {}

    def agreed() -> bool:
        believed.update(ours(platform))
        truth.update(theirs(platform))
        return believed == truth

    try:
        wait_until(agreed, "agreement with the exchange", AGREEMENT_TIMEOUT_S)
    except AssertionError:
        assert believed == truth
        raise
    assert control(platform, "ledger")["balanced"]
    return truth
