"""What an orderly stop leaves behind, so that the next start goes on with the same exchange.

Written on SIGTERM, taken (and removed) at the next start: after a crash there
is none, and a new exchange opens, whose ids are all higher. Not kept: rate
limit counters, minute bars, public trades, armed faults. A replay is never kept.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from venues.simulator.accounts import write_private_bytes
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.generated_market import GeneratedMarket
from venues.simulator.matching import NOBODY, MatchingBook
from venues.simulator.orders import AccountTrade, Order
from venues.simulator.symbol_market import DepthWindow, SymbolMarket

VERSION = 1


class AccountState(msgspec.Struct):
    """One account's orders and trades."""

    open: list[Order]
    closed: list[Order]
    trades: list[AccountTrade]


class MarketState(msgspec.Struct):
    """One symbol's book: (order id, owner, side, ticks, lots) in priority, and where the price is."""

    update_id: int
    resting: list[tuple[int, int, int, int, int]]
    fair: float
    last_ticks: int
    next_trade_id: int


class ExchangeState(msgspec.Struct):
    """The whole exchange."""

    version: int
    seed: int
    balances: list[tuple[int, str, str, int]]
    accounts: list[AccountState]
    markets: dict[str, MarketState]
    next_order_id: int
    next_execution_id: int
    market_order_id: int


def state_path(home: Path, seed: int) -> Path:
    """Return where the state of a seed's exchange is kept."""
    return home / f"state-{seed}.msgpack"


def save(path: Path, exchange: SimulatedExchange, source: GeneratedMarket) -> None:
    """Write the state, readable by its owner only."""
    settlement = exchange.settlement
    fairs = {one.market.listing.symbol: one.fair for one in source.participants}
    state = ExchangeState(
        version=VERSION,
        seed=exchange.seed,
        balances=[(*key, units) for key, units in settlement.ledger.balances.items()],
        accounts=[
            AccountState(list(one.open.values()), list(one.closed.values()), list(one.trades))
            for one in settlement.orders
        ],
        markets={
            symbol: MarketState(
                market.floor.update_id,
                market.floor.resting(),
                fairs[symbol],
                market.tape.last_ticks,
                market.next_trade_id,
            )
            for symbol, market in exchange.markets.items()
        },
        next_order_id=settlement.next_order_id,
        next_execution_id=settlement.next_execution_id,
        market_order_id=exchange.market_order_id,
    )
    write_private_bytes(path, msgspec.msgpack.encode(state))


def take(path: Path) -> ExchangeState | None:
    """Return the state and remove its file; None when there is none of this version."""
    if not path.exists():
        return None
    content = path.read_bytes()
    path.unlink()
    try:
        state = msgspec.msgpack.decode(content, type=ExchangeState)
    except msgspec.MsgspecError:
        return None
    return state if state.version == VERSION else None


def restore(state: ExchangeState, exchange: SimulatedExchange, source: GeneratedMarket, now_ns: int) -> None:
    """Put a freshly made exchange, whose books are still empty, into the state; accounts may be added."""
    settlement = exchange.settlement
    settlement.next_order_id = state.next_order_id
    settlement.next_execution_id = state.next_execution_id
    exchange.market_order_id = state.market_order_id
    settlement.ledger.balances.clear()
    for holder, part, asset, units in state.balances:
        settlement.ledger.balances[holder, part, asset] = units
    for added in range(len(state.accounts), len(settlement.orders)):
        exchange.fund(added, now_ns)
    for orders, kept in zip(settlement.orders, state.accounts, strict=False):
        for order in kept.closed:
            orders.remember(order)
        for order in kept.open:
            orders.add(order)
        orders.trades.extend(kept.trades)
    for participants in source.participants:
        kept_market = state.markets.get(participants.market.listing.symbol)
        if kept_market is not None:
            participants.fair = kept_market.fair
            participants.market.tape.last_ticks = kept_market.last_ticks
            participants.market.next_trade_id = kept_market.next_trade_id
            restore_book(participants.market, kept_market)
            for number, owner, side, ticks, _ in kept_market.resting:
                if owner == NOBODY:
                    participants.quotes[side].append((number, ticks))
    exchange._check()


def restore_book(market: SymbolMarket, kept: MarketState) -> None:
    """Rest the orders again in their priority; update ids go on from where they were."""
    book = MatchingBook(kept.update_id)
    for number, owner, side, ticks, lots in kept.resting:
        events, _ = book.place(number, owner, side, ticks, lots, True)
        assert not events, f"{market.listing.symbol}: the saved book was crossed at {ticks}"
    book.take_changes()
    market.floor = book
    market.fast, market.slow = DepthWindow(book.update_id), DepthWindow(book.update_id)
    market.quote = book.best()
