"""Quote both sides of a market, one order a side, on each account of the instance.

The simplest market maker there is: a bid below and an ask above the middle,
post-only, moved when the market has moved away from them. Inventory is held by
leaving out the side that would grow it past `position_max`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from strategies.base import Action, Cancel, DeskView, Parameters, Place, Quote, Strategy, WorkingOrder
from trading.types import Decision, StrategyConfig
from venues.base import OrderType, Side


class TwoSidedQuotesParameters(Parameters):
    """How wide, how much, how often."""

    half_spread_bps: int = Field(
        default=1, ge=0, le=1000, description="Distance of each quote from the middle"
    )
    quantity: Decimal = Field(
        default=Decimal("0.001"), gt=0, description="Size of each quote, in the base asset"
    )
    position_max: Decimal = Field(
        default=Decimal("0.05"), gt=0, description="Largest inventory, in the base asset"
    )
    requote_bps: int = Field(
        default=1, ge=0, le=1000, description="Move a quote that is this far from its target"
    )
    refresh_ms: int = Field(
        default=500, ge=100, le=60_000, description="Shortest time between two looks at an account"
    )
    refusal_pause_ms: int = Field(default=2_000, ge=100, le=600_000, description="Rest after a refused quote")


class TwoSidedQuotes(Strategy[TwoSidedQuotesParameters]):
    """One bid and one ask on every account, around the middle of the market."""

    key: ClassVar[str] = "two_sided_quotes"
    parameters_type: ClassVar[type[Parameters]] = TwoSidedQuotesParameters

    def __init__(self, config: StrategyConfig, parameters: TwoSidedQuotesParameters, view: DeskView) -> None:
        super().__init__(config, parameters, view)
        # Accounts take turns, so that their orders do not leave in one burst.
        stagger_ns = parameters.refresh_ms * 1_000_000 // max(1, len(config.accounts))
        self._rest_until_ns = {account: index * stagger_ns for index, account in enumerate(config.accounts)}
        self._staggered = False

    def on_timer(self, now_ns: int) -> Iterable[Action]:
        """Look at each account whose rest is over."""
        if not self._staggered:
            self._rest_until_ns = {account: now_ns + rest for account, rest in self._rest_until_ns.items()}
            self._staggered = True
        for account in self.config.accounts:
            if self._rest_until_ns[account] > now_ns or not self.view.account_ready(account):
                continue
            self._rest_until_ns[account] = now_ns + self.parameters.refresh_ms * 1_000_000
            for instrument in self.config.instruments:
                yield from self._requote(account, instrument)

    def on_refused(self, place: Place, decision: Decision, now_ns: int) -> Iterable[Action]:
        """Rest: the same quote a moment later would be refused again."""
        self._rest_until_ns[place.account] = now_ns + self.parameters.refusal_pause_ms * 1_000_000
        return ()

    def _requote(self, account: int, instrument: int) -> Iterable[Action]:
        """Take back quotes that are off target, and quote the sides that have none."""
        quote = self.view.quote(instrument)
        if quote is None or quote.bid_ticks <= 0 or quote.ask_ticks <= quote.bid_ticks:
            return
        targets = self._targets(account, instrument, quote)
        working = [
            order
            for order in self.view.working_orders()
            if order.account == account and order.instrument == instrument
        ]
        for order in working:
            if not order.canceling and self._off_target(order, targets.get(order.side)):
                yield Cancel(order.client_order_id)
        # A side is quoted again only once its last order is over: never two of ours on one side.
        for side in sorted(targets.keys() - {order.side for order in working}):
            yield Place(
                account=account,
                instrument=instrument,
                side=side,
                type=OrderType.LIMIT_MAKER,
                quantity_lots=self._quantity_lots(instrument),
                price_ticks=targets[side],
                tag="quote",
            )

    def _targets(self, account: int, instrument: int, quote: Quote) -> dict[Side, int]:
        """Return the price in ticks for each side that inventory lets us quote."""
        twice_middle = quote.bid_ticks + quote.ask_ticks
        half_spread = twice_middle * self.parameters.half_spread_bps // 20_000
        position = self.view.position_lots(account, instrument)
        limit = self.view.instrument(instrument).quantity_lots(self.parameters.position_max)
        size = self._quantity_lots(instrument)
        targets = {}
        if position + size <= limit:
            targets[Side.BUY] = min(twice_middle // 2 - half_spread, quote.ask_ticks - 1)
        if position - size >= -limit:
            targets[Side.SELL] = max(-(-twice_middle // 2) + half_spread, quote.bid_ticks + 1)
        return targets

    def _off_target(self, order: WorkingOrder, target_ticks: int | None) -> bool:
        if target_ticks is None:
            return True
        return abs(order.price_ticks - target_ticks) * 10_000 > target_ticks * self.parameters.requote_bps

    def _quantity_lots(self, instrument: int) -> int:
        return self.view.instrument(instrument).quantity_lots(self.parameters.quantity)
