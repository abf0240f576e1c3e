"""`/control`: the ground truth and the faults, for tests and operators on this machine with the token."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from venues.simulator.amounts import amount_text, parse_units
from venues.simulator.faults import Fault
from venues.simulator.order_payloads import my_trade, order_state
from venues.simulator.rest import json_answer
from venues.simulator.settlement import MS_NS
from venues.simulator.websocket_api import terminate

if TYPE_CHECKING:
    from venues.simulator.server import SimulatorServer


class ControlFace:
    """The control port. Every request needs `Authorization: Bearer <token>`."""

    def __init__(self, server: SimulatorServer, token: str) -> None:
        self.server = server
        self.exchange = server.exchange
        self.token = token

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this face."""
        reads = {
            "state": self.state,
            "accounts": self.accounts,
            "orders": self.orders,
            "trades": self.trades,
            "ledger": self.ledger,
            "requests": self.requests,
            "faults": self.faults,
        }
        writes = {
            "clock": self.set_clock,
            "faults": self.arm_fault,
            "disconnect": self.disconnect,
            "market": self.steer_market,
            "deposit": self.deposit,
        }
        found = [web.get(f"/control/{name}", self._guarded(handler)) for name, handler in reads.items()]
        found += [web.post(f"/control/{name}", self._guarded(handler)) for name, handler in writes.items()]
        return [*found, web.delete("/control/faults", self._guarded(self.clear_faults))]

    def _guarded(self, handler: Any) -> Any:
        async def guarded(http: web.Request) -> web.Response:
            sent = http.headers.get("Authorization", "")
            if not hmac.compare_digest(sent.encode(), f"Bearer {self.token}".encode()):
                return json_answer(401, {"error": "the token in control.token is needed"})
            try:
                body = json.loads(await http.read() or b"{}")
                return json_answer(200, handler(http, body))
            except (ValueError, KeyError, TypeError, IndexError, msgspec.ValidationError) as error:
                return json_answer(400, {"error": f"{type(error).__name__}: {error}"})

        return guarded

    # ------------------------------------------------------------------ reading

    def state(self, http: web.Request, body: Any) -> dict[str, Any]:
        """Return seed, time, market and connections."""
        return {
            "seed": self.exchange.seed,
            "now_ns": self.server.now_ns(),
            "started_ns": self.server.started_ns,
            "restored": self.server.restored,
            "clock_offset_ms": self.server.offset_ns // MS_NS,
            "market": self.server.source.state(),
            "stream_connections": len(self.server.streams.sessions),
            "api_connections": len(self.server.api.sessions),
            "subscriptions": sum(len(one.subscriptions) for one in self.server.api.sessions),
        }

    def accounts(self, http: web.Request, body: Any) -> list[dict[str, Any]]:
        """Return every account with its balances and the number of its open orders."""
        return [self._account(index) for index in range(len(self.exchange.accounts))]

    def _account(self, index: int) -> dict[str, Any]:
        ledger, account = self.exchange.settlement.ledger, self.exchange.accounts[index]
        held: dict[str, dict[str, str]] = {}
        for (holder, part, asset), units in list(ledger.balances.items()):
            if holder == index:
                held.setdefault(asset, {"free": amount_text(0), "locked": amount_text(0)})[part] = (
                    amount_text(units)
                )
        return {
            "index": index,
            "uid": account.uid,
            "email": account.email,
            "api_key": account.api_key,
            "balances": held,
            "open_orders": len(self.exchange.settlement.orders[index].open),
        }

    def orders(self, http: web.Request, body: Any) -> list[dict[str, Any]]:
        """Return orders: `account`, `symbol` and `open=1` narrow them down."""
        rows = []
        for index in self._chosen_accounts(http):
            for order in self.exchange.settlement.orders[index].all(http.query.get("symbol")):
                if order.is_open or http.query.get("open") != "1":
                    listing = self.exchange.market(order.request.symbol).listing
                    rows.append({"account": index, **order_state(order, listing)})
        return rows

    def trades(self, http: web.Request, body: Any) -> list[dict[str, Any]]:
        """Return trades of accounts: `account` and `symbol` narrow them down."""
        symbol: str | None = http.query.get("symbol")
        rows: list[dict[str, Any]] = []
        for index in self._chosen_accounts(http):
            rows += [
                {"account": index, **my_trade(trade, self.exchange.market(trade.symbol).listing)}
                for trade in self.exchange.settlement.orders[index].trades
                if symbol in (None, trade.symbol)
            ]
        return rows

    def ledger(self, http: web.Request, body: Any) -> dict[str, Any]:
        """Check the double entry and return its sums, with the last entries."""
        self.exchange._check()
        ledger = self.exchange.settlement.ledger
        limit = int(http.query.get("entries", "0"))
        moved: dict[str, dict[str, str]] = {}
        for (kind, asset), units in ledger.moved.items():
            moved.setdefault(kind, {})[asset] = amount_text(units)
        return {
            "balanced": True,
            "entry_count": ledger.entry_count,
            "sums": {
                asset: {name: amount_text(units) for name, units in row.items()}
                for asset, row in ledger.sums().items()
            },
            "moved": moved,
            "entries": [entry_row(entry) for entry in list(ledger.entries)[-limit:]] if limit else [],
        }

    def requests(self, http: web.Request, body: Any) -> list[Any]:
        """Return the signed requests that arrived; `account`, `endpoint`, `client_order_id` narrow."""
        wanted = {name: http.query[name] for name in ("endpoint", "client_order_id") if name in http.query}
        accounts = self._chosen_accounts(http) if "account" in http.query else None
        rows = [msgspec.to_builtins(row) for row in self.server.dispatcher.requests]
        return [
            row
            for row in rows
            if (accounts is None or row["account"] in accounts)
            and all(row[name] == value for name, value in wanted.items())
        ]

    def faults(self, http: web.Request, body: Any) -> Any:
        """Return the armed faults."""
        return msgspec.to_builtins(self.server.dispatcher.faults.armed)

    # ------------------------------------------------------------------ doing

    def set_clock(self, http: web.Request, body: Any) -> dict[str, Any]:
        """Put the exchange's clock `offset_ms` ahead of this machine's."""
        offset_ns = int(body["offset_ms"]) * MS_NS
        # The market goes on at its pace: only what the exchange calls now has moved.
        self.server.source.last_ns += offset_ns - self.server.offset_ns
        self.server.offset_ns = offset_ns
        return {"clock_offset_ms": self.server.offset_ns // MS_NS}

    def arm_fault(self, http: web.Request, body: Any) -> Any:
        """Arm a fault; see venues/simulator/faults.py for its fields."""
        fault = msgspec.convert(body, Fault)
        return msgspec.to_builtins(self.server.dispatcher.faults.arm(fault))

    def clear_faults(self, http: web.Request, body: Any) -> dict[str, Any]:
        """Disarm all faults."""
        self.server.dispatcher.faults.clear()
        return {}

    def disconnect(self, http: web.Request, body: Any) -> dict[str, Any]:
        """Cut connections: `streams` is market, user or api; terminate only ends subscriptions."""
        kind, account = body["streams"], body.get("account")
        api = self.server.api
        if kind == "market":
            chosen: list[Any] = list(self.server.streams.sessions)
        elif kind == "api":
            chosen = list(api.sessions)
        elif kind in ("user", "terminate"):
            chosen = api.user_streams.sessions(account)
        else:
            raise ValueError(f"streams is {kind}, not market, user, api or terminate")
        for session in chosen:
            if kind != "terminate":
                session.cut()
                continue
            for number in [n for n, heard in session.subscriptions.items() if account in (None, heard)]:
                terminate(api, session, number)
        return {"count": len(chosen)}

    def steer_market(self, http: web.Request, body: Any) -> Any:
        """Change the market: `paused`, `speed`, a new `seed`, or make `steps` now."""
        source = self.server.source
        if "seed" in body:
            source.reseed(int(body["seed"]))
        if "paused" in body:
            source.paused = bool(body["paused"])
        if "speed" in body:
            source.speed = float(body["speed"])
        if "steps" in body:
            source.step(int(body["steps"]), self.server.now_ns())
        return source.state()

    def deposit(self, http: web.Request, body: Any) -> dict[str, Any]:
        """Bring money in from outside: `account`, `asset`, `amount`."""
        account, units = int(body["account"]), parse_units(str(body["amount"]))
        if not 0 <= account < len(self.exchange.accounts) or units <= 0:
            raise ValueError("account and amount must exist and be positive")
        self.exchange.settlement.deposit(account, str(body["asset"]), units, self.server.now_ns())
        return self._account(account)

    def _chosen_accounts(self, http: web.Request) -> list[int]:
        if "account" in http.query:
            return [int(http.query["account"])]
        return list(range(len(self.exchange.accounts)))


def entry_row(entry: Any) -> dict[str, Any]:
    """Return a ledger entry with readable amounts."""
    legs = [
        {"holder": leg.holder, "part": leg.part, "asset": leg.asset, "amount": amount_text(leg.units)}
        for leg in entry.legs
    ]
    return {"number": entry.number, "kind": entry.kind, "reference": entry.reference, "legs": legs}
