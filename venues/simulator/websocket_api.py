"""`/ws-api/v3`: requests by id over one socket, and the user data that it subscribes to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from venues.simulator.catalogue import NONE, SIGNED, Call, Endpoint, names
from venues.simulator.dispatcher import Dispatcher, Reply, Request, refused
from venues.simulator.errors import Refusal
from venues.simulator.parameters import texts
from venues.simulator.settlement import MS_NS
from venues.simulator.signatures import websocket_payload
from venues.simulator.socket_session import SocketSession

HANDSHAKE_WEIGHT = 5
REQUESTS_PENDING_MAX = 1000


class UserStreams:
    """Which sockets hear which accounts. Events are encoded once per account."""

    def __init__(self) -> None:
        self.listeners: dict[int, dict[tuple[ApiSession, int], None]] = {}

    def add(self, account: int, session: ApiSession, number: int) -> None:
        """Let the session hear the account under its subscription number."""
        self.listeners.setdefault(account, {})[session, number] = None

    def remove(self, account: int, session: ApiSession, number: int) -> None:
        """Let the session hear the account no more."""
        self.listeners.get(account, {}).pop((session, number), None)

    def publish(self, account: int, event: dict[str, Any]) -> None:
        """Send an event to all who hear the account."""
        listeners = self.listeners.get(account)
        if not listeners:
            return
        text = msgspec.json.encode(event).decode()
        for session, number in tuple(listeners):
            session.send(f'{{"subscriptionId":{number},"event":{text}}}')

    def sessions(self, account: int | None) -> list[ApiSession]:
        """Return the sockets that hear the account, or any."""
        chosen = self.listeners.values() if account is None else [self.listeners.get(account, {})]
        return list({session: None for listeners in chosen for session, _ in listeners})


class ApiSession(SocketSession):
    """One connection of the WebSocket API."""

    def __init__(self, face: WebSocketApi, address: str, *, with_limits: bool) -> None:
        super().__init__(face.dispatcher.exchange.config.limits.frames_pending_max)
        self.face = face
        self.address = address
        self.with_limits = with_limits
        self.connected_ms = face.dispatcher.clock() // MS_NS
        self.account = -1
        self.api_key = ""
        self.logged_on_ms = 0
        self.subscriptions: dict[int, int] = {}
        self.next_subscription = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def on_text(self, text: str) -> None:
        """Serve a request in a task of its own, so that a delayed one delays no other."""
        if len(self.tasks) >= REQUESTS_PENDING_MAX:
            self.cut()
            return
        task = asyncio.create_task(self.face.serve(self, text))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def leave(self) -> None:
        """Give up all subscriptions and pending requests."""
        for number, account in self.subscriptions.items():
            self.face.user_streams.remove(account, self, number)
        self.subscriptions.clear()
        for task in self.tasks:
            task.cancel()


class WebSocketApi:
    """Serves the WebSocket API's sockets."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.user_streams = UserStreams()
        self.sessions: set[ApiSession] = set()
        self.session_methods = {one.websocket: one for one in session_endpoints()}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this face."""
        return [web.get("/ws-api/v3", self.handle), web.get("/ws-api/v3/", self.handle)]

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Serve one connection to its end."""
        address = http.remote or ""
        try:
            self.dispatcher.limits(address).charge(HANDSHAKE_WEIGHT, self.dispatcher.clock())
        except Refusal as refusal:
            return web.Response(status=refusal.status, headers={"Retry-After": str(refusal.retry_after_s)})
        session = ApiSession(self, address, with_limits=http.query.get("returnRateLimits") != "false")
        await session.prepare(http)
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
            session.leave()
        return session.socket

    async def serve(self, session: ApiSession, text: str) -> None:
        """Answer one request."""
        try:
            message = msgspec.json.decode(text, type=ApiMessage)
        except msgspec.MsgspecError:
            reply = refused(Refusal(-1135, "Invalid JSON Request"))
            session.send(self._frame(session, None, reply))
            return
        own = self.session_methods.get(message.method)
        endpoint = own or self.dispatcher.by_method.get(message.method)
        if endpoint is None:
            reply = refused(Refusal(-1000, "An unknown error occurred while processing the request."))
        else:
            reply = await self._answer(session, endpoint, message, is_own=own is not None)
        if reply.cut:
            session.cut()
        elif not reply.silent:
            session.send(self._frame(session, message, reply))

    async def _answer(
        self, session: ApiSession, endpoint: Endpoint, message: ApiMessage, *, is_own: bool
    ) -> Reply:
        values = texts(message.params)
        request = Request(
            face="websocket",
            endpoint=endpoint,
            values=values,
            payload=websocket_payload(values),
            api_key=values.get("apiKey", session.api_key),
            address=session.address,
            logged_on=session.account,
        )
        if not is_own:
            return await self.dispatcher.answer(request)
        try:
            account = self.dispatcher.admit(request)
            return Reply(
                result=SESSION_METHODS[endpoint.websocket](self, session, account, values), account=account
            )
        except Refusal as refusal:
            return refused(refusal)

    def _frame(self, session: ApiSession, message: ApiMessage | None, reply: Reply) -> str:
        frame: dict[str, Any] = {"id": message.id if message else None, "status": reply.status}
        if reply.status == 200:
            frame["result"] = reply.result
        else:
            frame["error"] = {"code": reply.code, "msg": reply.text}
            if reply.retry_after_s:
                now_ms = self.dispatcher.clock() // MS_NS
                frame["error"]["data"] = {
                    "serverTime": now_ms,
                    "retryAfter": now_ms + reply.retry_after_s * 1000,
                }
        wanted = (
            message.params.get("returnRateLimits", session.with_limits) if message else session.with_limits
        )
        if wanted:
            frame["rateLimits"] = self._rate_limits(session, reply)
        return msgspec.json.encode(frame).decode()

    def _rate_limits(self, session: ApiSession, reply: Reply) -> list[dict[str, Any]]:
        now_ns = self.dispatcher.clock()
        states = [self.dispatcher.limits(session.address).weight.state(now_ns)]
        if reply.counts_orders and reply.account >= 0:
            states = self.dispatcher.exchange.settlement.order_counts[reply.account].states(now_ns) + states
        return states


