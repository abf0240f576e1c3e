"""Trades that the venue says happened and that never reached us: asked for until they are there."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from trading.engine.ledger import Ledger, LiveOrder
from venues.base import VenueError

if TYPE_CHECKING:
    from trading.engine.background import Background

log = logging.getLogger(__name__)

#: The stream is given this long before anybody asks, and between two questions; it doubles to the last.
ASK_FIRST_NS = 1_000_000_000
ASK_LAST_NS = 60_000_000_000
QUESTIONS_MAX = 4


class OwedTrades:
    """Follows the orders whose venue counts more than we do."""

    def __init__(
        self, *, ledger: Ledger, background: Background, fetch: Callable[[LiveOrder], Awaitable[None]]
    ) -> None:
        self._ledger = ledger
        self._background = background
        self._fetch = fetch
        self._ask_at_ns: dict[tuple[int, str], int] = {}
        self._pause_ns: dict[tuple[int, str], int] = {}
        self._asking: set[tuple[int, str]] = set()

    def on_timer(self, now_ns: int) -> None:
        """Ask for what has been owed too long."""
        if not self._ledger.owing and not self._ask_at_ns:
            return
        for key in self._ask_at_ns.keys() - self._ledger.owing.keys():
            del self._ask_at_ns[key], self._pause_ns[key]
        for key, order in self._ledger.owing.items():
            pause_ns = self._pause_ns.setdefault(key, ASK_FIRST_NS)
            due_ns = self._ask_at_ns.setdefault(key, now_ns + pause_ns)
            if due_ns > now_ns or key in self._asking or len(self._asking) >= QUESTIONS_MAX:
                continue
            self._pause_ns[key] = min(2 * pause_ns, ASK_LAST_NS)
            self._ask_at_ns[key] = now_ns + self._pause_ns[key]
            self._asking.add(key)
            self._background.spawn(self._ask(key, order), f"trades of {order.client_order_id}")

    async def _ask(self, key: tuple[int, str], order: LiveOrder) -> None:
        try:
            await self._fetch(order)
        except VenueError as error:
            log.warning("trades of %s: the question failed: %s", order.client_order_id, error.text)
        finally:
            self._asking.discard(key)
