"""Binance spot as a venue: the one public class of this package."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from venues.base import (
    Balance,
    Book,
    CancelOrder,
    FillSnapshot,
    Instrument,
    InstrumentUnusable,
    NotSent,
    OrderSnapshot,
    PlaceOrder,
    Unknown,
    VenueError,
    VenueListener,
)
from venues.binance import outcomes
from venues.binance.account_events import AccountEvents
from venues.binance.clock import ExchangeClock
from venues.binance.instruments import VENUE, read_instruments
from venues.binance.market_data import MarketData
from venues.binance.orders import Orders
from venues.binance.rest import SpotRest
from venues.binance.settings import BinanceSpotLimits, BinanceSpotUrls
from venues.binance.signing import Credentials
from venues.binance.snapshots import fill_snapshot, non_zero_balances, order_snapshot
from venues.binance.trade_history import trades_since
from venues.binance.user_data import UserData
from venues.binance.weights import Weights
from venues.binance.ws_api import WsApi
from venues.rate_budget import RateBudget

__all__ = ["BinanceSpot", "BinanceSpotLimits", "BinanceSpotUrls"]

log = logging.getLogger(__name__)

NS_PER_MS = 1_000_000
Part = TypeVar("Part")


class BinanceSpot:
    """The spot exchange at the given addresses, for all accounts of one engine.

    Without a rate budget nothing is spent or noted. `clock` is our own time in ns.
    """

    name = VENUE

    def __init__(
        self,
        urls: BinanceSpotUrls,
        rate_budget: RateBudget | None = None,
        *,
        limits: BinanceSpotLimits | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        urls.check()
        self._urls = urls
        self._limits = limits or BinanceSpotLimits()
        self._clock = clock
        self._exchange_clock = ExchangeClock()
        self._weights = Weights(rate_budget, clock)
        self._rest = SpotRest(urls=urls, limits=self._limits, weights=self._weights)
        self._credentials: dict[int, Credentials] = {}
        self._watched: dict[str, Instrument] = {}
        self._unusable: dict[str, str] = {}
        self._api: WsApi | None = None
        self._orders: Orders | None = None
        self._user_data: UserData | None = None
        self._market: MarketData | None = None
        self._clock_task: asyncio.Task[None] | None = None
        self._measure_now = asyncio.Event()

    # --- life

    async def start(self, listener: VenueListener) -> None:
        """Measure the clock and connect for orders and user data. Raises NotSent, Rejected or Unknown."""
        assert self._api is None, "the venue runs already"
        await self._measure_clock()
        self._api = WsApi(name="orders", urls=self._urls, limits=self._limits, weights=self._weights)
        self._orders = Orders(
            api=self._api,
            credentials=self._credentials,
            report=listener.on_order_report,
            refused=self._on_refusal,
        )
        self._user_data = UserData(
            urls=self._urls,
            limits=self._limits,
            weights=self._weights,
            credentials=self._credentials,
            exchange_now_ms=lambda: self.now_ms(self._clock()),
            events=AccountEvents(
                instruments=self._watched, listener=listener, unusable=self._close_instrument
            ),
            listener=listener,
        )
        self._market = MarketData(urls=self._urls, limits=self._limits, rest=self._rest, listener=listener)
        try:
            self._api.connection.start()
            await self._user_data.start()
            await self._api.connection.wait_up(self._limits.connect_timeout_ms)
        except NotSent:
            await self.stop()
            raise
        self._clock_task = asyncio.create_task(self._keep_clock(), name="exchange clock")

    async def stop(self) -> None:
        """Close everything; may be called after a start that failed, and more than once."""
        if self._clock_task is not None:
            self._clock_task.cancel()
            await asyncio.gather(self._clock_task, return_exceptions=True)
        if self._market is not None:
            await self._market.stop()
        if self._user_data is not None:
            await self._user_data.stop()
        if self._api is not None:
            await self._api.stop()
        await self._rest.close()
        self._clock_task = self._market = self._user_data = self._api = self._orders = None

    # --- what the venue knows

    async def instruments(self) -> list[Instrument]:
        """Return what is tradable exactly; what is not is left out and logged. Works before `start`."""
        return read_instruments(await self._rest.exchange_info())

    def add_account(self, account: int, api_key: str, api_secret: str) -> None:
        """Make an account known by its slot; requests name only the slot."""
        self._credentials[account] = Credentials(api_key, api_secret)
        self._rest.add_account(account, api_key, api_secret)

    async def watch_market(self, instruments: Iterable[Instrument]) -> None:
        """Follow quotes, trades and books of the instruments. Raises NotSent."""
        wanted = list(instruments)
        self._watched.update((instrument.symbol, instrument) for instrument in wanted)
        await started(self._market).watch(wanted)

    async def watch_accounts(self, accounts: Iterable[int]) -> None:
        """Follow the user data of the accounts, and resubscribe after every break."""
        started(self._user_data).watch(accounts)

    def now_ms(self, now_ns: int) -> int:
        """Return the exchange's time in ms for our own time."""
        return self._exchange_clock.now_ms(now_ns)

    @property
    def round_trip_ns(self) -> int:
        """The quickest round trip of the last measurement of the clock."""
        return self._exchange_clock.round_trip_ns

    def book(self, symbol: str) -> Book | None:
        """Return the book when it is in sync, else None."""
        return self._market.book(symbol) if self._market is not None else None

    # --- orders

    def place(self, order: PlaceOrder) -> None:
        """Sign and write the request before returning; the answer comes as a report. Raises NotSent."""
        if (why := self._unusable.get(order.instrument.symbol)) is not None:
            raise NotSent(f"{order.instrument.symbol} is closed here: {why}")
        started(self._orders).place(order)

    def cancel(self, cancel: CancelOrder) -> None:
        """Sign and write the cancel before returning; raises NotSent. Also where the symbol is closed."""
        started(self._orders).cancel(cancel)

    # --- questions

    async def query_order(
        self, account: int, instrument: Instrument, client_order_id: str
    ) -> OrderSnapshot | None:
        """Return the order, or None when the venue says that it knows none.

        Raises Rejected, Unknown or NotSent.
        """
        order = await self._rest.order(account, instrument.symbol, client_order_id)
        if order is None:
            return None
        return self._understood(instrument, lambda: order_snapshot(account, instrument, order))

    async def open_orders(self, account: int) -> list[OrderSnapshot]:
        """Return all open orders of the account in the watched instruments.

        An order that is not understood closes its instrument here.
        """
        snapshots = []
        for order in await self._rest.open_orders(account, list(self._watched)):
            instrument = self._watched.get(order["symbol"])
            if instrument is None:
                continue
            try:
                snapshots.append(order_snapshot(account, instrument, order))
            except InstrumentUnusable as error:
                self._close_instrument(instrument.symbol, error)
        return snapshots

    async def fills_since(self, account: int, instrument: Instrument, since_ms: int) -> list[FillSnapshot]:
        """Return our trades since the time, oldest first, complete (paged).

        Raises Unknown when there are more than `fills_pages_max` pages.
        """
        trades = await trades_since(
            partial(self._rest.trades, account, instrument.symbol),
            since_ms=since_ms,
            now_ms=self.now_ms(self._clock()),
            page_size=self._limits.fills_page_size,
            pages_max=self._limits.fills_pages_max,
        )
        return self._understood(
            instrument, lambda: [fill_snapshot(account, instrument, trade) for trade in trades]
        )

    async def balances(self, account: int) -> list[Balance]:
        """Return every non-zero balance of the account."""
        return non_zero_balances((await self._rest.account(account))["balances"])

    # --- inside

    def _understood(self, instrument: Instrument, read: Callable[[], Part]) -> Part:
        """Return what was read; an answer that is not understood closes its instrument and raises Unknown."""
        try:
            return read()
        except InstrumentUnusable as error:
            self._close_instrument(instrument.symbol, error)
            raise Unknown(error.text) from error

    def _close_instrument(self, symbol: str, error: InstrumentUnusable) -> None:
        """Trade the symbol no more: the exchange says things about it that we do not understand."""
        if symbol in self._unusable:
            return
        log.error("%s is closed here: %s", symbol, error)
        self._unusable[symbol] = str(error)
        if self._market is not None:
            self._market.shut(symbol, error)

    def _on_refusal(self, account: int, code: int) -> None:
        """Draw the consequences of a refusal that concern more than the one order."""
        if code in outcomes.CLOCK_CODES:
            self._measure_now.set()
        elif code in outcomes.KEY_CODES:
            log.error("account %d: the exchange refuses the key (%d)", account, code)

    async def _keep_clock(self) -> None:
        """Measure at intervals, and at once when the exchange complains of our time."""
        while True:
            try:
                async with asyncio.timeout(self._limits.clock_interval_ms / 1000):
                    await self._measure_now.wait()
            except TimeoutError:
                pass
            self._measure_now.clear()
            try:
                await self._measure_clock()
            except VenueError as error:
                log.warning("the exchange's clock was not measured: %s", error)

    async def _measure_clock(self) -> None:
        await self._exchange_clock.measure(self._rest.server_time_ms, self._clock, self._limits.clock_samples)
        self._rest.offset_ms = self._exchange_clock.offset_ns // NS_PER_MS


def started(part: Part | None) -> Part:
    """Return the part; raises NotSent before `start` and after `stop`."""
    if part is None:
        raise NotSent("the venue is not connected")
    return part
