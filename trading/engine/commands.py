"""Commands of people and programs, each acted on once, however often the bus brings it."""

from __future__ import annotations

from risk.codes import Code
from trading.engine.journal import Journal
from trading.engine.kill import Kill
from trading.engine.ledger import Ledger
from trading.engine.order_path import OrderPath
from trading.records import CommandHandled
from trading.types import (
    CancelAllCommand,
    CancelCommand,
    Command,
    Decision,
    Intent,
    PlaceCommand,
)

#: Commands that are remembered, well above what the bus keeps.
COMMANDS_REMEMBERED_MAX = 100_000


class Commands:
    """Acts on commands and remembers which it has acted on."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        journal: Journal,
        order_path: OrderPath,
        kill: Kill,
        answered: dict[str, Decision],
    ) -> None:
        """`answered` are the answers that the journal remembers, by command id."""
        self._ledger = ledger
        self._journal = journal
        self._order_path = order_path
        self._kill = kill
        self.answered = dict(answered)

    def handle(self, command: Command, now_ns: int) -> Decision:
        """Act on the command unless it was acted on or is too old; the answer is journalled."""
        known = self.answered.get(command.id)
        if known is not None:
            return known
        if now_ns > command.deadline_ns:
            late_ms = (now_ns - command.deadline_ns) // 1_000_000
            text = f"{Code.STALE_COMMAND.label}: {late_ms} ms past its deadline"
            decision, outcome = Decision(client_order_id="", code=Code.STALE_COMMAND, text=text), "expired"
        elif isinstance(command, PlaceCommand):
            decision = self._place(command, now_ns)
            outcome = "accepted" if decision.accepted else "refused"
        elif isinstance(command, CancelCommand):
            decision = self._cancel(command, now_ns)
            outcome = "unknown_order" if decision.code == Code.UNKNOWN_ORDER else "accepted"
            outcome = outcome if decision.accepted or outcome == "unknown_order" else "refused"
        else:
            decision, outcome = self._cancel_all(command, now_ns), "accepted"
        self.remember(command.id, decision)
        self._journal.note((handled(command.id, command.tenant_id, outcome, decision),), now_ns)
        return decision

    def remember(self, command_id: str, decision: Decision) -> None:
        """Keep the answer, and forget the oldest where there are too many."""
        self.answered[command_id] = decision
        if len(self.answered) > COMMANDS_REMEMBERED_MAX:
            del self.answered[next(iter(self.answered))]

    def _place(self, command: PlaceCommand, now_ns: int) -> Decision:
        account = self._ledger.accounts.get(command.account)
        if account is None or account.tenant_id != command.tenant_id:
            return Decision(client_order_id="", code=Code.UNKNOWN_ACCOUNT, text="no such account here")
        intent = Intent(
            account=command.account,
            instrument=command.instrument,
            strategy=0,
            side=command.side,
            type=command.type,
            tif=command.tif,
            price_ticks=command.price_ticks,
            quantity_lots=command.quantity_lots,
            command_id=command.id,
        )
        return self._order_path.submit(intent, now_ns)

    def _cancel(self, command: CancelCommand, now_ns: int) -> Decision:
        order = self._ledger.orders.get(command.client_order_id)
        if order is None or not self._belongs(order.account, command.tenant_id):
            return Decision(
                client_order_id=command.client_order_id, code=Code.UNKNOWN_ORDER, text="no such order"
            )
        return self._order_path.cancel_order(order, now_ns, command.id)

    def _cancel_all(self, command: CancelAllCommand, now_ns: int) -> Decision:
        orders = [
            order
            for order in self._ledger.open_orders()
            if self._belongs(order.account, command.tenant_id)
            and command.account in (-1, order.account)
            and command.strategy in (-1, order.strategy)
        ]
        self._kill.cancel_all(orders, now_ns, command.id)
        return Decision(client_order_id="", text=f"{len(orders)} orders")

    def _belongs(self, account: int, tenant_id: str) -> bool:
        owner = self._ledger.accounts.get(account)
        return owner is not None and owner.tenant_id == tenant_id


def handled(command_id: str, tenant_id: str, outcome: str, decision: Decision) -> CommandHandled:
    """Return the record of an answered command."""
    return CommandHandled(
        command_id=command_id,
        tenant_id=tenant_id,
        outcome=outcome,
        client_order_id=decision.client_order_id,
        code=decision.code,
        text=decision.text,
    )
