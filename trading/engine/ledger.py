"""The engine's books: orders, positions, balances. Facts go in, journal records come out.

Every change is made here and nowhere else, live and in a replay alike, so that the
journal's records make the same ledger again, to the byte (`state_hash`).
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Iterable

import msgspec

from trading.engine.holdings import CountedTrades, Holding, Money, Worth, worth_of
from trading.engine.live_order import LiveOrder, adopted_order, advance, sending_order, take_fill
from trading.records import (
    AnyRecord,
    BalanceChanged,
    DriftFound,
    FillApplied,
    OrderAdopted,
    OrderReported,
    OrderSending,
)
from trading.types import Account, OrderState
from venues.base import Balance, FillSnapshot, Instrument, OrderReport, ReportKind, Side

__all__ = ["Ledger", "LiveOrder", "Trade"]

log = logging.getLogger(__name__)

#: Ended orders that are kept to recognise late events; the oldest go first.
CLOSED_ORDERS_MAX = 20_000


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One fill as the gate must hear of it. `order` is None for a foreign trade without an order."""

    order: LiveOrder | None
    account: int
    instrument: int
    strategy: int
    side: Side
    price_ticks: int
    lots: int
    fee_asset: str
    fee_units: int


class Change(msgspec.Struct, frozen=True, gc=False):
    """What a fact did: the records to journal, and the trade if there was one. Empty when nothing changed.

    `alarm` says that something happened which we had presumed impossible.
    """

    records: list[AnyRecord]
    trade: Trade | None = None
    alarm: bool = False


NOTHING = Change([])