class ApiMessage(msgspec.Struct):
    """A request as it comes over the socket."""

    method: str
    id: str | int | None = None
    params: dict[str, Any] = {}


def subscribe(
    face: WebSocketApi, session: ApiSession, account: int, values: dict[str, str]
) -> dict[str, Any]:
    """Let the session hear the account from now on."""
    if account in session.subscriptions.values():
        raise Refusal(-2035, "User Data Stream subscription already active.")
    if session.next_subscription >= face.dispatcher.exchange.config.limits.subscriptions_per_connection:
        raise Refusal(-2042, "Maximum subscription ID reached for this connection.")
    number = session.next_subscription
    session.next_subscription += 1
    session.subscriptions[number] = account
    face.user_streams.add(account, session, number)
    return {"subscriptionId": number}


def unsubscribe(
    face: WebSocketApi, session: ApiSession, account: int, values: dict[str, str]
) -> dict[str, Any]:
    """End one subscription of the session, or all; the session is told through it."""
    text = values.get("subscriptionId")
    numbers = list(session.subscriptions) if text is None else [int(text)] if text.isdigit() else [-1]
    for number in numbers:
        heard = session.subscriptions.get(number)
        if heard is None:
            raise Refusal(-2036, "User Data Stream subscription not active.")
        terminate(face, session, number)
    return {}


def terminate(face: WebSocketApi, session: ApiSession, number: int) -> None:
    """End a subscription and say so with an event, as the exchange does."""
    account = session.subscriptions.pop(number)
    face.user_streams.remove(account, session, number)
    event = {"e": "eventStreamTerminated", "E": face.dispatcher.clock() // MS_NS}
    session.send(msgspec.json.encode({"subscriptionId": number, "event": event}).decode())


def subscriptions(
    face: WebSocketApi, session: ApiSession, account: int, values: dict[str, str]
) -> list[dict[str, Any]]:
    """List the session's subscriptions."""
    return [{"subscriptionId": number} for number in session.subscriptions]


def log_on(face: WebSocketApi, session: ApiSession, account: int, values: dict[str, str]) -> dict[str, Any]:
    """Let the session act for the account without further signatures; only Ed25519 keys may."""
    api_key = values.get("apiKey", "")
    if face.dispatcher.credential(api_key).public_key is None:
        raise Refusal(-4056, "HMAC_SHA256 API key is not supported.")
    session.account, session.api_key = account, api_key
    session.logged_on_ms = face.dispatcher.clock() // MS_NS
    return session_status(face, session, account, values)


def log_out(face: WebSocketApi, session: ApiSession, account: int, values: dict[str, str]) -> dict[str, Any]:
    """Let the session act for no account any more."""
    session.account, session.api_key, session.logged_on_ms = -1, "", 0
    return session_status(face, session, account, values)


def session_status(
    face: WebSocketApi, session: ApiSession, account: int, values: dict[str, str]
) -> dict[str, Any]:
    """Return for whom the session acts."""
    return {
        "apiKey": session.api_key or None,
        "authorizedSince": session.logged_on_ms or None,
        "connectedSince": session.connected_ms,
        "returnRateLimits": session.with_limits,
        "serverTime": face.dispatcher.clock() // MS_NS,
        "userDataStream": bool(session.subscriptions),
    }


SessionMethod = Callable[[WebSocketApi, ApiSession, int, dict[str, str]], Any]
SESSION_METHODS: dict[str, SessionMethod] = {
    "userDataStream.subscribe.signature": subscribe,
    "userDataStream.subscribe": subscribe,
    "userDataStream.unsubscribe": unsubscribe,
    "session.subscriptions": subscriptions,
    "session.logon": log_on,
    "session.status": session_status,
    "session.logout": log_out,
}


SIGNED_METHODS = {"userDataStream.subscribe.signature", "userDataStream.subscribe", "session.logon"}


def session_endpoints() -> list[Endpoint]:
    """Return the methods that concern the socket itself; the catalogue's handler is not used for them."""
    return [
        Endpoint(
            websocket=name,
            weight=2,
            security=SIGNED if name in SIGNED_METHODS else NONE,
            parameters=names("subscriptionId"),
            handler=_unused,
        )
        for name in SESSION_METHODS
    ]


def _unused(call: Call) -> Any:
    raise AssertionError("session methods are answered by their session")
