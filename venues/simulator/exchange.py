"""The simulated exchange without sockets and without a clock of its own.

Every call takes the time; with the same calls at the same times it does the
same things. Servers and simulations drive `advance` and publish what they hear
as `ExchangeListener`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from venues.simulator.accounts import SimulatedAccount, make_account
from venues.simulator.amounts import parse_units
from venues.simulator.config import SimulatorConfig
from venues.simulator.errors import (
    bad_symbol,
    insufficient_balance,
    market_closed,
    order_rejected,
    unknown_order,
)
from venues.simulator.listing import Listing
from venues.simulator.matching import BUY, FILL, NOBODY, SELL, TICKS_MAX, MatchingBook
from venues.simulator.orders import NewOrder, Order
from venues.simulator.settlement import MS_NS, ExchangeListener, Settlement, owner_of
from venues.simulator.symbol_market import FAST_MS, SLOW_MS, Floor, SymbolMarket
from venues.simulator.tape import Tape

EPOCH_MS = 1_600_000_000_000


class MarketSource(Protocol):
    """What makes prices move: synthetic participants, or a recording."""

    def advance(self, now_ns: int) -> None:
        """Do all that is due by now."""


class SimulatedExchange:
    """Markets, accounts and money of one exchange."""

    def __init__(
        self,
        config: SimulatorConfig,
        *,
        seed: int,
        account_count: int,
        now_ns: int,
        symbols: Iterable[str] | None = None,
        floor: Callable[[Listing, int], Floor] | None = None,
    ) -> None:
        """Open the exchange. `floor` replaces the matching book of each symbol, as a replay does."""
        self.config = config
        self.seed = seed
        # Ids rise with the opening time, so that a later exchange never gives an id again.
        first_id = max(1, now_ns // MS_NS - EPOCH_MS)
        self.accounts: list[SimulatedAccount] = [make_account(seed, index) for index in range(account_count)]
        self.settlement = Settlement(config, account_count, first_id)
        self.markets: dict[str, SymbolMarket] = {}
        self.source: MarketSource | None = None
        self.market_order_id = 0
        self._closed_depth = now_ns // (FAST_MS * MS_NS)
        wanted = None if symbols is None else set(symbols)
        for shape in config.symbols:
            if wanted is None or shape.symbol in wanted:
                listing = Listing(shape)
                book = floor(listing, first_id) if floor else MatchingBook(first_id)
                self.markets[shape.symbol] = self._open(
                    listing, book, now_ns, public=floor is None, first_id=first_id
                )
        for account in range(account_count):
            self.fund(account, now_ns)

    def fund(self, account: int, now_ns: int) -> None:
        """Give a new account its opening balances."""
        for asset, amount in self.config.opening_balances.items():
            self.settlement.ledger.deposit(account, asset, parse_units(amount), account, now_ns)

    def listen(self, listener: ExchangeListener) -> None:
        """Tell this listener from now on."""
        self.settlement.listener = listener

    @property
    def listener(self) -> ExchangeListener:
        """Who is told."""
        return self.settlement.listener

    def market(self, symbol: str) -> SymbolMarket:
        """Return the symbol's market; refuses one that is not listed."""
        market = self.markets.get(symbol)
        if market is None:
            raise bad_symbol()
        return market

    # ------------------------------------------------------------------ orders

    def place(self, account: int, request: NewOrder, now_ns: int) -> Order:
        """Accept an order whose form was checked, match it, and return it as it then stands."""
        market = self.market(request.symbol)
        if not market.listing.trading:
            raise market_closed()
        order = self._accept(market, account, request, now_ns)
        self.settlement.report(market, order, "NEW", now_ns)
        if request.tif == "FOK" and self._reachable(market, order)[0] < order.lots:
            self._expire(market, order, now_ns)
        else:
            self._match(market, order, now_ns)
        self._publish(market, now_ns)
        return order

    def cancel(
        self,
        account: int,
        symbol: str,
        order_id: int | None,
        client_order_id: str | None,
        cancel_id: str,
        now_ns: int,
    ) -> Order:
        """Cancel an open order and return it; refuses one that is not open."""
        market = self.market(symbol)
        order = self.settlement.orders[account].find_open(symbol, order_id, client_order_id)
        if order is None:
            raise unknown_order()
        self._cancel(market, order, cancel_id, now_ns)
        self._publish(market, now_ns)
        return order

    def cancel_all(self, account: int, symbol: str, cancel_id: Callable[[], str], now_ns: int) -> list[Order]:
        """Cancel the account's open orders of the symbol; refuses when there is none."""
        market = self.market(symbol)
        orders = [
            one for one in self.settlement.orders[account].open.values() if one.request.symbol == symbol
        ]
        if not orders:
            raise unknown_order()
        for order in orders:
            self._cancel(market, order, cancel_id(), now_ns)
        self._publish(market, now_ns)
        return orders

    # ------------------------------------------------------------------ the market

    def advance(self, now_ns: int) -> None:
        """Let the market do what is due, then close the depth windows that ended."""
        if self.source is not None:
            self.source.advance(now_ns)
        window = now_ns // (FAST_MS * MS_NS)
        if window == self._closed_depth:
            return
        second_ended = window // (SLOW_MS // FAST_MS) != self._closed_depth // (SLOW_MS // FAST_MS)
        self._closed_depth = window
        for market in self.markets.values():
            self._close_depth(market, second_ended)

    def place_for_nobody(
        self, market: SymbolMarket, side: int, ticks: int, lots: int, now_ns: int, *, rest: bool
    ) -> int:
        """Let the outside world place an order; return its id when it rests, else 0."""
        self.market_order_id -= 1
        number = self.market_order_id
        events, leaves = market.floor.place(number, NOBODY, side, ticks, lots, rest)
        for event in events:
            self._execute(market, None, side == BUY, event, now_ns)
        if events:
            self.settlement.flush(now_ns)
        return number if rest and leaves else 0

    def fill_from_recording(
        self, market: SymbolMarket, order_id: int, owner: int, lots: int, now_ns: int
    ) -> None:
        """Fill a resting order at its own price against the outside world."""
        order = self.settlement.orders[owner - 1].open[order_id]
        self.settlement.trade(market, None, order, not order.is_buy, order.request.price_ticks, lots, now_ns)
        self.settlement.flush(now_ns)

    def publish_quote(self, market: SymbolMarket) -> None:
        """Tell the touch when it changed."""
        if market.quote_changed():
            self.listener.on_quote(market)

    def _check(self) -> None:
        """Assert that the money adds up and that what orders lock is what the ledger holds locked."""
        self.settlement.ledger._check()
        for index, orders in enumerate(self.settlement.orders):
            locked: dict[str, int] = {}
            for order in orders.open.values():
                listing = self.markets[order.request.symbol].listing
                asset = listing.quote if order.is_buy else listing.base
                locked[asset] = locked.get(asset, 0) + order.locked
            for asset in {
                one for market in self.markets.values() for one in (market.listing.base, market.listing.quote)
            }:
                assert self.settlement.ledger.locked(index, asset) == locked.get(asset, 0), (index, asset)

    # ------------------------------------------------------------------ inside

    def _open(
        self, listing: Listing, floor: Floor, now_ns: int, *, public: bool, first_id: int
    ) -> SymbolMarket:
        history = self.config.history
        start = parse_units(listing.shape.market.start_price) // listing.tick
        tape = Tape(start, now_ns // MS_NS, history.trades_per_symbol_max, history.minutes_per_symbol_max)
        return SymbolMarket(listing, floor, tape, public=public, first_id=first_id)

    def _accept(self, market: SymbolMarket, account: int, request: NewOrder, now_ns: int) -> Order:
        """Give the order its id and set its money aside; nothing has changed when this refuses."""
        settlement, now_ms = self.settlement, now_ns // MS_NS
        order = Order(settlement.next_order_id, account, request, now_ms, now_ms, request.lots, trades=[])
        if request.quote_units:
            order.lots = self._lots_for_amount(market, order)
        if request.type == "LIMIT_MAKER" and self._would_take(market, order):
            raise order_rejected("Order would immediately match and take.")
        asset, units = self._amount_to_lock(market, order)
        if settlement.ledger.free(account, asset) < units:
            raise insufficient_balance()
        settlement.orders[account].add(order)
        settlement.next_order_id += 1
        settlement.lock(order, asset, units, now_ns)
        return order

    def _match(self, market: SymbolMarket, order: Order, now_ns: int) -> None:
        request = order.request
        rests = request.type == "LIMIT_MAKER" or (request.type == "LIMIT" and request.tif == "GTC")
        side = BUY if order.is_buy else SELL
        events, leaves = market.floor.place(
            order.order_id, owner_of(order.account), side, limit_of(order), order.lots, rests
        )
        for event in events:
            self._execute(market, order, order.is_buy, event, now_ns)
        if leaves and not rests:
            self._expire(market, order, now_ns)

    def _execute(
        self,
        market: SymbolMarket,
        taker: Order | None,
        buy: bool,
        event: tuple[int, int, int, int, int],
        now_ns: int,
    ) -> None:
        kind, maker_id, maker_owner, ticks, lots = event
        maker = self.settlement.orders[maker_owner - 1].open[maker_id] if maker_owner != NOBODY else None
        if kind == FILL:
            self.settlement.trade(market, taker, maker, buy, ticks, lots, now_ns)
            return
        assert maker is not None
        maker.prevented_lots += lots
        self.settlement.end(market, maker, "EXPIRED_IN_MATCH", "TRADE_PREVENTION", now_ns)

    def _expire(self, market: SymbolMarket, order: Order, now_ns: int) -> None:
        order.expiry_reason = "INSUFFICIENT_LIQUIDITY"
        self.settlement.end(market, order, "EXPIRED", "EXPIRED", now_ns)

    def _cancel(self, market: SymbolMarket, order: Order, cancel_id: str, now_ns: int) -> None:
        left = market.floor.cancel(order.order_id)
        assert left == order.leaves, f"order {order.order_id}: book and record disagree"
        order.cancelled_by = cancel_id
        self.settlement.end(market, order, "CANCELED", "CANCELED", now_ns)

    def _publish(self, market: SymbolMarket, now_ns: int) -> None:
        self.settlement.flush(now_ns)
        self.publish_quote(market)

    def _close_depth(self, market: SymbolMarket, second_ended: bool) -> None:
        update = market.close_depth()
        if update is not None:
            self.listener.on_depth(market, update, FAST_MS)
        slow = market.close_slow_depth() if second_ended else None
        if slow is not None:
            self.listener.on_depth(market, slow, SLOW_MS)

    def _reachable(self, market: SymbolMarket, order: Order) -> tuple[int, int]:
        side = BUY if order.is_buy else SELL
        return market.floor.sweep(side, limit_of(order), order.lots, owner_of(order.account))

    def _would_take(self, market: SymbolMarket, order: Order) -> bool:
        """Return whether anything within the limit rests on the other side, whoever owns it."""
        side = BUY if order.is_buy else SELL
        return market.floor.sweep(side, order.request.price_ticks, 1, NOBODY)[0] > 0

    def _lots_for_amount(self, market: SymbolMarket, order: Order) -> int:
        """Return the lots that quoteOrderQty moves at the displayed prices."""
        budget = order.request.quote_units // market.listing.units_per_tick_lot
        side = BUY if order.is_buy else SELL
        lots, _ = market.floor.sweep_budget(side, budget, owner_of(order.account))
        if not lots:
            raise order_rejected("Order book liquidity is less than LOT_SIZE filter minimum quantity.")
        return lots

    def _amount_to_lock(self, market: SymbolMarket, order: Order) -> tuple[str, int]:
        listing = market.listing
        if not order.is_buy:
            return listing.base, order.lots * listing.lot
        if order.request.type == "MARKET":
            return listing.quote, self._reachable(market, order)[1] * listing.units_per_tick_lot
        return listing.quote, listing.value(order.request.price_ticks, order.lots)


def limit_of(order: Order) -> int:
    """Return the worst price in ticks at which the order may trade."""
    if order.request.type != "MARKET":
        return order.request.price_ticks
    return TICKS_MAX if order.is_buy else 0
