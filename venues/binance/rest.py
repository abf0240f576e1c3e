"""The REST calls that place no order, through python-binance, with every address its own."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import aiohttp

from venues.base import NotSent, Rejected, Unknown
from venues.binance import weights as w
from venues.binance.settings import BinanceSpotLimits, BinanceSpotUrls
from venues.binance.weights import Weights
from venues.rate_budget import Lane

with warnings.catch_warnings():
    # The library asks websockets for a name that is deprecated there; we use none of its sockets.
    warnings.simplefilter("ignore", DeprecationWarning)
    from binance.async_client import AsyncClient
    from binance.base_client import BaseClient
    from binance.exceptions import BinanceAPIException, BinanceRequestException

log = logging.getLogger(__name__)

#: Stands in every address of the library that we do not use: no request can be made of it.
REFUSED_URL = "refused://not-configured"
ORDER_UNKNOWN = -2013
FIREWALL = 403


def client_class(urls: BinanceSpotUrls, weights: Weights) -> type[AsyncClient]:
    """Return python-binance's client with all its addresses replaced; only `urls.rest` leads anywhere."""
    addresses = dict.fromkeys((name for name in dir(BaseClient) if name.endswith("_URL")), REFUSED_URL)
    addresses["API_URL"] = urls.checked(urls.rest)

    class SpotClient(AsyncClient):  # type: ignore[misc]
        """Tells the weights of each answer, and closes nothing that others share."""

        async def _handle_response(self, response: aiohttp.ClientResponse) -> Any:
            weights.on_headers(response.status, response.headers)
            return await super()._handle_response(response)

    for name, address in addresses.items():
        setattr(SpotClient, name, address)
    return SpotClient


class SpotRest:
    """One light client per key over one pool of connections."""

    def __init__(self, *, urls: BinanceSpotUrls, limits: BinanceSpotLimits, weights: Weights) -> None:
        self._limits = limits
        self._weights = weights
        self._class = client_class(urls, weights)
        self._connector: aiohttp.TCPConnector | None = None
        self._public: AsyncClient | None = None
        self._clients: dict[int, AsyncClient] = {}
        self._keys: dict[int, tuple[str, str]] = {}
        self.offset_ms = 0

    def add_account(self, account: int, api_key: str, api_secret: str) -> None:
        """Make a key known; its client is made when first needed."""
        self._keys[account] = (api_key, api_secret)

    async def close(self) -> None:
        """Close the connections."""
        clients = [*self._clients.values(), *([self._public] if self._public is not None else [])]
        self._clients.clear()
        self._public = None
        for client in clients:
            await client.close_connection()
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    async def server_time_ms(self) -> int:
        """Return the exchange's clock."""
        answer = await self._ask(w.TIME, self._public_client().get_server_time)
        return int(answer["serverTime"])

    async def exchange_info(self) -> list[Mapping[str, Any]]:
        """Return the description of every symbol."""
        answer = await self._ask(w.EXCHANGE_INFO, self._public_client().get_exchange_info)
        return list(answer["symbols"])

    async def depth(self, symbol: str, levels: int) -> Mapping[str, Any]:
        """Return a snapshot of the symbol's book."""
        client = self._public_client()
        answer: Mapping[str, Any] = await self._ask(
            w.depth_weight(levels), client.get_order_book, symbol=symbol, limit=levels
        )
        return answer

    async def account(self, account: int) -> Mapping[str, Any]:
        """Return the account with its non-zero balances."""
        client = self._client(account)
        answer: Mapping[str, Any] = await self._ask(w.ACCOUNT, client.get_account, omitZeroBalances="true")
        return answer

    async def order(self, account: int, symbol: str, client_order_id: str) -> Mapping[str, Any] | None:
        """Return the order by our id, None when the exchange says that it knows none."""
        client = self._client(account)
        try:
            answer: Mapping[str, Any] = await self._ask(
                w.ORDER_QUERY,
                client.get_order,
                symbol=symbol,
                origClientOrderId=client_order_id,
            )
        except Rejected as error:
            if error.code == ORDER_UNKNOWN:
                return None
            raise
        return answer

    async def open_orders(self, account: int, symbols: Collection[str]) -> list[Mapping[str, Any]]:
        """Return the account's open orders at least in the symbols, asked for in the cheaper way."""
        client = self._client(account)
        if len(symbols) * w.OPEN_ORDERS_OF_ONE >= w.OPEN_ORDERS_OF_ALL:
            return list(await self._ask(w.OPEN_ORDERS_OF_ALL, client.get_open_orders))
        answers = [
            await self._ask(w.OPEN_ORDERS_OF_ONE, client.get_open_orders, symbol=symbol) for symbol in symbols
        ]
        return [order for answer in answers for order in answer]

    async def trades(self, account: int, symbol: str, **window: int) -> list[Mapping[str, Any]]:
        """Return one page of the account's trades, oldest first."""
        client = self._client(account)
        return list(
            await self._ask(
                w.TRADES,
                client.get_my_trades,
                symbol=symbol,
                limit=self._limits.fills_page_size,
                **window,
            )
        )

    def _public_client(self) -> AsyncClient:
        if self._public is None:
            self._public = self._new_client("", "")
        return self._public

    def _client(self, account: int) -> AsyncClient:
        if account not in self._clients:
            if account not in self._keys:
                raise NotSent(f"account {account} has no key here")
            self._clients[account] = self._new_client(*self._keys[account])
        client = self._clients[account]
        client.timestamp_offset = self.offset_ms
        return client

    def _new_client(self, api_key: str, api_secret: str) -> AsyncClient:
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(limit=self._limits.rest_connections_max)
        by_private_key = api_secret.startswith("-----BEGIN")
        client = self._class(
            api_key or None,
            None if by_private_key else api_secret or None,
            private_key=api_secret if by_private_key else None,
            requests_params={
                "timeout": aiohttp.ClientTimeout(total=self._limits.rest_timeout_ms / 1000),
                # A redirect could lead to a host that is not allowed.
                "allow_redirects": False,
            },
            session_params={"connector": self._connector, "connector_owner": False},
        )
        client.REQUEST_RECVWINDOW = self._limits.query_recv_window_ms
        return client

    async def _ask(self, weight: int, call: Callable[..., Awaitable[Any]], **parameters: Any) -> Any:
        """Spend the weight and make the call; raises Rejected, NotSent or Unknown."""
        await self._weights.spend(weight, Lane.RECONCILE)
        try:
            return await call(**parameters)
        except BinanceAPIException as error:
            raise refusal_of(error) from None
        except aiohttp.ClientConnectorError as error:
            raise NotSent(f"no connection: {error}") from None
        except (TimeoutError, BinanceRequestException, aiohttp.ClientError, OSError) as error:
            raise Unknown(f"no usable answer: {type(error).__name__}") from None


def refusal_of(error: BinanceAPIException) -> Rejected | Unknown:
    """Return who is at fault: a refusal that carries a code, or an answer that proves nothing."""
    code = error.code or 0
    text = str(error.message)
    if 400 <= error.status_code < 500 and error.status_code != FIREWALL and code:
        return Rejected(text, code)
    return Unknown(f"HTTP {error.status_code}: {text}", code)
