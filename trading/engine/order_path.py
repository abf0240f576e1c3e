"""The one way of an order: to the venue by `submit`, and back by `on_order_report`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from risk.codes import Code, Scope
from trading.engine.exposure import Exposure
from trading.engine.journal import Journal, JournalFailed
from trading.engine.ledger import Ledger, LiveOrder
from trading.engine.live_order import UNANSWERED
from trading.engine.market import LastQuote
from trading.engine.observer import Observer
from trading.engine.order_budget import OrderBudget
from trading.engine.refusals import refusal_text
from trading.records import CancelSending, OrderRefused, OrderSending
from trading.types import Account, Decision, Intent, OrderState, client_order_id
from venues.base import (
    CancelOrder,
    Instrument,
    NotSent,
    OrderReport,
    PlaceOrder,
    ReportKind,
    Unknown,
    Venue,
)

if TYPE_CHECKING:
    from risk.gate import Gate

#: How long the exchange may take to accept a request. Short, since it is what kills the late request
#: of a paused process; longer than any round trip on a healthy line.
RECV_WINDOW_MS = 2_000
#: Reports that leave a question which somebody must put to the venue.
DOUBTFUL = frozenset({ReportKind.UNKNOWN, ReportKind.CANCEL_UNKNOWN})
#: Where an order stands that the exchange took.
TAKEN = frozenset(
    {
        OrderState.OPEN,
        OrderState.PARTIALLY_FILLED,
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.EXPIRED,
    }
)


class Follow(Protocol):
    """Who follows up on what the order path cannot decide."""

    def doubt(self, order: LiveOrder, now_ns: int) -> None:
        """Nobody knows what became of the order: ask."""

    def alarm(self, account: int) -> None:
        """Something happened on the account that we had presumed impossible."""

    def stranger(self, report: OrderReport, now_ns: int) -> None:
        """An event about an order that the ledger does not know."""


def no_crash(point: str) -> None:
    """Do nothing: the default of `crash_point`, by which tests end the process at a named point."""


class OrderPath:
    """Decides what is sent, remembers it first, and books what comes back."""

    def __init__(
        self,
        *,
        shard: int,
        venue: Venue,
        gate: Gate,
        journal: Journal,
        ledger: Ledger,
        exposure: Exposure,
        budget: OrderBudget,
        quotes: dict[int, LastQuote],
        observers: Sequence[Observer],
        follow: Follow,
        crash_point: Callable[[str], None] = no_crash,
    ) -> None:
        self.shard = shard
        self.venue = venue
        self.gate = gate
        self.journal = journal
        self.ledger = ledger
        self.exposure = exposure
        self.budget = budget
        self.quotes = quotes
        self.observers = observers
        self.follow = follow
        self.crash_point = crash_point
        self.orders_named = 0

    def submit(self, intent: Intent, now_ns: int) -> Decision:
        """Check, reserve, journal and send one order; a refusal reserves nothing and says why."""
        account = self.ledger.accounts.get(intent.account)
        if account is None:
            return Decision(client_order_id="", code=Code.UNKNOWN_ACCOUNT, text="no such account here")
        instrument = self.ledger.instruments.get(intent.instrument)
        if instrument is None:
            return Decision(client_order_id="", code=Code.UNKNOWN_INSTRUMENT, text="no such instrument")
        name = self._next_name()
        if self.journal.failed:
            return self._refuse(intent, account, instrument, name, Code.JOURNAL, self.journal.failed, now_ns)
        if self.gate.check(
            account.tenant_slot, intent.account, intent.strategy, intent.instrument,
            intent.side, intent.type, intent.price_ticks, intent.quantity_lots, now_ns,
        ):  # fmt: skip
            return self._refuse_by_gate(intent, account, instrument, name, now_ns)
        self.crash_point("reserved")
        record = self._sending(intent, account, instrument, name, now_ns)
        if not self.budget.spend_order(intent.account, now_ns):
            self._release(record, account)
            text = f"no order may be sent from account {account.name} right now: the exchange's limit is near"
            return self._refuse(intent, account, instrument, name, Code.RATE_BUDGET, text, now_ns)
        try:
            self.journal.append(record, now_ns)
            self.journal.commit()
        except JournalFailed as error:
            # The record may be on disk or not, but the order never leaves: a restart will find it unknown
            # to the exchange.
            self._release(record, account)
            return Decision(client_order_id=name, code=Code.JOURNAL, text=str(error))
        self.crash_point("journalled")
        order = self.ledger.open_sending(record)
        order.reserved_lots = order.quantity_lots
        # The last look before the wire: whoever halted us since the check finds nothing sent.
        if not self.gate.may_send(account.tenant_slot, intent.account, intent.strategy):
            return self._not_sent(order, instrument, Code.KILL, "halted at the last moment", now_ns)
        try:
            self.venue.place(place_order(record, instrument))
        except NotSent as error:
            return self._not_sent(order, instrument, Code.NOT_CONNECTED, error.text, now_ns)
        except Unknown as error:
            self._book(order, answer(order, instrument, ReportKind.UNKNOWN, error.text), now_ns)
        self.crash_point("sent")
        return Decision(client_order_id=name)

    def on_order_report(self, report: OrderReport, now_ns: int) -> None:
        """Book what the venue says: ledger, journal, gate, then everyone who listens."""
        order = self.ledger.find(report.account, report.client_order_id)
        if order is None:
            self.follow.stranger(report, now_ns)
            return
        self.crash_point("report_received")
        state, canceling = order.state, order.canceling
        if not self._book(order, report, now_ns):
            return
        self.crash_point("report_booked")
        took = state in UNANSWERED and order.state in TAKEN
        took = took or (canceling and report.kind is ReportKind.CANCELED)
        self.budget.on_report(report, took=took, now_ns=now_ns)
        for observer in self.observers:
            observer.on_order(order, report, now_ns)

    def cancel(self, client_order_id: str, now_ns: int, command_id: str = "") -> Decision:
        """Cancel one of our open orders; neither the gate nor a failed journal holds it up."""
        order = self.ledger.orders.get(client_order_id)
        if order is None:
            return Decision(client_order_id=client_order_id, code=Code.UNKNOWN_ORDER, text="no such order")
        return self.cancel_order(order, now_ns, command_id)

    def cancel_order(self, order: LiveOrder, now_ns: int, command_id: str = "") -> Decision:
        """Cancel an open order, foreign ones too. Asking twice is harmless."""
        name = order.client_order_id
        instrument = self.ledger.instruments[order.instrument]
        if order.terminal:
            text = f"the order is already {order.state.name.lower()}"
            return Decision(client_order_id=name, code=Code.UNKNOWN_ORDER, text=text)
        if order.canceling:
            return Decision(client_order_id=name)
        if not self.budget.spend_cancel(now_ns):
            return Decision(client_order_id=name, code=Code.RATE_BUDGET, text="no weight left for cancels")
        sending = CancelSending(client_order_id=name, command_id=command_id, account=order.account)
        self.journal.note((sending,), now_ns)
        order.canceling = True
        try:
            self.venue.cancel(cancel_order(order, instrument, self.venue.now_ms(now_ns)))
        except NotSent as error:
            self._book(order, answer(order, instrument, ReportKind.CANCEL_REJECTED, error.text), now_ns)
            return Decision(client_order_id=name, code=Code.NOT_CONNECTED, text=error.text)
        except Unknown as error:
            self._book(order, answer(order, instrument, ReportKind.CANCEL_UNKNOWN, error.text), now_ns)
        return Decision(client_order_id=name)

    # --- what the parents above use

    def _book(self, order: LiveOrder, report: OrderReport, now_ns: int) -> bool:
        """Apply a report to ledger, journal and gate; return whether it said anything new."""
        if report.kind in DOUBTFUL:
            self.follow.doubt(order, now_ns)
        change = self.ledger.apply(order, report)
        if not change.records:
            return False
        self.journal.note(change.records, now_ns)
        if change.alarm:
            self.follow.alarm(order.account)
        if change.trade is not None:
            self.exposure.take(change.trade)
        else:
            self.exposure.settle(order)
        return True

    def _next_name(self) -> str:
        self.orders_named += 1
        return client_order_id(self.shard, self.journal.epoch, self.orders_named)

    def _sending(
        self, intent: Intent, account: Account, instrument: Instrument, name: str, now_ns: int
    ) -> OrderSending:
        quote = self.quotes[intent.instrument]
        return OrderSending(
            client_order_id=name,
            tenant_id=account.tenant_id,
            account_id=account.id,
            account=intent.account,
            instrument=intent.instrument,
            instrument_version=instrument.version,
            strategy=intent.strategy,
            side=intent.side,
            type=intent.type,
            tif=intent.tif,
            price_ticks=intent.price_ticks,
            quantity_lots=intent.quantity_lots,
            reserved_ticks=self.gate.reserved_ticks,
            signed_at_ms=self.venue.now_ms(now_ns),
            recv_window_ms=RECV_WINDOW_MS,
            command_id=intent.command_id,
            tag=intent.tag,
            arrival_bid_ticks=quote.bid_ticks,
            arrival_ask_ticks=quote.ask_ticks,
            why="the account that the order names",
        )

    def _release(self, record: OrderSending, account: Account) -> None:
        """Give back what the gate reserved for an order that was never sent."""
        self.gate.release(
            account.tenant_slot, record.account, record.strategy, record.instrument,
            record.side, record.reserved_ticks, record.quantity_lots,
        )  # fmt: skip

    def _not_sent(
        self, order: LiveOrder, instrument: Instrument, code: Code, text: str, now_ns: int
    ) -> Decision:
        self.budget.give_back_order(order.account, now_ns)
        self._book(order, answer(order, instrument, ReportKind.NOT_SENT, f"{code.label}: {text}"), now_ns)
        return Decision(client_order_id=order.client_order_id, code=code, text=f"{code.label}: {text}")

    def _refuse_by_gate(
        self, intent: Intent, account: Account, instrument: Instrument, name: str, now_ns: int
    ) -> Decision:
        """Refuse with the numbers of the gate's check."""
        numbers = self.gate.refusal()
        text = refusal_text(numbers, intent, account, instrument)
        record = msgspec.structs.replace(
            refused(intent, account, instrument, name, numbers.code, text),
            scope=numbers.scope,
            limit=numbers.limit,
            current=numbers.current,
            reserved=numbers.reserved,
            requested=numbers.requested,
            would_be=numbers.would_be,
            unit=numbers.unit,
            limits_version=numbers.limits_version,
        )
        self.journal.note((record,), now_ns)
        return Decision(client_order_id=name, code=numbers.code, text=text)

    def _refuse(
        self,
        intent: Intent,
        account: Account,
        instrument: Instrument,
        name: str,
        code: Code,
        text: str,
        now_ns: int,
    ) -> Decision:
        """Refuse for a reason that is not the gate's."""
        text = f"{code.label}: {text}"
        record = refused(intent, account, instrument, name, code, text)
        self.journal.note((record,), now_ns)
        return Decision(client_order_id=name, code=code, text=text)


