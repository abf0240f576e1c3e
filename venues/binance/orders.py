"""Order requests: signed and written within the call, and each answer told for what it proves.

The signature covers the journalled time of the attempt. It is never made anew, so
that a request which was held up, in us or on the way, dies at the exchange.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from venues.base import (
    CancelOrder,
    NotSent,
    OrderReport,
    OrderType,
    PlaceOrder,
    ReportKind,
    Side,
    TimeInForce,
)
from venues.binance import outcomes
from venues.binance.signing import Credentials
from venues.binance.ws_api import Message, WsApi, error_of

log = logging.getLogger(__name__)

NS_PER_MS = 1_000_000
SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}
TYPES = {OrderType.LIMIT: "LIMIT", OrderType.MARKET: "MARKET", OrderType.LIMIT_MAKER: "LIMIT_MAKER"}
TIMES_IN_FORCE = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
#: What the exchange accepts, and what needs no escaping in the signed text nor in JSON.
CLIENT_ORDER_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


class OrderResult(msgspec.Struct, frozen=True):
    """What the answer to an order or a cancel says on success."""

    orderId: int = 0
    transactTime: int = 0


class Orders:
    """Places and cancels over the WebSocket API. `report` receives what becomes of each request."""

    def __init__(
        self,
        *,
        api: WsApi,
        credentials: Mapping[int, Credentials],
        report: Callable[[OrderReport], None],
        refused: Callable[[int, int], None],
    ) -> None:
        self._api = api
        self._credentials = credentials
        self._report = report
        self._refused = refused
        self._results = msgspec.json.Decoder(OrderResult)

    def place(self, order: PlaceOrder) -> None:
        """Sign and write the order. Raises NotSent when no byte left."""
        self._send("order.place", order, place_parameters(order, self._credentials_of(order.account)))

    def cancel(self, cancel: CancelOrder) -> None:
        """Sign and write the cancel. Raises NotSent when no byte left."""
        self._send("order.cancel", cancel, cancel_parameters(cancel, self._credentials_of(cancel.account)))

    def _credentials_of(self, account: int) -> Credentials:
        credentials = self._credentials.get(account)
        if credentials is None:
            raise NotSent(f"account {account} has no key here")
        return credentials

    def _send(self, method: str, request: PlaceOrder | CancelOrder, parameters: dict[str, str | int]) -> None:
        request_id = self._api.take_id()
        signer = self._credentials[request.account].signer
        self._api.send(request_id, signed_request(request_id, method, parameters, signer.sign), self, request)

    def on_answer(self, request: PlaceOrder | CancelOrder, answer: Message) -> None:
        """Report what the exchange's answer proves."""
        code, text = error_of(answer)
        if code:
            self._refused(request.account, code)
        if isinstance(request, CancelOrder):
            kind = outcomes.cancel_outcome(answer.status, code, text)
            # The user stream tells that the order is cancelled, with what was filled before.
            if kind is not ReportKind.ACK:
                self._tell(request, kind, code, text)
            return
        kind = outcomes.place_outcome(answer.status, code, text)
        if kind is not ReportKind.ACK:
            self._tell(request, kind, code, text)
            return
        result = self._result_of(answer)
        self._tell(request, kind, venue_order_id=result.orderId, event_ns=result.transactTime * NS_PER_MS)

    def on_lost(self, request: PlaceOrder | CancelOrder, why: str) -> None:
        """Report that nobody knows what became of the request."""
        kind = ReportKind.CANCEL_UNKNOWN if isinstance(request, CancelOrder) else ReportKind.UNKNOWN
        self._tell(request, kind, 0, why)

    def _result_of(self, answer: Message) -> OrderResult:
        """Return the result; the order is accepted even where its description is not understood."""
        try:
            return self._results.decode(answer.result)
        except msgspec.DecodeError as error:
            log.error("the answer to an accepted order is not understood: %s", error)
            return OrderResult()

    def _tell(
        self,
        request: PlaceOrder | CancelOrder,
        kind: ReportKind,
        code: int = 0,
        text: str = "",
        **facts: Any,
    ) -> None:
        self._report(
            OrderReport(
                kind=kind,
                account=request.account,
                symbol=request.instrument.symbol,
                client_order_id=request.client_order_id,
                code=code,
                text=text,
                **facts,
            )
        )


def place_parameters(order: PlaceOrder, credentials: Credentials) -> dict[str, str | int]:
    """Return the order's parameters sorted by name, as they are signed. Raises NotSent on a bad id."""
    check_client_order_id(order.client_order_id)
    instrument = order.instrument
    parameters: dict[str, str | int] = {
        "apiKey": credentials.api_key,
        "newClientOrderId": order.client_order_id,
        # Fills come from the user stream alone, so that each is told once and in order.
        "newOrderRespType": "ACK",
    }
    if order.type is not OrderType.MARKET:
        parameters["price"] = f"{instrument.price(order.price_ticks):f}"
    parameters["quantity"] = f"{instrument.quantity(order.quantity_lots):f}"
    parameters["recvWindow"] = order.recv_window_ms
    parameters["side"] = SIDES[order.side]
    parameters["symbol"] = instrument.symbol
    if order.type is OrderType.LIMIT:
        parameters["timeInForce"] = TIMES_IN_FORCE[order.tif]
    parameters["timestamp"] = order.signed_at_ms
    parameters["type"] = TYPES[order.type]
    return parameters


def cancel_parameters(cancel: CancelOrder, credentials: Credentials) -> dict[str, str | int]:
    """Return the cancel's parameters sorted by name, as they are signed. Raises NotSent on a bad id."""
    check_client_order_id(cancel.client_order_id)
    return {
        "apiKey": credentials.api_key,
        "origClientOrderId": cancel.client_order_id,
        "recvWindow": cancel.recv_window_ms,
        "symbol": cancel.instrument.symbol,
        "timestamp": cancel.signed_at_ms,
    }


def check_client_order_id(client_order_id: str) -> None:
    """Raise NotSent when the exchange would not take the id."""
    if CLIENT_ORDER_ID.fullmatch(client_order_id) is None:
        raise NotSent(f"{client_order_id!r} is no client order id")


def signed_request(
    request_id: int, method: str, parameters: Mapping[str, str | int], sign: Callable[[str], str]
) -> bytes:
    """Return the request as it goes over the wire. The parameters must be sorted by name."""
    payload = "&".join([f"{name}={value}" for name, value in parameters.items()])
    return msgspec.json.encode(
        {"id": request_id, "method": method, "params": {**parameters, "signature": sign(payload)}}
    )