class Ledger:
    """All orders and holdings of one shard's accounts."""

    def __init__(self, accounts: Iterable[Account], instruments: Iterable[Instrument]) -> None:
        self.accounts = {account.slot: account for account in accounts}
        self.instruments = {instrument.slot: instrument for instrument in instruments}
        self.slots = {instrument.symbol: instrument.slot for instrument in self.instruments.values()}
        self.worth: dict[int, Worth] = {
            slot: worth_of(instrument) for slot, instrument in self.instruments.items()
        }
        self.orders: dict[str, LiveOrder] = {}
        self.foreign: dict[tuple[int, str], LiveOrder] = {}
        self.by_venue_id: dict[tuple[int, int, int], LiveOrder] = {}
        self.open: dict[int, dict[str, LiveOrder]] = {}
        self.open_of_strategy: dict[int, dict[str, LiveOrder]] = {}
        self.owing: dict[tuple[int, str], LiveOrder] = {}
        self.holdings: dict[tuple[int, int], Holding] = {}
        self.strategy_lots: dict[tuple[int, int, int], int] = {}
        self.money: dict[tuple[int, str], Money] = {}
        self.trades: dict[tuple[int, int], CountedTrades] = {}
        self.closed: deque[tuple[int, str]] = deque()

    # --- reads

    def find(self, account: int, client_order_id: str) -> LiveOrder | None:
        """Return the account's order with this client order id."""
        order = self.orders.get(client_order_id)
        if order is not None and order.account == account:
            return order
        return self.foreign.get((account, client_order_id))

    def open_orders(self, account: int | None = None, strategy: int | None = None) -> list[LiveOrder]:
        """Return the orders that are not over, oldest first in each account."""
        if strategy is not None:
            found = list(self.open_of_strategy.get(strategy, {}).values())
            return found if account is None else [order for order in found if order.account == account]
        if account is not None:
            return list(self.open.get(account, {}).values())
        return [order for orders in self.open.values() for order in orders.values()]

    def position_lots(self, account: int, instrument: int) -> int:
        """Return the signed position in lots."""
        holding = self.holdings.get((account, instrument))
        return holding.lots if holding else 0

    def was_counted(self, account: int, instrument: int, trade_id: int) -> bool:
        """Return whether the trade is in the position already."""
        counted = self.trades.get((account, instrument))
        return counted is not None and trade_id in counted.ids

    # --- orders

    def open_sending(self, record: OrderSending) -> LiveOrder:
        """Take up an order that is about to be sent."""
        return self._open(sending_order(record))

    def open_adopted(self, record: OrderAdopted) -> LiveOrder:
        """Take up an order that the venue knew and we did not."""
        return self._open(adopted_order(record))

    def apply(self, order: LiveOrder, report: OrderReport) -> Change:
        """Apply a report to its order. The change is empty when it says nothing new."""
        if report.kind is ReportKind.FILL:
            return self.apply_fill(order, order.side, report)
        before = standing(order)
        advance(order, report)
        if standing(order) == before:
            return NOTHING
        self._index(order)
        doubts = self._doubts_on(order, before[0])
        return Change([*doubts, reported(order, report)], alarm=bool(doubts))

    def note_cumulative(self, order: LiveOrder, report: OrderReport) -> None:
        """Note what a counted trade's report says besides: the venue's id and its cumulative quantity."""
        advance(order, report)
        self._index(order)

    def apply_fill(self, order: LiveOrder | None, side: Side, report: OrderReport) -> Change:
        """Count a trade once: order, position and balances. Without an order it is a foreign one."""
        account, instrument = report.account, self.slots[report.symbol]
        if not self.trades.setdefault((account, instrument), CountedTrades()).add(report.trade_id):
            return NOTHING
        worth = self.worth[instrument]
        quote_units = report.fill_lots * report.fill_price_ticks * worth.units_per_tick_lot
        strategy = order.strategy if order else 0
        lots = report.fill_lots
        records: list[AnyRecord] = []
        before = order.state if order else OrderState.OPEN
        if order is not None:
            order.venue_order_id = order.venue_order_id or report.venue_order_id
            take_fill(order, lots, quote_units, report.filled_lots)
            self._index(order)
        holding = self._hold(account, instrument, strategy, side, lots, quote_units)
        changed = self._pay(account, worth, side, lots, quote_units, report.fee_asset, report.fee_units)
        owner = self.accounts[account]
        records.append(
            FillApplied(
                client_order_id=report.client_order_id,
                tenant_id=owner.tenant_id,
                account_id=owner.id,
                account=account,
                instrument=instrument,
                instrument_version=self.instruments[instrument].version,
                strategy=strategy,
                side=side,
                trade_id=report.trade_id,
                venue_order_id=report.venue_order_id,
                price_ticks=report.fill_price_ticks,
                lots=lots,
                quote_units=quote_units,
                fee_units=report.fee_units,
                fee_asset=report.fee_asset,
                maker=report.maker,
                event_ns=report.event_ns,
                position_lots_after=holding.lots,
                cost_units_after=holding.cost_units,
                realised_units_after=holding.realised_units,
            )
        )
        doubts = self._doubts_on(order, before) if order else []
        if order is not None:
            records += [*doubts, reported(order, report)]
        records += [self.balance_record(account, asset, "fill") for asset in changed]
        trade = Trade(
            order, account, instrument, strategy, side, report.fill_price_ticks, lots,
            report.fee_asset, report.fee_units,
        )  # fmt: skip
        return Change(records, trade, bool(doubts))

    # --- balances

    def set_balance(self, account: int, balance: Balance, cause: str) -> list[AnyRecord]:
        """Take over what the venue says of an asset; return the record, none when nothing changed."""
        total = balance.free_units + balance.locked_units
        money = self.money.setdefault((account, balance.asset), Money())
        if (money.total_units, money.locked_units) == (total, balance.locked_units):
            return []
        money.total_units, money.locked_units = total, balance.locked_units
        return [self.balance_record(account, balance.asset, cause)]

    def balance_record(self, account: int, asset: str, cause: str) -> BalanceChanged:
        """Return the record of what the account has of the asset now."""
        owner = self.accounts[account]
        money = self.money[account, asset]
        return BalanceChanged(
            tenant_id=owner.tenant_id,
            account_id=owner.id,
            account=account,
            asset=asset,
            total_units_after=money.total_units,
            locked_units_after=money.locked_units,
            cause=cause,
        )

    def drift(self, account: int, what: str, ours: object, theirs: object) -> DriftFound:
        """Return the record that we and the venue differed."""
        owner = self.accounts[account]
        log.error("account %s: %s: ours %s, theirs %s", owner.name, what, ours, theirs)
        return DriftFound(
            tenant_id=owner.tenant_id,
            account_id=owner.id,
            account=account,
            what=what,
            ours=str(ours),
            theirs=str(theirs),
        )

    # --- proofs

    def state_hash(self) -> str:
        """Return a digest of everything the journal can make again."""
        content = [
            sorted((order.account, order.client_order_id, facts(order)) for order in self._all_orders()),
            sorted((key, msgspec.structs.astuple(holding)) for key, holding in self.holdings.items()),
            sorted(self.strategy_lots.items()),
            sorted((key, msgspec.structs.astuple(money)) for key, money in self.money.items()),
            sorted((key, sorted(counted.ids)) for key, counted in self.trades.items() if counted.ids),
        ]
        return hashlib.sha256(msgspec.msgpack.encode(content)).hexdigest()

    def _check(self) -> None:
        """Assert what must be true between any two events."""
        open_ids = {(order.account, order.client_order_id) for order in self.open_orders()}
        for order in self._all_orders():
            key = (order.account, order.client_order_id)
            assert (key in open_ids) is not order.terminal, order
            assert (key in self.owing) is (order.owed_lots > 0), order
            assert order.filled_lots >= 0, order
            assert (order.filled_lots == 0) is (order.filled_quote_units == 0), order
            assert order.state is not OrderState.FILLED or order.filled_lots >= order.quantity_lots, order
        for (account, instrument), holding in self.holdings.items():
            parts = [lots for key, lots in self.strategy_lots.items() if key[:2] == (account, instrument)]
            assert sum(parts) == holding.lots, (account, instrument)
            assert holding.lots != 0 or holding.cost_units == 0, (account, instrument, holding)

    def _all_orders(self) -> list[LiveOrder]:
        return [*self.orders.values(), *self.foreign.values()]

    # --- inside

    def take_back(self, order: LiveOrder) -> None:
        """Take an order into the books as it stands, new or out of a checkpoint."""
        if order.ours:
            self.orders[order.client_order_id] = order
        else:
            self.foreign[order.account, order.client_order_id] = order
        self._index(order)

    def _open(self, order: LiveOrder) -> LiveOrder:
        assert not order.ours or order.client_order_id not in self.orders, "an id was used before"
        self.take_back(order)
        return order

    def _index(self, order: LiveOrder) -> None:
        """Keep the lists of open and owing orders in step with the order's state."""
        key = order.client_order_id
        if order.venue_order_id:
            self.by_venue_id[order.account, order.instrument, order.venue_order_id] = order
        if order.owed_lots:
            self.owing[order.account, key] = order
        elif self.owing:
            self.owing.pop((order.account, key), None)
        if not order.terminal:
            self.open.setdefault(order.account, {})[key] = order
            self.open_of_strategy.setdefault(order.strategy, {})[key] = order
        elif self.open.get(order.account, {}).pop(key, None) is not None:
            self.open_of_strategy[order.strategy].pop(key, None)
            self._close(order)

    def _close(self, order: LiveOrder) -> None:
        """Keep the ended order for late events, and forget the oldest where there are too many."""
        self.closed.append((order.account, order.client_order_id))
        if len(self.closed) <= CLOSED_ORDERS_MAX:
            return
        account, key = self.closed.popleft()
        oldest = self.find(account, key)
        # What we only presume to be over is kept for good: its late event must be recognised.
        if oldest is None or not oldest.terminal or oldest.owed_lots or oldest.presumed:
            return
        self.by_venue_id.pop((account, oldest.instrument, oldest.venue_order_id), None)
        if oldest.ours:
            del self.orders[key]
        else:
            del self.foreign[account, key]

    def _doubts_on(self, order: LiveOrder, before: OrderState) -> list[AnyRecord]:
        """Return records of what must not happen and did: never silent, and never denied."""
        doubts: list[AnyRecord] = []
        name = f"order {order.client_order_id}"
        if before is OrderState.NOT_SENT and order.state is not OrderState.NOT_SENT:
            doubts.append(self.drift(order.account, f"{name} lives", "not sent", order.state.name.lower()))
        if order.filled_lots > order.quantity_lots:
            doubts.append(
                self.drift(order.account, f"{name} overfilled", order.quantity_lots, order.filled_lots)
            )
        return doubts

    def _hold(
        self, account: int, instrument: int, strategy: int, side: Side, lots: int, quote_units: int
    ) -> Holding:
        holding = self.holdings.get((account, instrument))
        if holding is None:
            holding = self.holdings[account, instrument] = Holding()
        holding.take(side, lots, quote_units)
        key = (account, instrument, strategy)
        self.strategy_lots[key] = self.strategy_lots.get(key, 0) + (lots if side is Side.BUY else -lots)
        return holding

    def _pay(
        self,
        account: int,
        worth: Worth,
        side: Side,
        lots: int,
        quote_units: int,
        fee_asset: str,
        fee_units: int,
    ) -> list[str]:
        """Move the assets of a trade; return which changed."""
        sign = 1 if side is Side.BUY else -1
        changes = {worth.base: sign * lots * worth.units_per_lot}
        changes[worth.quote] = changes.get(worth.quote, 0) - sign * quote_units
        if fee_units:
            changes[fee_asset] = changes.get(fee_asset, 0) - fee_units
        for asset, change in changes.items():
            self.money.setdefault((account, asset), Money()).total_units += change
        return list(changes)


