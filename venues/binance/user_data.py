"""The events of many accounts on one connection, subscribed again after every break.

While an account's subscription stands it is live. What happened before, or during
a break, does not come later: whoever hears `live` must ask the exchange.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping

import msgspec

from venues.base import Misaligned, NotSent, VenueListener
from venues.binance import outcomes
from venues.binance.account_events import AccountEvents
from venues.binance.orders import signed_request
from venues.binance.settings import BinanceSpotLimits, BinanceSpotUrls
from venues.binance.signing import Credentials
from venues.binance.weights import Weights
from venues.binance.ws_api import Message, WsApi, error_of

log = logging.getLogger(__name__)

SUBSCRIBE = "userDataStream.subscribe.signature"


class Subscribed(msgspec.Struct, frozen=True):
    """The answer to a subscription."""

    subscriptionId: int


class Attempt(msgspec.Struct, frozen=True):
    """One request to follow an account; `number` counts from 1 on each connection."""

    account: int
    number: int


class UserData:
    """Follows accounts and hands their events to `events`."""

    def __init__(
        self,
        *,
        urls: BinanceSpotUrls,
        limits: BinanceSpotLimits,
        weights: Weights,
        credentials: Mapping[int, Credentials],
        exchange_now_ms: Callable[[], int],
        events: AccountEvents,
        listener: VenueListener,
    ) -> None:
        self._api = WsApi(name="user data", urls=urls, limits=limits, weights=weights, events=self)
        self._limits = limits
        self._credentials = credentials
        self._exchange_now_ms = exchange_now_ms
        self._events = events
        self._listener = listener
        self._accounts: set[int] = set()
        self._live: dict[int, int] = {}
        self._account_of: dict[int, int] = {}
        self._waiting: deque[Attempt] = deque()
        self._in_flight = 0
        self._retries: dict[int, asyncio.TimerHandle] = {}

    async def start(self) -> None:
        """Connect. Raises NotSent when there is no connection within the time."""
        self._api.connection.start()
        await self._api.connection.wait_up(self._limits.connect_timeout_ms)

    async def stop(self) -> None:
        """Disconnect."""
        await self._api.stop()
        self._cancel_retries()

    def watch(self, accounts: Iterable[int]) -> None:
        """Follow the accounts from now on, through every break."""
        for account in accounts:
            if account in self._accounts:
                continue
            self._accounts.add(account)
            if self._api.connection.connected:
                self._waiting.append(Attempt(account, 1))
        self._subscribe_more()

    def drop(self) -> None:
        """Break the connection, so that every account is subscribed again."""
        self._api.connection.drop()

    def on_up(self) -> None:
        """Subscribe every account on the new connection."""
        self._in_flight = 0
        self._waiting = deque(Attempt(account, 1) for account in sorted(self._accounts))
        self._subscribe_more()

    def on_down(self) -> None:
        """No account is live any more."""
        self._waiting.clear()
        self._cancel_retries()
        live, self._live = self._live, {}
        self._account_of.clear()
        for account in live:
            self._listener.on_account_live(account, False)

    def on_event(self, subscription: int | None, event: msgspec.Raw) -> None:
        """Hand the event of an account on."""
        account = self._account_of.get(-1 if subscription is None else subscription)
        if account is None:
            log.warning("an event of no known subscription %s", subscription)
            return
        try:
            more = self._events.take(account, event)
        except (msgspec.DecodeError, Misaligned) as error:
            # It may have been a fill. A new connection makes everybody ask for what happened.
            log.error("account %d: an event that is not understood: %s", account, error)
            self._api.connection.drop()
            return
        if more:
            return
        # The exchange ended this subscription; the connection goes on.
        del self._account_of[self._live.pop(account)]
        self._listener.on_account_live(account, False)
        self._waiting.append(Attempt(account, 1))
        self._subscribe_more()

    def on_answer(self, request: Attempt, answer: Message) -> None:
        """The account is live, or another attempt follows."""
        self._in_flight -= 1
        if answer.status == outcomes.OK:
            self._begin(request.account, msgspec.json.decode(answer.result, type=Subscribed).subscriptionId)
        else:
            self._failed(request, *error_of(answer))
        self._subscribe_more()

    def on_lost(self, request: Attempt, why: str) -> None:
        """Without an answer nobody knows which subscription stands: begin with a new connection."""
        self._in_flight -= 1
        log.warning("subscription of account %d: %s", request.account, why)
        self._api.connection.drop()

    def _begin(self, account: int, subscription: int) -> None:
        self._account_of[subscription] = account
        self._live[account] = subscription
        self._listener.on_account_live(account, True)

    def _failed(self, attempt: Attempt, code: int, text: str) -> None:
        log.error("subscription of account %d refused: %d %s", attempt.account, code, text)
        # A key that is refused stays so; asking on and on would get this address banned.
        if code in outcomes.KEY_CODES or attempt.number >= self._limits.subscribe_attempts_max:
            return
        delay_s = self._limits.subscribe_retry_delay_ms * attempt.number / 1000
        self._retries[attempt.account] = asyncio.get_running_loop().call_later(
            delay_s, self._retry, Attempt(attempt.account, attempt.number + 1)
        )

    def _retry(self, attempt: Attempt) -> None:
        del self._retries[attempt.account]
        self._waiting.append(attempt)
        self._subscribe_more()

    def _subscribe_more(self) -> None:
        """Send what waits, a limited number at a time."""
        connection = self._api.connection
        while self._waiting and connection.connected:
            if self._in_flight >= self._limits.subscriptions_in_flight_max:
                return
            attempt = self._waiting.popleft()
            request_id = self._api.take_id()
            try:
                self._api.send(request_id, self._request(request_id, attempt.account), self, attempt)
            except NotSent as error:
                log.warning("user data: %s", error)
                connection.drop()
                return
            self._in_flight += 1

    def _request(self, request_id: int, account: int) -> bytes:
        credentials = self._credentials[account]
        parameters: dict[str, str | int] = {
            "apiKey": credentials.api_key,
            "recvWindow": self._limits.subscribe_recv_window_ms,
            "timestamp": self._exchange_now_ms(),
        }
        return signed_request(request_id, SUBSCRIBE, parameters, credentials.signer.sign)

    def _cancel_retries(self) -> None:
        for timer in self._retries.values():
            timer.cancel()
        self._retries.clear()
