"""A desk in memory for strategy tests: it records what is asked and answers as told."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.instruments import BTCUSDT
from trading.engine.live_order import LiveOrder
from trading.types import Decision, Intent, OrderState, StrategyConfig


@dataclass
class ScriptedDesk:
    """Accepts everything unless `refuse_with` is set; orders rest until cancelled."""

    ready: set[int]
    refuse_with: int = 0
    orders: dict[str, LiveOrder] = field(default_factory=dict)
    positions: dict[tuple[int, int], int] = field(default_factory=dict)
    submitted: list[Intent] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def submit(self, intent: Intent, now_ns: int) -> Decision:
        self.submitted.append(intent)
        client_order_id = f"mx-0-1-{len(self.submitted)}"
        if self.refuse_with:
            return Decision(
                client_order_id=client_order_id, code=self.refuse_with, text="refused by the script"
            )
        self.orders[client_order_id] = LiveOrder(
            client_order_id=client_order_id,
            account=intent.account,
            instrument=intent.instrument,
            instrument_version=1,
            strategy=intent.strategy,
            side=intent.side,
            type=intent.type,
            tif=intent.tif,
            price_ticks=intent.price_ticks,
            quantity_lots=intent.quantity_lots,
            reserved_ticks=intent.price_ticks,
            state=OrderState.OPEN,
        )
        return Decision(client_order_id=client_order_id)

    def cancel(self, client_order_id: str, now_ns: int) -> Decision:
        self.cancelled.append(client_order_id)
        self.orders[client_order_id].canceling = True
        return Decision(client_order_id=client_order_id)

    def confirm_cancels(self) -> None:
        self.orders = {key: order for key, order in self.orders.items() if not order.canceling}

    def open_orders(self, strategy: int) -> list[LiveOrder]:
        return [order for order in self.orders.values() if order.strategy == strategy]

    def position_lots(self, account: int, instrument: int) -> int:
        return self.positions.get((account, instrument), 0)

    def account_ready(self, account: int) -> bool:
        return account in self.ready


def two_sided_config(accounts: tuple[int, ...] = (2,), **parameters: object) -> StrategyConfig:
    """Return an instance of `two_sided_quotes` on BTCUSDT."""
    return StrategyConfig(
        slot=7,
        id="0b0c7ad4-6ac1-4f0e-9d34-4df6c3f7b8a1",
        tenant_slot=1,
        tenant_id="6f9b8f0a-54b4-4c62-8f43-21b7a2d4a2d0",
        name="quotes",
        strategy="two_sided_quotes",
        accounts=accounts,
        instruments=(BTCUSDT.slot,),
        parameters=dict(parameters),
    )
