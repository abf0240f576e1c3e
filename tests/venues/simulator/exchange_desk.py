"""An exchange without sockets at a fixed time, asked as the WebSocket API would be."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any

from venues.simulator.config import SimulatorConfig, load_config
from venues.simulator.dispatcher import Dispatcher, Reply, Request
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.generated_market import GeneratedMarket
from venues.simulator.parameters import texts
from venues.simulator.settlement import Silence
from venues.simulator.signatures import websocket_payload
from venues.simulator.symbol_market import DepthUpdate, SymbolMarket
from venues.simulator.tape import PublicTrade

START_NS = 1_790_000_000_000_000_000
MS = 1_000_000


class Heard(Silence):
    """Remembers what the exchange told."""

    def __init__(self) -> None:
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.depths: list[tuple[str, int, DepthUpdate]] = []
        self.trades: list[PublicTrade] = []
        self.recorded: list[tuple[str, bytes]] = []
        self.ended = False

    def on_user_event(self, account: int, event: dict[str, Any]) -> None:
        self.events.append((account, event))

    def on_trade(self, market: SymbolMarket, trade: PublicTrade) -> None:
        self.trades.append(trade)

    def on_depth(self, market: SymbolMarket, update: DepthUpdate, interval_ms: int) -> None:
        self.depths.append((market.listing.symbol, interval_ms, update))

    def on_recorded(self, stream: str, message: bytes) -> None:
        self.recorded.append((stream, message))

    def on_market_ended(self) -> None:
        self.ended = True

    def reports(self, account: int) -> list[tuple[str, str]]:
        """Return (execution type, status) of the account's order events."""
        return [(e["x"], e["X"]) for who, e in self.events if who == account and e["e"] == "executionReport"]


class Desk:
    """Accounts at an exchange whose clock only moves when told; no synthetic market unless asked for."""

    def __init__(
        self, *, seed: int = 1, accounts: int = 3, market: bool = False, config: SimulatorConfig | None = None
    ):
        self.now_ns = START_NS
        self.exchange = SimulatedExchange(
            config or load_config(), seed=seed, account_count=accounts, now_ns=self.now_ns
        )
        self.heard = Heard()
        self.exchange.listen(self.heard)
        self.dispatcher = Dispatcher(self.exchange, lambda: self.now_ns)
        self.source = GeneratedMarket(self.exchange, now_ns=self.now_ns)
        if market:
            self.source.open(self.now_ns)
            self.exchange.source = self.source

    def run(self, milliseconds: int, step_ms: int = 50) -> None:
        """Let exchange time pass."""
        for _ in range(milliseconds // step_ms):
            self.now_ns += step_ms * MS
            self.exchange.advance(self.now_ns)

    def ask(self, method: str, account: int | None = None, **parameters: Any) -> Reply:
        """Return the reply to a request, signed for the account when one is given."""
        values = texts(parameters)
        if account is not None:
            keys = self.exchange.accounts[account]
            values = {"apiKey": keys.api_key, "timestamp": str(self.now_ns // MS)} | values
            payload = websocket_payload(values)
            if "signature" not in values:
                values["signature"] = hmac.new(
                    keys.api_secret.encode(), payload.encode(), hashlib.sha256
                ).hexdigest()
        request = Request(
            face="test",
            endpoint=self.dispatcher.by_method[method],
            values=values,
            payload=websocket_payload(values),
            api_key=values.get("apiKey", ""),
            address="127.0.0.1",
        )
        return asyncio.run(self.dispatcher.answer(request))

    def limit(self, account: int, side: str, price: str, quantity: str, **more: Any) -> Reply:
        """Place a LIMIT GTC order for BTCUSDT."""
        order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC"}
        return self.ask("order.place", account, **order | {"price": price, "quantity": quantity} | more)

    def market(self, account: int, side: str, **more: Any) -> Reply:
        """Place a MARKET order for BTCUSDT."""
        return self.ask("order.place", account, symbol="BTCUSDT", side=side, type="MARKET", **more)

    def check(self) -> None:
        """Assert that books, ledger and orders agree."""
        self.exchange._check()
        for market in self.exchange.markets.values():
            market.floor._check()  # type: ignore[attr-defined]
