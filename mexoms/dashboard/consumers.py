"""The live socket: one browser's picture of its desk, kept up to date and within bounds."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError

from mexoms.dashboard import selectors
from mexoms.dashboard.frames import Outbox
from mexoms.dashboard.live_feed import BEAT, MARKET_GROUP, LiveFeed, Message
from trading.live import group_of

log = logging.getLogger(__name__)

#: At most ten frames a second go to one browser.
FRAME_INTERVAL_S = 0.1
#: Between two snapshots of one browser, and after a failed one.
SNAPSHOT_INTERVAL_S = 1.0
#: How often the session and the membership are looked at again.
RECHECK_INTERVAL_S = 50.0
#: How long a kill switch that was not set on a page may stay unseen on it.
SWITCH_INTERVAL_S = 5.0
#: Snapshots and checks that this process reads at once; the others wait their turn.
DATABASE_THREADS_MAX = 4
MESSAGE_BYTES_MAX = 256

SIGNED_OUT = 4401
WRONG_ORIGIN = 4403
NONSENSE = 4400
FAILED = 1011

_threads = ThreadPoolExecutor(DATABASE_THREADS_MAX, thread_name_prefix="dashboard")


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels brings no types
    """Sends frames `{seq, type, topic, data}`; understands `{"type": "resync"}` and nothing else.

    The socket stays while Redis or Postgres are away. Silence tells the page
    that its picture is stale; a snapshot follows by itself on return.
    """

    # A channel of its own would tie the socket's life to Redis; the process's feeds listen instead.
    channel_layer_alias = ""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox()
        self.wake = asyncio.Event()
        self.tenant_id: UUID | None = None
        self.feeds: list[LiveFeed] = []
        self.market_feed: LiveFeed | None = None
        self.tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the socket and leave nothing behind, however it ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._leave()

    async def connect(self) -> None:
        """Let in people of a tenant who come from our own pages."""
        if not is_same_origin(self.scope):
            await self.close(WRONG_ORIGIN)
            return
        self.tenant_id = await in_thread(selectors.tenant_of_session, self._session_key())
        if self.tenant_id is None:
            await self.close(SIGNED_OUT)
            return
        await self.accept()
        self.market_feed = LiveFeed.add(self, MARKET_GROUP)
        self.feeds = [self.market_feed, LiveFeed.add(self, group_of(self.tenant_id))]
        self.tasks = [
            asyncio.create_task(work()) for work in (self._push, self._watch_switches, self._recheck)
        ]
        for task in self.tasks:
            task.add_done_callback(self._task_ended)
        self.wake.set()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer a resync with a snapshot; close on anything else."""
        if not is_resync(text_data):
            await self.close(NONSENSE)
            return
        self.outbox.want_snapshot()
        self.wake.set()

    def hear(self, message: Message) -> None:
        """Note what the feeds say for the next frame."""
        if message["type"] == "live.rows":
            self.outbox.add_rows(message["rows"])
        elif message["type"] == "live.market":
            self.outbox.add_market(market_row(message))
        elif message == BEAT:
            self.outbox.beat = True
        self.wake.set()

    def returned(self) -> None:
        """Begin anew: messages may have been missed while Redis was away."""
        self.outbox.want_snapshot()
        self.wake.set()

    async def _push(self) -> None:
        """Send what is pending, one frame at a time; a slow browser holds up only itself."""
        while True:
            await self.wake.wait()
            if self.outbox.wants_snapshot:
                await self._send_snapshot()
            elif frame := self.outbox.next_delta():
                await self.send(text_data=frame)
            if not self.outbox.waiting:
                self.wake.clear()
            await asyncio.sleep(FRAME_INTERVAL_S)

    async def _send_snapshot(self) -> None:
        """Read and send the whole desk; while Postgres is away the browser waits, marked stale."""
        assert self.tenant_id is not None
        assert self.market_feed is not None
        self.outbox.begin_snapshot()
        try:
            desk = await in_thread(selectors.desk_rows, self.tenant_id)
        except DatabaseError as error:
            log.warning("no snapshot for a dashboard: %s", error)
            self.outbox.want_snapshot()
        else:
            market = {symbol: market_row(last) for symbol, last in self.market_feed.last.items()}
            for frame in self.outbox.snapshot_frames(desk, market):
                await self.send(text_data=frame)
        await asyncio.sleep(SNAPSHOT_INTERVAL_S)

    async def _watch_switches(self) -> None:
        """Look for kill switches set by whom it may be: they come from risk, not through the journal."""
        assert self.tenant_id is not None
        known: list[Message] = []
        while True:
            await asyncio.sleep(SWITCH_INTERVAL_S)
            try:
                switches = await in_thread(selectors.kill_switches, self.tenant_id)
            except DatabaseError as error:
                log.warning("a dashboard's kill switches wait to be read: %s", error)
                continue
            if switches != known:
                known = switches
                self.outbox.add_rows({"kill_switches": switches})
                self.wake.set()

    async def _recheck(self) -> None:
        """Close when the session has ended or the person has left the tenant.

        While Postgres is away nobody can be revoked either, and dashboards must
        not go dark with it: the question waits.
        """
        while True:
            await asyncio.sleep(RECHECK_INTERVAL_S)
            try:
                tenant_id = await in_thread(selectors.tenant_of_session, self._session_key())
            except DatabaseError as error:
                log.warning("a dashboard's session waits to be checked: %s", error)
                continue
            if tenant_id != self.tenant_id:
                await self.close(SIGNED_OUT)
                return

    def _session_key(self) -> str:
        return str(self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, ""))

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """Let the unexpected be seen, and end the socket with it: the page makes a new one."""
        if task.cancelled() or not (error := task.exception()):
            return
        # A browser that has gone is no failure.
        if not isinstance(error, OSError):
            log.error("a dashboard's socket failed", exc_info=error)
            self.tasks.append(asyncio.create_task(self.close(FAILED)))

    async def _leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        for feed in self.feeds:
            await feed.remove(self)


def is_same_origin(scope: Any) -> bool:
    """Return whether the browser's page came from the host that it now talks to.

    Cookies go along from any page; this is what keeps other sites from listening in.
    """
    headers = dict(scope["headers"])
    origin = urlsplit(headers.get(b"origin", b"").decode("latin-1"))
    return bool(origin.netloc) and origin.netloc == headers.get(b"host", b"").decode("latin-1")


def is_resync(text: str | None) -> bool:
    """Return whether the browser asks for a snapshot, the one thing that it may ask for."""
    if text is None or len(text) > MESSAGE_BYTES_MAX:
        return False
    try:
        return bool(json.loads(text) == {"type": "resync"})
    except ValueError:
        return False


def market_row(message: Message) -> Message:
    """Return a market message as the browser gets it."""
    return {name: value for name, value in message.items() if name != "type"}


async def in_thread(read: Callable[..., Any], *arguments: Any) -> Any:
    """Read the database outside the event loop, in one of the dashboards' own threads."""
    return await database_sync_to_async(read, thread_sensitive=False, executor=_threads)(*arguments)
