"""`/api/v3/*` over HTTP, and the few answers of other families that clients need to load."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from venues.simulator.dispatcher import Dispatcher, Reply, Request
from venues.simulator.errors import Refusal
from venues.simulator.signatures import rest_payload

HANG_MAX_S = 120
INTERVAL_LETTERS = {"SECOND": "S", "MINUTE": "M", "DAY": "D"}


class RestFace:
    """Turns HTTP requests into requests of the dispatcher, and replies into answers with headers."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this face."""
        return [web.route("*", "/api/{tail:.*}", self.handle)]

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Serve one request."""
        endpoint = self.dispatcher.by_rest.get((http.method, http.path))
        if endpoint is None:
            return web.json_response({"code": -1000, "msg": "Not found."}, status=404)
        body = await http.text()
        try:
            values = read_values(http.query_string, body)
        except Refusal as refusal:
            return json_answer(400, {"code": refusal.code, "msg": refusal.text})
        request = Request(
            face="rest",
            endpoint=endpoint,
            values=values,
            payload=rest_payload(http.rel_url.raw_query_string, body),
            api_key=http.headers.get("X-MBX-APIKEY", ""),
            address=http.remote or "",
        )
        reply = await self.dispatcher.answer(request)
        if reply.silent:
            await asyncio.sleep(HANG_MAX_S)
        if (reply.silent or reply.cut) and http.transport is not None:
            http.transport.abort()
        return self._answer(reply, request.address)

    def _answer(self, reply: Reply, address: str) -> web.Response:
        content = reply.result if reply.status == 200 else {"code": reply.code, "msg": reply.text}
        answer = json_answer(reply.status, content)
        answer.headers.update(self._headers(reply, address))
        return answer

    def _headers(self, reply: Reply, address: str) -> dict[str, str]:
        now_ns = self.dispatcher.clock()
        used = str(self.dispatcher.limits(address).weight.roll(now_ns))
        headers = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if reply.counts_orders and reply.account >= 0:
            for window in self.dispatcher.exchange.settlement.order_counts[reply.account].windows:
                name = f"X-MBX-ORDER-COUNT-{window.number}{INTERVAL_LETTERS[window.interval]}"
                headers[name] = str(window.roll(now_ns))
        if reply.retry_after_s:
            headers["Retry-After"] = str(reply.retry_after_s)
        return headers


def read_values(query: str, body: str) -> dict[str, str]:
    """Return the parameters of query and form body; refuses one that is sent twice."""
    pairs = parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True)
    values = dict(pairs)
    if len(values) != len(pairs):
        raise Refusal(-1101, "Duplicate values for a parameter detected.")
    return values


def json_answer(status: int, content: Any) -> web.Response:
    """Return content as JSON."""
    return web.Response(status=status, body=msgspec.json.encode(content), content_type="application/json")
