"""One request's way through limits, security, faults and its endpoint; both faces use it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from venues.simulator import account_endpoints, market_endpoints, order_endpoints
from venues.simulator.accounts import Credential, credentials
from venues.simulator.catalogue import KEY, NONE, SIGNED, Call, Endpoint, index_by_method, index_by_rest
from venues.simulator.errors import Refusal, missing
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.faults import Fault, Faults
from venues.simulator.parameters import Parameters
from venues.simulator.rate_limits import AddressLimits
from venues.simulator.settlement import MS_NS
from venues.simulator.signatures import (
    RECV_WINDOW_MAX_MS,
    RECV_WINDOW_MS,
    SIGNATURE,
    check_signature,
    check_time,
)

API_KEY_LENGTH = 64


class Request(msgspec.Struct, kw_only=True):
    """What a face hands in. `logged_on` is the account of a session that needs no signature, or -1."""

    face: str
    endpoint: Endpoint
    values: dict[str, str]
    payload: str
    api_key: str
    address: str
    logged_on: int = -1


class Reply(msgspec.Struct, kw_only=True):
    """What a face sends back; `silent` means never, `cut` that the connection ends."""

    status: int = 200
    result: Any = None
    code: int = 0
    text: str = ""
    retry_after_s: int = 0
    account: int = -1
    counts_orders: bool = False
    silent: bool = False
    cut: bool = False


class RequestRecord(msgspec.Struct):
    """What the control port shows about a past request."""

    time_ms: int
    face: str
    endpoint: str
    account: int
    client_order_id: str
    status: int
    code: int
    executed: bool
    fault: str


class Dispatcher:
    """Serves requests on one exchange; `clock` returns the exchange's time in ns."""

    def __init__(self, exchange: SimulatedExchange, clock: Callable[[], int]) -> None:
        endpoints = [*market_endpoints.ENDPOINTS, *order_endpoints.ENDPOINTS, *account_endpoints.ENDPOINTS]
        self.exchange = exchange
        self.clock = clock
        self.faults = Faults()
        self.credentials = credentials(exchange.accounts)
        self.by_rest = index_by_rest(endpoints)
        self.by_method = index_by_method(endpoints)
        self.addresses: dict[str, AddressLimits] = {}
        self.requests: deque[RequestRecord] = deque(maxlen=exchange.config.history.requests_max)

    def limits(self, address: str) -> AddressLimits:
        """Return what the address has used."""
        return self.addresses.setdefault(address, AddressLimits(self.exchange.config.limits))

    async def answer(self, request: Request) -> Reply:
        """Serve a request; with a fault armed for it, serve it badly."""
        try:
            account = self.admit(request)
        except Refusal as refusal:
            return self._record(request, -1, refused(refusal), executed=False)
        fault = self.faults.take(request.endpoint.name, account) if self.faults.armed else None
        if fault is None:
            reply = self.execute(request, account)
            return self._record(request, account, reply, executed=reply.status == 200)
        return await self._suffer(request, account, fault)

    def admit(self, request: Request) -> int:
        """Charge the weight and check who asks; return the account, -1 for a public request."""
        endpoint, sent = request.endpoint, Parameters(request.values)
        self.limits(request.address).charge(endpoint.weight_of(sent), self.clock())
        sent.check_known(endpoint.parameters)
        if endpoint.security == NONE:
            return -1
        if request.logged_on >= 0 and SIGNATURE not in request.values:
            self.check_timing(sent, required=False)
            return request.logged_on
        credential = self.credential(request.api_key)
        if endpoint.security == SIGNED:
            self.check_timing(sent, required=True)
            check_signature(credential, request.payload, request.values.get(SIGNATURE, ""))
        return credential.account

    def credential(self, api_key: str) -> Credential:
        """Return what the key stands for."""
        if len(api_key) != API_KEY_LENGTH or not api_key.isalnum():
            raise Refusal(-2014, "API-key format invalid.", status=401)
        credential = self.credentials.get(api_key)
        if credential is None:
            raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        return credential

    def check_timing(self, sent: Parameters, *, required: bool) -> None:
        """Refuse a request outside its time window."""
        timestamp = sent.integer("timestamp")
        if timestamp is None and required:
            raise missing("timestamp")
        window = sent.text("recvWindow")
        try:
            window_ms = float(window) if window is not None else RECV_WINDOW_MS
        except ValueError as error:
            raise missing("recvWindow") from error
        if window_ms > RECV_WINDOW_MAX_MS:
            raise Refusal(-1131, "recvWindow must be less than 60000.")
        if timestamp is not None:
            check_time(timestamp, window_ms, self.clock() // MS_NS)

    def execute(self, request: Request, account: int) -> Reply:
        """Do what is asked; a refusal becomes an answer."""
        endpoint, now_ns = request.endpoint, self.clock()
        try:
            if endpoint.costs_order:
                self.exchange.settlement.order_counts[account].count(now_ns)
            result = endpoint.handler(Call(self.exchange, account, Parameters(request.values), now_ns))
        except Refusal as refusal:
            return refused(refusal, account=account, counts_orders=endpoint.costs_order)
        if endpoint.free_on_success:
            self.limits(request.address).give_back(endpoint.weight_of(Parameters(request.values)))
        return Reply(result=result, account=account, counts_orders=endpoint.costs_order)

    async def _suffer(self, request: Request, account: int, fault: Fault) -> Reply:
        """Serve a request as the fault has it."""
        failed = Reply(status=fault.status, code=fault.code, text=fault.text, account=account)
        if fault.kind == "stop_answering":
            failed.silent = True
            return self._record(request, account, failed, executed=False, fault=fault.kind)
        if fault.kind == "late_execution":
            asyncio.get_running_loop().call_later(fault.delay_ms / 1000, self.execute, request, account)
            return self._record(request, account, failed, executed=True, fault=fault.kind)
        if fault.kind == "error":
            return self._record(request, account, failed, executed=False, fault=fault.kind)
        if fault.kind == "delay_execution":
            await asyncio.sleep(fault.delay_ms / 1000)
        reply = self.execute_again_in_time(request, account)
        executed = reply.status == 200
        self._record(request, account, reply, executed=executed, fault=fault.kind)
        if fault.kind == "delay_reply":
            await asyncio.sleep(fault.delay_ms / 1000)
        if fault.kind == "error_executed":
            return failed
        reply.silent = fault.kind == "drop_reply"
        reply.cut = fault.kind == "disconnect"
        return reply

    def execute_again_in_time(self, request: Request, account: int) -> Reply:
        """Check the time window once more, as the exchange does before matching, and execute."""
        try:
            if request.endpoint.security == SIGNED:
                self.check_timing(Parameters(request.values), required=request.logged_on < 0)
        except Refusal as refusal:
            return refused(refusal, account=account)
        return self.execute(request, account)

    def _record(
        self, request: Request, account: int, reply: Reply, *, executed: bool, fault: str = ""
    ) -> Reply:
        if request.endpoint.security not in (NONE, KEY):
            values = request.values
            client_id = values.get("newClientOrderId") or values.get("origClientOrderId") or ""
            row = RequestRecord(
                self.clock() // MS_NS,
                request.face,
                request.endpoint.name,
                account,
                client_id,
                reply.status,
                reply.code,
                executed,
                fault,
            )
            self.requests.append(row)
        return reply


def refused(refusal: Refusal, *, account: int = -1, counts_orders: bool = False) -> Reply:
    """Return the answer that a refusal becomes."""
    return Reply(
        status=refusal.status,
        code=refusal.code,
        text=refusal.text,
        retry_after_s=refusal.retry_after_s,
        account=account,
        counts_orders=counts_orders,
    )
