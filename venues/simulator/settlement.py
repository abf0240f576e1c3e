"""What an execution does: money moves in the ledger, orders advance, everybody concerned is told."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Protocol

from venues.simulator import order_payloads
from venues.simulator.amounts import UNIT, parse_units
from venues.simulator.config import SimulatorConfig
from venues.simulator.ledger import FEES, FREE, LOCKED, WORLD, Ledger, Leg
from venues.simulator.matching import NOBODY
from venues.simulator.orders import AccountOrders, AccountTrade, Order
from venues.simulator.rate_limits import OrderCounts
from venues.simulator.symbol_market import DepthUpdate, SymbolMarket
from venues.simulator.tape import PublicTrade

MS_NS = 1_000_000


class ExchangeListener(Protocol):
    """Who publishes what happens at the exchange."""

    def on_user_event(self, account: int, event: dict[str, Any]) -> None:
        """Something happened to an account."""

    def on_trade(self, market: SymbolMarket, trade: PublicTrade) -> None:
        """A public trade happened."""

    def on_quote(self, market: SymbolMarket) -> None:
        """The touch changed."""

    def on_depth(self, market: SymbolMarket, update: DepthUpdate, interval_ms: int) -> None:
        """The book's changes of the last 100 ms or second."""

    def on_recorded(self, stream: str, message: bytes) -> None:
        """A recorded message of a stream is due, to be passed on as it is."""

    def on_market_ended(self) -> None:
        """The recording is over; nothing trades any more."""


class Silence:
    """A listener that tells nobody."""

    def on_user_event(self, account: int, event: dict[str, Any]) -> None:
        """Ignore it."""

    def on_trade(self, market: SymbolMarket, trade: PublicTrade) -> None:
        """Ignore it."""

    def on_quote(self, market: SymbolMarket) -> None:
        """Ignore it."""

    def on_depth(self, market: SymbolMarket, update: DepthUpdate, interval_ms: int) -> None:
        """Ignore it."""

    def on_recorded(self, stream: str, message: bytes) -> None:
        """Ignore it."""

    def on_market_ended(self) -> None:
        """Ignore it."""


