"""The process: one exchange on one loopback port, driven by this machine's clock."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from aiohttp import web

from venues.simulator import state_file
from venues.simulator.accounts import write_keys, write_private
from venues.simulator.config import load_config
from venues.simulator.control import ControlFace
from venues.simulator.dispatcher import Dispatcher
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.generated_market import GeneratedMarket
from venues.simulator.other_families import OtherFamilies
from venues.simulator.recording import Recording
from venues.simulator.replayed_market import ReplayedMarket, recorded_floor
from venues.simulator.rest import RestFace
from venues.simulator.streams import Streams
from venues.simulator.symbol_market import DepthUpdate, SymbolMarket
from venues.simulator.tape import PublicTrade
from venues.simulator.websocket_api import WebSocketApi

HOST = "127.0.0.1"
TICK_S = 0.025
REPLAY_TICK_S = 0.01  # a recording keeps its pace more closely
SHUTDOWN_S = 1.0
log = logging.getLogger("simulator")


class ServerOptions(NamedTuple):
    """What the command line says."""

    port: int
    seed: int
    accounts: int
    home: Path
    replay: Path | None
    speed: float
    paused: bool
    fresh: bool


class SimulatorServer:
    """All faces of one exchange, and the publisher of what happens at it."""

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.home = options.home / "simulator"
        self.offset_ns = 0
        self.started_ns = time.time_ns()
        self.restored = False
        self.source: GeneratedMarket | ReplayedMarket
        if options.replay is None:
            self._open_generated()
        else:
            self._open_replayed(Recording(options.replay))
        self.source.paused = options.paused
        self.exchange.source = self.source
        self.dispatcher = Dispatcher(self.exchange, self.now_ns)
        self.streams = Streams(self.exchange, self.now_ns)
        self.api = WebSocketApi(self.dispatcher)
        self.streams.recorded = self.recorded
        self.exchange.listen(self)

    def _open_generated(self) -> None:
        """Open with synthetic participants, where the last orderly stop left off if it left anything."""
        options, now_ns = self.options, self.started_ns
        self.recorded: frozenset[str] = frozenset()
        path = state_file.state_path(self.home, options.seed)
        state = None if options.fresh else state_file.take(path)
        # Accounts are never taken away: their orders and money would vanish.
        count = max(options.accounts, len(state.accounts) if state else 0)
        self.exchange = SimulatedExchange(
            load_config(), seed=options.seed, account_count=count, now_ns=now_ns
        )
        self.source = GeneratedMarket(self.exchange, now_ns=now_ns, speed=options.speed)
        if state is not None:
            state_file.restore(state, self.exchange, self.source, now_ns)
            self.restored = True
        else:
            self.source.open(now_ns)

    def _open_replayed(self, recording: Recording) -> None:
        """Open with the books of a recording; only its symbols are listed."""
        options, now_ns = self.options, self.started_ns
        self.recorded = recording.streams
        self.exchange = SimulatedExchange(
            load_config(),
            seed=options.seed,
            account_count=options.accounts,
            now_ns=now_ns,
            symbols=recording.symbols,
            floor=recorded_floor,
        )
        self.source = ReplayedMarket(self.exchange, recording, now_ns=now_ns, speed=options.speed)
        self.source.open(now_ns)

    def save(self) -> None:
        """Keep the state for the next start, unless it is a replay."""
        if isinstance(self.source, GeneratedMarket):
            path = state_file.state_path(self.home, self.options.seed)
            state_file.save(path, self.exchange, self.source)

    def now_ns(self) -> int:
        """Return the exchange's time."""
        return time.time_ns() + self.offset_ns

    # ------------------------------------------------------------------ what the exchange tells

    def on_user_event(self, account: int, event: dict[str, Any]) -> None:
        """Pass it on to those who hear the account."""
        self.api.user_streams.publish(account, event)

    def on_trade(self, market: SymbolMarket, trade: PublicTrade) -> None:
        """Publish it."""
        self.streams.publish_trade(market, trade)

    def on_quote(self, market: SymbolMarket) -> None:
        """Publish it."""
        self.streams.publish_quote(market)

    def on_depth(self, market: SymbolMarket, update: DepthUpdate, interval_ms: int) -> None:
        """Publish it."""
        self.streams.publish_depth(market, update, interval_ms)

    def on_recorded(self, stream: str, message: bytes) -> None:
        """Publish it as it is."""
        self.streams.publish_recorded(stream, message)

    def on_market_ended(self) -> None:
        """Close the market streams: there is nothing more to hear."""
        for session in tuple(self.streams.sessions):
            session.cut()

    # ------------------------------------------------------------------ running

    def application(self, token: str) -> web.Application:
        """Return the web application with all faces."""
        application = web.Application(client_max_size=1 << 20)
        faces = (
            RestFace(self.dispatcher),
            self.api,
            self.streams,
            OtherFamilies(self.exchange, self.now_ns),
            ControlFace(self, token),
        )
        for face in faces:
            application.add_routes(face.routes())
        return application

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        token = secrets.token_urlsafe(32)
        write_private(self.home / "control.token", token)
        write_keys(self.home / "keys.json", self.exchange.accounts)
        runner = web.AppRunner(self.application(token), access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        await web.TCPSite(runner, HOST, self.options.port).start()
        log.info(
            "http://%s:%d serves %d accounts; keys are in %s",
            HOST,
            self.options.port,
            len(self.exchange.accounts),
            self.home / "keys.json",
        )
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        clockwork = asyncio.create_task(self._drive(stopped))
        await stopped.wait()
        for session in (*self.streams.sessions, *self.api.sessions):
            session.cut()
        await runner.cleanup()
        await clockwork
        self.save()

    async def _drive(self, stopped: asyncio.Event) -> None:
        """Advance the exchange until the stop; an error ends the process, which gets restarted."""
        tick_s = REPLAY_TICK_S if self.recorded else TICK_S
        try:
            while not stopped.is_set():
                self.exchange.advance(self.now_ns())
                await asyncio.sleep(tick_s)
        finally:
            stopped.set()


def default_home() -> Path:
    """Return where files go unless told otherwise: $MEXOMS_HOME, or var/ of this checkout."""
    return Path(os.environ.get("MEXOMS_HOME") or Path(__file__).resolve().parents[2] / "var")


def serve(options: ServerOptions) -> None:
    """Run an exchange until it is told to stop."""
    uvloop.run(SimulatorServer(options).run())
