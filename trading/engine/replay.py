"""Make the ledger again from the journal: every start is a recovery, by the ledger's own code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from trading import records
from trading.engine.checkpoint import Memory, restore_checkpoint
from trading.engine.journal import Entry, JournalReader, Position
from trading.engine.ledger import Ledger
from trading.types import Decision, OrderState
from venues.base import Balance, OrderReport, ReportKind

log = logging.getLogger(__name__)

#: Records read at once.
BATCH_RECORDS = 5_000
READY = "ready"


def replay(reader: JournalReader, ledger: Ledger, *, whole: bool = False) -> Memory:
    """Fill an empty ledger: the newest checkpoint, and every record since. Raises JournalCorrupt.

    `whole` passes over checkpoints and replays everything.
    """
    found = None if whole else restore_checkpoint(reader.directory, ledger)
    start, memory = (Position(found[0]), found[1]) if found else (Position(), Memory())
    memory.records = 0
    replayed = Replay(ledger, memory)
    for entry in entries_of(reader, start):
        replayed.apply(entry)
    return memory


def entries_of(reader: JournalReader, start: Position | None = None) -> Iterator[Entry]:
    """Yield every record from the position on, or from the beginning."""
    position = start or Position()
    while batch := reader.read(position, BATCH_RECORDS):
        yield from batch
        position = batch[-1].next


class Replay:
    """Applies records one by one; what belongs to no account or instrument of the desk is passed over."""

    def __init__(self, ledger: Ledger, memory: Memory) -> None:
        self.ledger = ledger
        self.memory = memory

    def apply(self, entry: Entry) -> None:
        """Apply one record."""
        memory = self.memory
        if isinstance(entry.record, records.EngineStarted):
            self._break_off()
        memory.ended_ns = entry.time_ns
        memory.records += 1
        memory.clean = isinstance(entry.record, records.EngineStopped)
        handler = HANDLERS.get(type(entry.record))
        if handler is not None:
            handler(self, entry.record)

    def on_sending(self, record: records.OrderSending) -> None:
        """Take up the order as it was sent."""
        if self._concerns(record):
            self.ledger.open_sending(record)
            self._note_command(record, Decision(client_order_id=record.client_order_id))

    def on_refused(self, record: records.OrderRefused) -> None:
        """Remember the command that was refused."""
        decision = Decision(client_order_id=record.client_order_id, code=record.code, text=record.text)
        self._note_command(record, decision)

    def on_adopted(self, record: records.OrderAdopted) -> None:
        """Take up the order as it was adopted."""
        if self._concerns(record):
            self.ledger.open_adopted(record)

    def on_reported(self, record: records.OrderReported) -> None:
        """Apply the report; the journal's word on the outcome is final."""
        report = record.report
        order = self.ledger.find(report.account, report.client_order_id)
        if order is None:
            return
        if report.kind is ReportKind.FILL:
            self.ledger.note_cumulative(order, report)
        else:
            self.ledger.apply(order, report)
        self.memory.unreported.discard((order.account, order.client_order_id))
        if (order.state, order.filled_lots) != (record.state_after, record.filled_lots_after):
            self._differ(f"order {order.client_order_id}", (order.state, order.filled_lots), record)
            order.state, order.filled_lots = OrderState(record.state_after), record.filled_lots_after
            self.ledger.note_cumulative(order, report)

    def on_fill(self, record: records.FillApplied) -> None:
        """Count the trade, once."""
        if not self._concerns(record):
            return
        order = self.ledger.find(record.account, record.client_order_id) if record.client_order_id else None
        symbol = self.ledger.instruments[record.instrument].symbol
        self.ledger.apply_fill(order, record.side, report_of(record, symbol))
        if order is not None:
            self.memory.unreported.add((order.account, order.client_order_id))
        holding = self.ledger.holdings[record.account, record.instrument]
        after = (record.position_lots_after, record.cost_units_after, record.realised_units_after)
        if (holding.lots, holding.cost_units, holding.realised_units) != after:
            self._differ(f"position after trade {record.trade_id}", holding, after)
            holding.lots, holding.cost_units, holding.realised_units = after

    def on_balance(self, record: records.BalanceChanged) -> None:
        """Set the balance."""
        if record.account in self.ledger.accounts:
            free = record.total_units_after - record.locked_units_after
            balance = Balance(record.asset, free, record.locked_units_after)
            self.ledger.set_balance(record.account, balance, record.cause)

    def on_cancel(self, record: records.CancelSending) -> None:
        """Note that a cancel was about to be sent."""
        order = self.ledger.find(record.account, record.client_order_id)
        order = order or self.ledger.orders.get(record.client_order_id)
        if order is not None and not order.terminal:
            order.canceling = True

    def on_command(self, record: records.CommandHandled) -> None:
        """Remember the answer."""
        self.memory.unanswered.pop(record.command_id, None)
        self.memory.answered[record.command_id] = Decision(
            client_order_id=record.client_order_id, code=record.code, text=record.text
        )

    def on_account_state(self, record: records.AccountStateChanged) -> None:
        """Follow when the account was last in step with the exchange."""
        if record.state == READY:
            self.memory.ready.add(record.account)
            self.memory.born_ns.setdefault(record.account, self.memory.ended_ns)
        elif record.account in self.memory.ready:
            self.memory.ready.discard(record.account)
            self.memory.in_step_ns[record.account] = self.memory.ended_ns

    def _break_off(self) -> None:
        """An engine started: whatever the one before was doing ended with its last record."""
        memory = self.memory
        for account in memory.ready:
            memory.in_step_ns[account] = memory.ended_ns
        memory.ready.clear()
        for order in self.ledger.open_orders():
            order.canceling = False

    def _concerns(self, record: records.OrderSending | records.OrderAdopted | records.FillApplied) -> bool:
        return record.account in self.ledger.accounts and record.instrument in self.ledger.instruments

    def _note_command(self, record: records.OrderSending | records.OrderRefused, decision: Decision) -> None:
        if record.command_id:
            self.memory.answered[record.command_id] = decision
            self.memory.unanswered[record.command_id] = (record.tenant_id, decision)

    def _differ(self, what: str, ours: object, journalled: object) -> None:
        self.memory.differences += 1
        log.error("replay of %s gives %s, the journal says %s", what, ours, journalled)


HANDLERS: dict[type, Callable[[Replay, Any], None]] = {
    records.OrderSending: Replay.on_sending,
    records.OrderRefused: Replay.on_refused,
    records.OrderAdopted: Replay.on_adopted,
    records.OrderReported: Replay.on_reported,
    records.FillApplied: Replay.on_fill,
    records.BalanceChanged: Replay.on_balance,
    records.CancelSending: Replay.on_cancel,
    records.CommandHandled: Replay.on_command,
    records.AccountStateChanged: Replay.on_account_state,
}


def report_of(record: records.FillApplied, symbol: str) -> OrderReport:
    """Return the report that brought the trade."""
    return OrderReport(
        kind=ReportKind.FILL,
        account=record.account,
        symbol=symbol,
        client_order_id=record.client_order_id,
        venue_order_id=record.venue_order_id,
        trade_id=record.trade_id,
        fill_lots=record.lots,
        fill_price_ticks=record.price_ticks,
        fee_units=record.fee_units,
        fee_asset=record.fee_asset,
        maker=record.maker,
        event_ns=record.event_ns,
    )
