"""Compare an account with the exchange and take over the exchange's facts, then let it trade.

It runs at every start and after every break of the account's stream: orders, then
their trades, then their ends, then balances. Each step asks first and books then,
so that whatever the stream brings meanwhile is counted once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from trading.engine.account_states import AccountStates
from trading.engine.balances import Balances
from trading.engine.doubts import UNSETTLED, trades_from_ms
from trading.engine.exposure import Exposure
from trading.engine.journal import Journal
from trading.engine.ledger import Ledger, LiveOrder, report_of_trade
from trading.engine.market import LastQuote
from trading.records import OrderAdopted
from trading.types import CLIENT_ID_PREFIX
from venues.base import FillSnapshot, OrderReport, OrderSnapshot, Rejected, ReportKind, Side, Venue

log = logging.getLogger(__name__)

NS_PER_MS = 1_000_000
#: Trades are asked for from so long before the account was last in step; double ones are recognised.
TRADES_OVERLAP_MS = 60_000

#: What the exchange calls an order that is over.
ENDS = {
    "CANCELED": ReportKind.CANCELED,
    "REJECTED": ReportKind.REJECTED,
    "EXPIRED": ReportKind.EXPIRED,
    "EXPIRED_IN_MATCH": ReportKind.EXPIRED,
}
OPEN_STATUSES = frozenset({"NEW", "PENDING_NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "FILLED"})


class Reconciliation:
    """Brings one account at a time in step with the exchange."""

    def __init__(
        self,
        *,
        venue: Venue,
        ledger: Ledger,
        journal: Journal,
        exposure: Exposure,
        balances: Balances,
        states: AccountStates,
        quotes: dict[int, LastQuote],
        clock: Callable[[], int],
        report: Callable[[OrderReport, int], None],
        doubt: Callable[[LiveOrder, int], None],
    ) -> None:
        self._venue = venue
        self._ledger = ledger
        self._journal = journal
        self._exposure = exposure
        self._balances = balances
        self._states = states
        self._quotes = quotes
        self._clock = clock
        self._report = report
        self._doubt = doubt

    async def reconcile(self, account: int) -> None:
        """Bring the account in step. Raises VenueError when the exchange does not answer."""
        asked_ns = self._clock()
        known_ns = self._states.in_step_ns(account)
        known = self._ledger.open_orders(account)
        opened = await self._venue.open_orders(account)
        for snapshot in opened:
            self._take_up(snapshot)
        ended = await self._ask_missing(known, opened)
        since_ms = self._venue.now_ms(known_ns) - TRADES_OVERLAP_MS if known_ns else None
        adopted = self._ledger.open_orders(account)
        held_back = False
        for instrument in self._instruments_to_ask(account, [*known, *adopted]):
            since = self._trades_from(account, instrument, since_ms)
            if since is not None:
                held_back |= await self.fetch_trades(account, instrument, since)
        for snapshot in [*opened, *ended]:
            self._book_snapshot(snapshot)
        drifted = await self._balances.compare(account, known=bool(known_ns))
        if drifted and since_ms is not None:
            for instrument in self._instruments_of_assets(drifted):
                held_back |= await self.fetch_trades(account, instrument, since_ms)
            await self._balances.compare(account, known=True)
        self._balances.take_over(account, known=bool(known_ns), now_ns=self._clock())
        if not held_back:
            self._states.note_in_step(account, asked_ns)

    async def settle(self, order: LiveOrder, snapshot: OrderSnapshot) -> None:
        """Take over what the venue says of one order, with its trades first. Raises VenueError."""
        self._acknowledge(snapshot)
        if snapshot.filled_lots > order.filled_lots:
            await self.fetch_owed(order)
        self._book_snapshot(snapshot)

    async def fetch_owed(self, order: LiveOrder) -> None:
        """Count the trades that the venue has and we have not heard of. Raises VenueError."""
        since_ms = trades_from_ms(order, self._venue.now_ms(self._clock()))
        await self.fetch_trades(order.account, order.instrument, since_ms)

    async def fetch_trades(self, account: int, instrument: int, since_ms: int) -> bool:
        """Count the account's trades since the time; return whether one had to wait for its order."""
        held_back = False
        # What was traded before the account was first ready is in its balances, and in no position of ours.
        born_ns = self._venue.now_ms(self._states.born_ns.get(account, self._clock())) * NS_PER_MS
        trades = await self._venue.fills_since(account, self._ledger.instruments[instrument], since_ms)
        for trade in trades:
            if self._ledger.was_counted(account, instrument, trade.trade_id):
                continue
            order = self._ledger.by_venue_id.get((account, instrument, trade.venue_order_id))
            if order is not None:
                self._report(report_of_trade(trade, order.client_order_id), self._clock())
            elif self._may_be_doubtful(trade, instrument):
                held_back = True
            elif trade.event_ns >= born_ns:
                self._count_foreign(trade)
        return held_back

    def _take_up(self, snapshot: OrderSnapshot) -> None:
        """Match an order that the venue lists as open with ours, or adopt it."""
        order = self._ledger.find(snapshot.account, snapshot.client_order_id)
        if order is None:
            self.adopt(snapshot)
        elif order.terminal:
            log.warning("order %s is over for us and open at the venue", snapshot.client_order_id)
        self._acknowledge(snapshot)

    def _acknowledge(self, snapshot: OrderSnapshot) -> None:
        if snapshot.status != "REJECTED":
            self._report(acknowledged(snapshot), self._clock())

    def adopt(self, snapshot: OrderSnapshot) -> LiveOrder:
        """Take an order that we did not know into the books; it counts in the exposure from now on."""
        owner = self._ledger.accounts[snapshot.account]
        slot = self._ledger.slots[snapshot.symbol]
        ours = snapshot.client_order_id.startswith(CLIENT_ID_PREFIX) and (
            snapshot.client_order_id not in self._ledger.orders
        )
        record = OrderAdopted(
            client_order_id=snapshot.client_order_id,
            tenant_id=owner.tenant_id,
            account_id=owner.id,
            account=snapshot.account,
            instrument=slot,
            instrument_version=self._ledger.instruments[slot].version,
            strategy=0,
            side=snapshot.side,
            type=snapshot.type,
            tif=snapshot.tif,
            price_ticks=snapshot.price_ticks,
            quantity_lots=snapshot.quantity_lots,
            reserved_ticks=snapshot.price_ticks or self._price_now(slot, snapshot.side),
            venue_order_id=snapshot.venue_order_id,
            ours=ours,
        )
        log.warning("account %s: order %s is adopted", owner.name, snapshot.client_order_id)
        self._journal.note((record,), self._clock())
        order = self._ledger.open_adopted(record)
        self._exposure.settle(order)
        return order

    async def _ask_missing(
        self, known: Iterable[LiveOrder], opened: Iterable[OrderSnapshot]
    ) -> list[OrderSnapshot]:
        """Ask for each order that we held open and the venue did not list."""
        listed = {snapshot.client_order_id for snapshot in opened}
        found: list[OrderSnapshot] = []
        for order in known:
            if order.terminal or order.client_order_id in listed:
                continue
            instrument = self._ledger.instruments[order.instrument]
            try:
                snapshot = await self._venue.query_order(order.account, instrument, order.client_order_id)
            except Rejected as error:
                # One order that the exchange does not talk about must not keep the account closed.
                log.error("order %s: %s", order.client_order_id, error.text)
                snapshot = None
            if snapshot is not None:
                found.append(snapshot)
                self._acknowledge(snapshot)
            else:
                # Not proof of anything yet: it is asked for again and again.
                self._doubt(order, self._clock())
        return found

    def _book_snapshot(self, snapshot: OrderSnapshot) -> None:
        """Book where the venue says that the order stands; its trades have been counted."""
        order = self._ledger.find(snapshot.account, snapshot.client_order_id)
        if order is None:
            return
        kind = ENDS.get(snapshot.status)
        if kind is None and snapshot.status not in OPEN_STATUSES:
            log.error("order %s has the unknown status %s", snapshot.client_order_id, snapshot.status)
            return
        if kind is not None:
            self._report(told_by(snapshot, kind), self._clock())

    def _count_foreign(self, trade: FillSnapshot) -> None:
        """Count a trade of an order that nobody here placed."""
        change = self._ledger.apply_fill(None, trade.side, report_of_trade(trade, ""))
        self._journal.note(change.records, self._clock())
        if change.trade is not None:
            self._exposure.take(change.trade)

    def _may_be_doubtful(self, trade: FillSnapshot, instrument: int) -> bool:
        """Return whether the trade may belong to an order of ours whose venue id we never learnt."""
        return any(
            order.state in UNSETTLED
            and not order.venue_order_id
            and order.instrument == instrument
            and order.side is trade.side
            for order in self._ledger.open_orders(trade.account)
        )

    def _instruments_to_ask(self, account: int, orders: Iterable[LiveOrder]) -> list[int]:
        """Return the instruments in which the account has had to do with us."""
        held = {key[1] for key in self._ledger.holdings if key[0] == account}
        slots = held | {order.instrument for order in orders}
        return sorted(slots & self._ledger.instruments.keys())

    def _instruments_of_assets(self, assets: Iterable[str]) -> list[int]:
        wanted = set(assets)
        return [
            slot
            for slot, worth in self._ledger.worth.items()
            if worth.base in wanted or worth.quote in wanted
        ]

    def _trades_from(self, account: int, instrument: int, since_ms: int | None) -> int | None:
        """Return from when the trades must be asked for, None when there can be none of ours."""
        now_ms = self._venue.now_ms(self._clock())
        starts = [
            trades_from_ms(order, now_ms)
            for order in self._ledger.open_orders(account)
            if order.instrument == instrument and (order.owed_lots or order.state in UNSETTLED)
        ]
        if since_ms is not None:
            starts.append(since_ms)
        return min(starts, default=None)

    def _price_now(self, instrument: int, side: Side) -> int:
        quote = self._quotes[instrument]
        return max(1, quote.ask_ticks if side is Side.BUY else quote.bid_ticks)


def acknowledged(snapshot: OrderSnapshot) -> OrderReport:
    """Return what a snapshot proves whatever its status: the order exists, and what was filled."""
    return told_by(snapshot, ReportKind.ACK)


def told_by(snapshot: OrderSnapshot, kind: ReportKind) -> OrderReport:
    """Return the snapshot as a report of this kind."""
    return OrderReport(
        kind=kind,
        account=snapshot.account,
        symbol=snapshot.symbol,
        client_order_id=snapshot.client_order_id,
        venue_order_id=snapshot.venue_order_id,
        filled_lots=snapshot.filled_lots,
        event_ns=snapshot.updated_ns,
        text="found when asked",
    )