def standing(order: LiveOrder) -> tuple[OrderState, int, int, bool]:
    """Return what a report without a trade may change."""
    return order.state, order.venue_order_id, order.venue_filled_lots, order.canceling


def facts(order: LiveOrder) -> tuple[object, ...]:
    """Return the order's fields that are facts; what the gate holds for it is not."""
    return msgspec.structs.astuple(order)[:-1]


def reported(order: LiveOrder, report: OrderReport) -> OrderReported:
    """Return the record of a report that was applied."""
    return OrderReported(
        report=report,
        state_after=order.state,
        filled_lots_after=order.filled_lots,
        filled_quote_units_after=order.filled_quote_units,
    )


def report_of_trade(trade: FillSnapshot, client_order_id: str) -> OrderReport:
    """Return a trade that was asked for as the report that the stream would have brought."""
    return OrderReport(
        kind=ReportKind.FILL,
        account=trade.account,
        symbol=trade.symbol,
        client_order_id=client_order_id,
        venue_order_id=trade.venue_order_id,
        trade_id=trade.trade_id,
        fill_lots=trade.lots,
        fill_price_ticks=trade.price_ticks,
        fee_units=trade.fee_units,
        fee_asset=trade.fee_asset,
        maker=trade.maker,
        event_ns=trade.event_ns,
    )