def refused(
    intent: Intent, account: Account, instrument: Instrument, name: str, code: int, text: str
) -> OrderRefused:
    """Return the record of a refusal, as far as the account said no; the gate's numbers come on top."""
    return OrderRefused(
        client_order_id=name,
        tenant_id=account.tenant_id,
        account_id=account.id,
        account=intent.account,
        instrument=intent.instrument,
        instrument_version=instrument.version,
        strategy=intent.strategy,
        side=intent.side,
        type=intent.type,
        tif=intent.tif,
        price_ticks=intent.price_ticks,
        quantity_lots=intent.quantity_lots,
        code=code,
        text=text,
        scope=Scope.ACCOUNT,
        command_id=intent.command_id,
        tag=intent.tag,
    )


def place_order(record: OrderSending, instrument: Instrument) -> PlaceOrder:
    """Return the request of a journalled order."""
    return PlaceOrder(
        record.account,
        instrument,
        record.client_order_id,
        record.side,
        record.type,
        record.tif,
        record.price_ticks,
        record.quantity_lots,
        record.signed_at_ms,
        record.recv_window_ms,
    )


def cancel_order(order: LiveOrder, instrument: Instrument, signed_at_ms: int) -> CancelOrder:
    """Return the request to cancel an order."""
    return CancelOrder(order.account, instrument, order.client_order_id, signed_at_ms, RECV_WINDOW_MS)


def answer(order: LiveOrder, instrument: Instrument, kind: ReportKind, text: str) -> OrderReport:
    """Return our own report about an order, where the venue gave none."""
    return OrderReport(
        kind=kind,
        account=order.account,
        symbol=instrument.symbol,
        client_order_id=order.client_order_id,
        text=text,
    )
