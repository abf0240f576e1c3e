"""Keeps the gate's reservations in step with the ledger: released by facts, never by time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trading.engine.ledger import Ledger, LiveOrder, Trade

if TYPE_CHECKING:
    from risk.gate import Gate

NO_ASSET = -1


class Exposure:
    """Tells the gate what the ledger knows."""

    def __init__(self, gate: Gate, ledger: Ledger, assets: Mapping[str, int]) -> None:
        self.gate = gate
        self.ledger = ledger
        self._assets = assets
        self._tenants = {account.slot: account.tenant_slot for account in ledger.accounts.values()}

    def settle(self, order: LiveOrder) -> None:
        """Reserve exactly what may still fill: more where the venue told of more, less where it is over."""
        missing = order.exposed_lots - order.reserved_lots
        if not missing:
            return
        move = self.gate.reserve if missing > 0 else self.gate.release
        move(
            self._tenants[order.account],
            order.account,
            order.strategy,
            order.instrument,
            order.side,
            order.reserved_ticks,
            abs(missing),
        )
        order.reserved_lots += missing

    def take(self, trade: Trade) -> None:
        """Move a trade from the reservation into the position; what was not reserved moves alone."""
        reserved = min(trade.lots, trade.order.reserved_lots) if trade.order else 0
        fee_units = trade.fee_units
        if trade.order is not None and reserved:
            self._fill(trade, trade.order.reserved_ticks, reserved, fee_units)
            trade.order.reserved_lots -= reserved
            fee_units = 0
        if trade.lots > reserved:
            self._fill(trade, 0, trade.lots - reserved, fee_units)
        if trade.order is not None:
            self.settle(trade.order)

    def set_total(self, account: int, asset: str) -> None:
        """Tell what the account has of the asset; assets that no instrument uses do not concern the gate."""
        slot = self._assets.get(asset)
        if slot is not None:
            self.gate.set_total(account, slot, self.ledger.money[account, asset].total_units)

    def revalue(self) -> None:
        """Value what every account holds at the prices of now: the gate does so only where orders move."""
        for account in self._tenants:
            self.gate.revalue_account(account)

    def rebuild(self) -> None:
        """Write everything anew, as after a start: positions, balances, reservations."""
        for account in self.ledger.accounts:
            self.gate.set_account_ready(account, False)
            self.gate.reset_account(account)
        for account, asset in self.ledger.money:
            if account in self._tenants:
                self.set_total(account, asset)
        held: dict[tuple[int, int], int] = {}
        for (account, instrument, strategy), lots in sorted(self.ledger.strategy_lots.items()):
            if account not in self._tenants or instrument not in self.ledger.instruments or not lots:
                continue
            # The gate is told the account's sum, strategy by strategy, and books each difference.
            held[account, instrument] = held.get((account, instrument), 0) + lots
            self.gate.set_position(account, instrument, held[account, instrument], strategy)
        for order in [*self.ledger.open_orders(), *self.ledger.owing.values()]:
            if order.account in self._tenants and order.instrument in self.ledger.instruments:
                self.settle(order)

    def _fill(self, trade: Trade, reserved_ticks: int, lots: int, fee_units: int) -> None:
        fee_asset = self._assets.get(trade.fee_asset, NO_ASSET) if fee_units else NO_ASSET
        self.gate.fill(
            self._tenants[trade.account],
            trade.account,
            trade.strategy,
            trade.instrument,
            trade.side,
            reserved_ticks,
            trade.price_ticks,
            lots,
            fee_asset,
            fee_units if fee_asset != NO_ASSET else 0,
        )
