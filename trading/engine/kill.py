"""What a halt means for open orders: each is cancelled, and again until none is left."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from risk.codes import Code, Scope, TradingState
from trading.engine.ledger import Ledger, LiveOrder
from trading.engine.order_path import OrderPath

if TYPE_CHECKING:
    from risk.gate import Gate

log = logging.getLogger(__name__)

#: Cancels sent in one go; the loop must go on hearing the market meanwhile.
CANCELS_PER_TICK_MAX = 200


class Kill:
    """Watches the gate's flags, which any process may set, and takes back what a halt covers."""

    def __init__(self, *, gate: Gate, ledger: Ledger, order_path: OrderPath) -> None:
        self._gate = gate
        self._ledger = ledger
        self._order_path = order_path
        self._waiting: deque[tuple[LiveOrder, str]] = deque()
        self._tenants = {account.slot: account.tenant_slot for account in ledger.accounts.values()}

    def cancel_all(self, orders: list[LiveOrder], now_ns: int, command_id: str = "") -> None:
        """Cancel the orders now, as far as the exchange's limits allow, and the rest as soon as they do."""
        self._waiting.extend((order, command_id) for order in orders)
        self._send(now_ns)

    def reduce_only(self, account: int) -> None:
        """Let the account only reduce from now on, until somebody has looked; a halt stays a halt."""
        if self._gate.state(Scope.ACCOUNT, account) == TradingState.ACTIVE:
            log.critical("account %d may only reduce: what was presumed impossible has happened", account)
            self._gate.set_state(Scope.ACCOUNT, account, TradingState.REDUCING)

    def on_timer(self, now_ns: int) -> None:
        """Look at the flags and cancel what has been halted."""
        if not self._waiting:
            halted = self._halted_orders()
            self._waiting.extend((order, "") for order in halted)
        self._send(now_ns)

    def _send(self, now_ns: int) -> None:
        for _ in range(min(len(self._waiting), CANCELS_PER_TICK_MAX)):
            order, command_id = self._waiting[0]
            if not order.terminal and not order.canceling:
                decision = self._order_path.cancel_order(order, now_ns, command_id)
                if decision.code in (Code.RATE_BUDGET, Code.NOT_CONNECTED):
                    return
            self._waiting.popleft()

    def _halted_orders(self) -> list[LiveOrder]:
        """Return the open orders that a halt covers and that nobody is cancelling yet."""
        states: dict[tuple[Scope, int], bool] = {}

        def is_halted(scope: Scope, slot: int) -> bool:
            key = (scope, slot)
            if key not in states:
                states[key] = self._gate.state(scope, slot) == TradingState.HALTED
            return states[key]

        return [
            order
            for orders in self._ledger.open.values()
            for order in orders.values()
            if not order.canceling
            and (
                is_halted(Scope.GLOBAL, 0)
                or is_halted(Scope.TENANT, self._tenants.get(order.account, 0))
                or is_halted(Scope.ACCOUNT, order.account)
                or is_halted(Scope.STRATEGY, order.strategy)
                or is_halted(Scope.INSTRUMENT, order.instrument)
            )
        ]
