"""This process's one subscription to a live group, shared by all of its browsers.

Every message is received and decoded once per process, however many browsers
watch. A feed also sends itself a beat through Redis: while beats come back,
quiet means that nothing happened; when they stay away, messages may have been
missed, so the browsers are told to begin with a fresh snapshot on return.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, ClassVar, Protocol

from channels.layers import get_channel_layer

from trading.broadcast import LAYER_TIMEOUT_S, attempt

log = logging.getLogger(__name__)
# While Redis is away the layer would print a traceback every second; the feed says it once.
logging.getLogger("channels_redis.pubsub").setLevel(logging.CRITICAL)

Message = dict[str, Any]

MARKET_GROUP = "live.market"
MARKET_SYMBOLS_MAX = 500
BEAT = {"type": "live.beat"}
BEAT_INTERVAL_S = 1.0
#: Beats in a row that may fail to come back before the feed counts as away …
BEATS_MISSED_MAX = 2
#: … and before the subscription counts as forgotten and is made anew.
BEATS_FORGOTTEN_MAX = 5


class Listener(Protocol):
    """A browser's end of the feed. Both methods return at once."""

    def hear(self, message: Message) -> None:
        """Take a message of the group, or a beat."""

    def returned(self) -> None:
        """Learn that messages may have been missed and that the feed is whole again."""


class LiveFeed:
    """One group's subscription: begins with the first listener, ends with the last, survives Redis.

    A feed has a channel of its own, since a message does not say of which group
    it is: tenants never share a feed.
    """

    _running: ClassVar[dict[tuple[asyncio.AbstractEventLoop, str], LiveFeed]] = {}

    def __init__(self, group: str) -> None:
        layer = get_channel_layer()
        assert layer is not None, "settings name a channel layer"
        self.layer = layer
        self.group = group
        self.channel = ""
        self.listeners: set[Listener] = set()
        #: The last market message of each symbol, for browsers that come between two.
        self.last: dict[str, Message] = {}
        self.away = False
        self.beats_missed = 0
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def add(cls, listener: Listener, group: str) -> LiveFeed:
        """Let the listener hear the group from now on; while Redis is away, from its return on."""
        key = (asyncio.get_running_loop(), group)
        feed = cls._running.get(key)
        if feed is None:
            feed = cls._running[key] = cls(group)
            feed._tasks = [asyncio.create_task(feed._receive()), asyncio.create_task(feed._beat())]
        feed.listeners.add(listener)
        return feed

    async def remove(self, listener: Listener) -> None:
        """Stop the listener's messages; the last one ends the subscription."""
        self.listeners.discard(listener)
        key = (asyncio.get_running_loop(), self.group)
        if self.listeners or self._running.get(key) is not self:
            return
        # Whoever comes while this one ends begins a feed of his own.
        del self._running[key]
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=LAYER_TIMEOUT_S)
        await self._leave()

    async def _receive(self) -> None:
        """Hand on every message of the group. An open channel is a queue of this process and cannot fail."""
        while True:
            if not self.channel:
                await self._join()
                continue
            self._hand_on(await self.layer.receive(self.channel))

    async def _join(self) -> None:
        """Open a channel and join the group, or leave it to the next try a beat later."""
        if not await attempt(self._subscribe()):
            self.channel = ""
            await asyncio.sleep(BEAT_INTERVAL_S)

    async def _subscribe(self) -> None:
        channel = await self.layer.new_channel()
        await self.layer.group_add(self.group, channel)
        self.channel = channel

    async def _leave(self) -> None:
        if self.channel:
            await attempt(self.layer.group_discard(self.group, self.channel))
        self.channel = ""

    async def _beat(self) -> None:
        """Send the group a beat every second and count those that do not come back."""
        while True:
            self.beats_missed += 1
            if self.beats_missed > BEATS_MISSED_MAX and not self.away:
                log.warning("live feed %s is away: beats do not come back", self.group)
                self.away = True
            sent = await attempt(self.layer.group_send(self.group, BEAT))
            await asyncio.sleep(BEAT_INTERVAL_S)
            if sent and self.beats_missed > BEATS_FORGOTTEN_MAX:
                await self._start_anew()

    async def _start_anew(self) -> None:
        """Replace a subscription that Redis forgot: it takes messages, yet none reaches us."""
        log.warning("live feed %s subscribes anew", self.group)
        receiving, beating = self._tasks
        receiving.cancel()
        await asyncio.wait([receiving], timeout=LAYER_TIMEOUT_S)
        await self._leave()
        self.beats_missed = BEATS_MISSED_MAX
        self._tasks = [asyncio.create_task(self._receive()), beating]

    def _hand_on(self, message: Message) -> None:
        if message == BEAT:
            self._beat_came_back()
        elif message["type"] == "live.market" and self._has_room(message["symbol"]):
            self.last[message["symbol"]] = message
        for listener in list(self.listeners):
            listener.hear(message)

    def _has_room(self, symbol: str) -> bool:
        return symbol in self.last or len(self.last) < MARKET_SYMBOLS_MAX

    def _beat_came_back(self) -> None:
        self.beats_missed = 0
        if not self.away:
            return
        self.away = False
        log.info("live feed %s is back", self.group)
        for listener in list(self.listeners):
            listener.returned()