class Settlement:
    """Orders, ledger and counters of all accounts; `flush` tells the balances that an operation touched."""

    def __init__(self, config: SimulatorConfig, account_count: int, first_id: int) -> None:
        history = config.history
        self.listener: ExchangeListener = Silence()
        self.ledger = Ledger(history.ledger_entries_max)
        self.maker_fee = parse_units(config.fees.maker)
        self.taker_fee = parse_units(config.fees.taker)
        self.orders = [
            AccountOrders(history.closed_orders_per_account_max, history.trades_per_account_max)
            for _ in range(account_count)
        ]
        self.order_counts = [OrderCounts(config.limits) for _ in range(account_count)]
        self.updated_ms = [0] * account_count
        self.next_order_id = first_id
        self.next_execution_id = first_id
        self._touched: defaultdict[int, set[str]] = defaultdict(set)

    def lock(self, order: Order, asset: str, units: int, now_ns: int) -> None:
        """Set money aside for a new order; the caller has checked that it is there."""
        self.ledger.lock(order.account, asset, units, order.order_id, now_ns)
        order.locked = units
        self._touched[order.account].add(asset)

    def trade(
        self,
        market: SymbolMarket,
        taker: Order | None,
        maker: Order | None,
        buy: bool,
        ticks: int,
        lots: int,
        now_ns: int,
    ) -> None:
        """Settle one execution; `buy` is the taker's side, None stands for the outside world."""
        trade_id = market.next_trade_id
        market.next_trade_id += 1
        buyer, seller = (taker, maker) if buy else (maker, taker)
        if taker is not None or maker is not None:
            self._move_money(market, buyer, seller, taker, ticks, lots, trade_id, now_ns)
        for order in (maker, taker):
            if order is not None:
                self._advance(market, order, order is maker, ticks, lots, trade_id, now_ns)
        if market.public:
            public = PublicTrade(trade_id, ticks, lots, now_ns // MS_NS, not buy)
            market.tape.add(public, public.time_ms)
            self.listener.on_trade(market, public)

    def end(self, market: SymbolMarket, order: Order, status: str, event: str, now_ns: int) -> None:
        """Close an order that will not trade any more, give back its money and report it."""
        order.status = status
        order.update_ms = now_ns // MS_NS
        self._release(market, order, now_ns)
        self.orders[order.account].close(order)
        self.report(market, order, event, now_ns)

    def report(
        self, market: SymbolMarket, order: Order, event: str, now_ns: int, trade: AccountTrade | None = None
    ) -> None:
        """Tell the account about its order."""
        self.next_execution_id += 1
        payload = order_payloads.execution_report(
            order, market.listing, event, now_ns // MS_NS, self.next_execution_id, trade
        )
        self.listener.on_user_event(order.account, payload)

    def deposit(self, account: int, asset: str, units: int, now_ns: int) -> None:
        """Bring money in and tell the account."""
        self.ledger.deposit(account, asset, units, account, now_ns)
        self.listener.on_user_event(account, order_payloads.balance_update(asset, units, now_ns // MS_NS))
        self._touched[account].add(asset)
        self.flush(now_ns)

    def flush(self, now_ns: int) -> None:
        """Tell every touched account its new balances."""
        touched, self._touched = self._touched, defaultdict(set)
        for account, assets in touched.items():
            self.updated_ms[account] = now_ns // MS_NS
            rows = [
                (one, self.ledger.free(account, one), self.ledger.locked(account, one))
                for one in sorted(assets)
            ]
            self.listener.on_user_event(account, order_payloads.account_position(rows, now_ns // MS_NS))

    def _move_money(
        self,
        market: SymbolMarket,
        buyer: Order | None,
        seller: Order | None,
        taker: Order | None,
        ticks: int,
        lots: int,
        trade_id: int,
        now_ns: int,
    ) -> None:
        listing = market.listing
        base, quote = lots * listing.lot, listing.value(ticks, lots)
        legs = [
            *self._side_legs(buyer, listing.quote, quote, listing.base, base, buyer is taker),
            *self._side_legs(seller, listing.base, base, listing.quote, quote, seller is taker),
        ]
        self.ledger.post("trade", trade_id, now_ns, *legs)
        for order, gone in ((buyer, quote), (seller, base)):
            if order is not None:
                order.locked -= gone
                self._touched[order.account] |= {listing.base, listing.quote}

    def _side_legs(
        self, order: Order | None, paid_asset: str, paid: int, got_asset: str, got: int, is_taker: bool
    ) -> tuple[Leg, ...]:
        """Return what one side pays and gets; the world pays no fee."""
        if order is None:
            return Leg(WORLD, FREE, paid_asset, -paid), Leg(WORLD, FREE, got_asset, got)
        fee = self.fee(got, maker=not is_taker)
        return (
            Leg(order.account, LOCKED, paid_asset, -paid),
            Leg(order.account, FREE, got_asset, got - fee),
            Leg(FEES, FREE, got_asset, fee),
        )

    def fee(self, received: int, *, maker: bool) -> int:
        """Return the commission on an amount received, rounded down to the unit."""
        return received * (self.maker_fee if maker else self.taker_fee) // UNIT

    def _advance(
        self,
        market: SymbolMarket,
        order: Order,
        is_maker: bool,
        ticks: int,
        lots: int,
        trade_id: int,
        now_ns: int,
    ) -> None:
        """Record one side's fill and report it; a filled order is closed."""
        listing = market.listing
        quote = listing.value(ticks, lots)
        if order.filled_lots == 0:
            self.order_counts[order.account].filled(is_maker, now_ns)
        order.filled_lots += lots
        order.filled_quote += quote
        order.update_ms = now_ns // MS_NS
        received, asset = (lots * listing.lot, listing.base) if order.is_buy else (quote, listing.quote)
        trade = AccountTrade(
            trade_id=trade_id,
            order_id=order.order_id,
            symbol=listing.symbol,
            ticks=ticks,
            lots=lots,
            quote_units=quote,
            fee_units=self.fee(received, maker=is_maker),
            fee_asset=asset,
            time_ms=order.update_ms,
            is_buyer=order.is_buy,
            is_maker=is_maker,
        )
        order.trades.append(trade)
        self.orders[order.account].trades.append(trade)
        order.status = "PARTIALLY_FILLED" if order.leaves else "FILLED"
        self._release(market, order, now_ns)
        if not order.is_open:
            self.orders[order.account].close(order)
        self.report(market, order, "TRADE", now_ns, trade)

    def _release(self, market: SymbolMarket, order: Order, now_ns: int) -> None:
        """Give back what the order no longer needs: price improvement, or all when it ended."""
        listing, needed = market.listing, 0
        if order.is_open and order.request.type == "MARKET":
            needed = order.locked
        elif order.is_open:
            ticks = order.request.price_ticks
            needed = listing.value(ticks, order.leaves) if order.is_buy else order.leaves * listing.lot
        surplus = order.locked - needed
        assert surplus >= 0, f"order {order.order_id} holds less than it needs"
        if not surplus:
            return
        asset = listing.quote if order.is_buy else listing.base
        self.ledger.lock(order.account, asset, -surplus, order.order_id, now_ns)
        order.locked = needed
        self._touched[order.account].add(asset)


def owner_of(account: int) -> int:
    """Return the matching engine's owner number of an account; NOBODY is the outside world."""
    return account + 1 + NOBODY
