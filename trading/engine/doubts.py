"""Orders of which nobody knows what became: asked for until the exchange tells, never resent.

An order may be presumed dead only behind the fence. Until then the exchange may
still execute the request, however long it was silent; so its reservation stays.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from trading.engine.ledger import Ledger, LiveOrder
from trading.engine.order_path import answer
from trading.types import OrderState
from venues.base import OrderReport, OrderSnapshot, ReportKind, Venue, VenueError

if TYPE_CHECKING:
    from trading.engine.background import Background

log = logging.getLogger(__name__)

#: When to ask after the doubt arose; the last pause repeats.
ASK_PAUSES_MS = (250, 1_000, 2_000, 4_000, 8_000)
#: Behind recvWindow: the exchange works on a request for 10 s at most, and clocks may differ by 1 s.
FENCE_MS = 11_000
#: A trade that is older than the order's signature by more than clocks may differ is not the order's.
SKEW_MS = 1_000
#: How often behind the fence the exchange must say "no such order", and how far apart.
NOT_FOUND_MIN = 3
NOT_FOUND_PAUSE_MS = 5_000
#: Questions under way at once; the rest wait for the next tick.
QUESTIONS_MAX = 10
#: How long before its signature an order's trades are looked for, for clocks that differ.
TRADES_MARGIN_MS = 60_000
#: How far back the trades of an order that we did not sign are looked for.
ADOPTED_TRADES_MS = 7 * 24 * 60 * 60 * 1000
NS_PER_MS = 1_000_000
#: Doubtful while the exchange has not answered the order itself.
UNSETTLED = (OrderState.PENDING, OrderState.SENDING, OrderState.UNKNOWN)


class Doubt(msgspec.Struct):
    """What has been asked about one order. `vanished`: it was accepted, and the venue denies it now."""

    order: LiveOrder
    ask_at_ns: int
    vanished: bool = False
    asked: int = 0
    not_found: int = 0
    asking: bool = False


class Settle(Protocol):
    """Takes over what the venue said of an order."""

    def __call__(self, order: LiveOrder, snapshot: OrderSnapshot) -> Awaitable[None]:
        """Fetch the order's trades and book its end."""


class Doubts:
    """Asks about each doubtful order, with growing pauses, until it is settled."""

    def __init__(
        self,
        *,
        venue: Venue,
        ledger: Ledger,
        background: Background,
        clock: Callable[[], int],
        report: Callable[[OrderReport, int], None],
        settle: Settle,
    ) -> None:
        self._venue = venue
        self._ledger = ledger
        self._background = background
        self._clock = clock
        self._report = report
        self._settle = settle
        self.open: dict[tuple[int, str], Doubt] = {}

    def add(self, order: LiveOrder, now_ns: int) -> None:
        """Begin to ask about the order."""
        key = (order.account, order.client_order_id)
        if key not in self.open:
            self.open[key] = Doubt(order, now_ns + ASK_PAUSES_MS[0] * NS_PER_MS)

    def add_vanished(self, order: LiveOrder, now_ns: int) -> None:
        """Begin to ask about an order that the venue should know and does not."""
        self.add(order, now_ns)
        self.open[order.account, order.client_order_id].vanished = order.state not in UNSETTLED

    def on_timer(self, now_ns: int) -> None:
        """Ask what is due; forget what has been settled by the stream meanwhile."""
        asking = sum(doubt.asking for doubt in self.open.values())
        for key, doubt in list(self.open.items()):
            if doubt.asking:
                continue
            if not is_doubtful(doubt):
                del self.open[key]
            elif now_ns >= doubt.ask_at_ns and asking < QUESTIONS_MAX:
                asking += 1
                doubt.asking = True
                self._background.spawn(self._ask(doubt), f"doubt {doubt.order.client_order_id}")

    async def _ask(self, doubt: Doubt) -> None:
        """Put the question once and draw the consequence."""
        order = doubt.order
        instrument = self._ledger.instruments[order.instrument]
        doubt.asked += 1
        pause_ms = ASK_PAUSES_MS[min(doubt.asked, len(ASK_PAUSES_MS) - 1)]
        try:
            # What counts is when the question was put: the answer is no younger than that.
            behind_fence = self._venue.now_ms(self._clock()) > fence_ms(order)
            snapshot = await self._venue.query_order(order.account, instrument, order.client_order_id)
            if snapshot is not None:
                await self._settle(order, snapshot)
                self._end_cancel(order)
                doubt.vanished = False
            elif behind_fence:
                doubt.not_found += 1
                pause_ms = NOT_FOUND_PAUSE_MS
                if doubt.not_found >= NOT_FOUND_MIN and await self._left_no_trace(order):
                    self._presume_dead(order)
        except VenueError as error:
            log.warning("order %s: the question failed: %s", order.client_order_id, error.text)
        doubt.ask_at_ns = self._clock() + pause_ms * NS_PER_MS
        doubt.asking = False

    async def _left_no_trace(self, order: LiveOrder) -> bool:
        """Return whether neither open orders nor trades show anything that could be this order."""
        for snapshot in await self._venue.open_orders(order.account):
            if snapshot.client_order_id == order.client_order_id:
                return False
        instrument = self._ledger.instruments[order.instrument]
        since_ms = trades_from_ms(order, self._venue.now_ms(self._clock()))
        trades = await self._venue.fills_since(order.account, instrument, since_ms)
        return all(
            self._ledger.was_counted(order.account, order.instrument, trade.trade_id)
            for trade in trades
            if trade.side is order.side and trade.event_ns >= (order.signed_at_ms - SKEW_MS) * NS_PER_MS
        )

    def _presume_dead(self, order: LiveOrder) -> None:
        """Release the reservation; the order is kept, and a late event is counted and cried out."""
        if order.terminal:
            return
        log.error("order %s is presumed dead: the exchange does not know it", order.client_order_id)
        kind = ReportKind.NOT_SENT if order.state in UNSETTLED else ReportKind.EXPIRED
        text = f"presumed dead: {NOT_FOUND_MIN} times not found behind the fence, no trade"
        instrument = self._ledger.instruments[order.instrument]
        self._report(answer(order, instrument, kind, text), self._clock())

    def _end_cancel(self, order: LiveOrder) -> None:
        """A cancel that left the order open may be tried again."""
        if order.canceling and not order.terminal:
            instrument = self._ledger.instruments[order.instrument]
            text = "the exchange still has the order"
            self._report(answer(order, instrument, ReportKind.CANCEL_REJECTED, text), self._clock())


def is_doubtful(doubt: Doubt) -> bool:
    """Return whether the order, or a cancel of it, is still without an answer."""
    order = doubt.order
    return order.state in UNSETTLED or (not order.terminal and (order.canceling or doubt.vanished))


def fence_ms(order: LiveOrder) -> int:
    """Return the exchange's time after which the request cannot be executed any more."""
    return order.signed_at_ms + order.recv_window_ms + FENCE_MS


def trades_from_ms(order: LiveOrder, now_ms: int) -> int:
    """Return the earliest time at which the order can have traded, in the exchange's time."""
    return order.signed_at_ms - TRADES_MARGIN_MS if order.signed_at_ms else now_ms - ADOPTED_TRADES_MS
