"""Runs strategy instances inside the engine: events in, actions through the order path.

The runner owns no order: what works is read from the engine's ledger. An
instance that raises is stopped and its orders are taken back; the others, and
the engine, go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from strategies.base import Action, Cancel, Place, Quote, Strategy, WorkingOrder
from trading.engine.live_order import LiveOrder
from trading.types import Decision, Intent, StrategyConfig
from venues.base import Instrument, OrderReport

log = logging.getLogger(__name__)

#: A strategy that yields more actions than this for one event is broken.
ACTIONS_PER_EVENT_MAX = 200


class Desk(Protocol):
    """What the runner needs of the engine; a backtest offers the same."""

    def submit(self, intent: Intent, now_ns: int) -> Decision:
        """Put an intent through the order path."""

    def cancel(self, client_order_id: str, now_ns: int) -> Decision:
        """Cancel an open order."""

    def open_orders(self, strategy: int) -> Iterable[LiveOrder]:
        """Return the strategy's orders that are not over, oldest first."""

    def position_lots(self, account: int, instrument: int) -> int:
        """Return the signed position in lots."""

    def account_ready(self, account: int) -> bool:
        """Return whether the account may trade."""


class InstanceView:
    """The `DeskView` of one instance."""

    def __init__(
        self, strategy: int, desk: Desk, instruments: dict[int, Instrument], quotes: dict[int, Quote]
    ) -> None:
        self._strategy = strategy
        self._desk = desk
        self._instruments = instruments
        self._quotes = quotes

    def instrument(self, instrument: int) -> Instrument:
        """Return the instrument in this slot."""
        return self._instruments[instrument]

    def quote(self, instrument: int) -> Quote | None:
        """Return the last best bid and ask."""
        return self._quotes.get(instrument)

    def position_lots(self, account: int, instrument: int) -> int:
        """Return the signed position in lots."""
        return self._desk.position_lots(account, instrument)

    def working_orders(self) -> Sequence[WorkingOrder]:
        """Return the instance's orders that are not over."""
        return [working_order(order) for order in self._desk.open_orders(self._strategy)]

    def account_ready(self, account: int) -> bool:
        """Return whether the account may trade."""
        return self._desk.account_ready(account)


class StrategyRunner:
    """Holds the running instances of one engine and hears what the engine hears."""

    def __init__(
        self,
        *,
        desk: Desk,
        configs: Sequence[StrategyConfig],
        instruments: dict[int, Instrument],
        catalogue: dict[str, type[Strategy[Any]]],
    ) -> None:
        self._desk = desk
        self._quotes: dict[int, Quote] = {}
        self._instances: dict[int, Strategy[Any]] = {}
        for config in configs:
            strategy_type = catalogue[config.strategy]
            parameters = strategy_type.parameters_type.model_validate(config.parameters)
            view = InstanceView(config.slot, desk, instruments, self._quotes)
            self._instances[config.slot] = strategy_type(config, parameters, view)

    @property
    def running(self) -> Sequence[int]:
        """Return the slots of the instances that have not been stopped."""
        return list(self._instances)

    def on_start(self, now_ns: int) -> None:
        """Begin all instances."""
        for instance in list(self._instances.values()):
            self._run(instance, now_ns, lambda strategy: strategy.on_start(now_ns))

    def on_stop(self, now_ns: int) -> None:
        """End all instances; each takes back its orders."""
        for instance in list(self._instances.values()):
            self._run(instance, now_ns, lambda strategy: strategy.on_stop(now_ns))

    def on_quote(
        self, instrument: int, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int, now_ns: int
    ) -> None:
        """Hand a new best bid and ask to the instances that follow the instrument."""
        quote = Quote(bid_ticks, bid_lots, ask_ticks, ask_lots)
        self._quotes[instrument] = quote
        for instance in self._following(instrument):
            self._run(instance, now_ns, lambda strategy: strategy.on_quote(instrument, quote, now_ns))

    def on_trade(
        self, instrument: int, price_ticks: int, lots: int, buyer_is_maker: bool, now_ns: int
    ) -> None:
        """Hand a public trade to the instances that follow the instrument."""
        for instance in self._following(instrument):
            self._run(
                instance, now_ns, lambda strategy: strategy.on_trade(instrument, price_ticks, lots, now_ns)
            )

    def on_book(self, instrument: int, now_ns: int) -> None:
        """Tell the instances that follow the instrument that its book changed."""
        for instance in self._following(instrument):
            self._run(instance, now_ns, lambda strategy: strategy.on_book(instrument, now_ns))

    def on_order(self, order: LiveOrder, report: OrderReport, now_ns: int) -> None:
        """Tell an instance what became of its order."""
        instance = self._instances.get(order.strategy)
        if instance is not None:
            self._run(instance, now_ns, lambda strategy: strategy.on_report(working_order(order), now_ns))

    def on_account_state(self, account: int, state: str, now_ns: int) -> None:
        """Nothing to hand on: strategies ask `account_ready` when they act."""

    def on_timer(self, now_ns: int) -> None:
        """Give every instance its turn."""
        for instance in list(self._instances.values()):
            self._run(instance, now_ns, lambda strategy: strategy.on_timer(now_ns))

    def _following(self, instrument: int) -> list[Strategy[Any]]:
        return [one for one in self._instances.values() if instrument in one.config.instruments]

    def _run(
        self, instance: Strategy[Any], now_ns: int, hook: Callable[[Strategy[Any]], Iterable[Action]]
    ) -> None:
        """Call a hook and do what it yields; an instance that raises is stopped."""
        try:
            for count, action in enumerate(hook(instance)):
                if count >= ACTIONS_PER_EVENT_MAX:
                    raise RuntimeError(f"more than {ACTIONS_PER_EVENT_MAX} actions for one event")
                self._act(instance, action, now_ns)
        except Exception:
            # A strategy is a guest: its bug must not take the desk's engine down.
            log.exception("strategy %s raised and is stopped", instance.config.name)
            self._stop_instance(instance, now_ns)

    def _act(self, instance: Strategy[Any], action: Action, now_ns: int) -> None:
        if isinstance(action, Cancel):
            self._desk.cancel(action.client_order_id, now_ns)
            return
        decision = self._desk.submit(intent_of(instance.config.slot, action), now_ns)
        if not decision.accepted:
            for follow_up in instance.on_refused(action, decision, now_ns):
                # Only cancels may answer a refusal; a new order here could loop for ever.
                if isinstance(follow_up, Cancel):
                    self._desk.cancel(follow_up.client_order_id, now_ns)

    def _stop_instance(self, instance: Strategy[Any], now_ns: int) -> None:
        self._instances.pop(instance.config.slot, None)
        for order in list(self._desk.open_orders(instance.config.slot)):
            if not order.canceling:
                self._desk.cancel(order.client_order_id, now_ns)


def intent_of(strategy: int, place: Place) -> Intent:
    """Return the intent that the order path is to decide on."""
    return Intent(
        account=place.account,
        instrument=place.instrument,
        strategy=strategy,
        side=place.side,
        type=place.type,
        tif=place.tif,
        price_ticks=place.price_ticks,
        quantity_lots=place.quantity_lots,
        tag=place.tag,
    )


def working_order(order: LiveOrder) -> WorkingOrder:
    """Return the frozen copy of a ledger order that a strategy may keep."""
    return WorkingOrder(
        client_order_id=order.client_order_id,
        account=order.account,
        instrument=order.instrument,
        side=order.side,
        price_ticks=order.price_ticks,
        quantity_lots=order.quantity_lots,
        filled_lots=order.filled_lots,
        state=order.state,
        canceling=order.canceling,
    )
