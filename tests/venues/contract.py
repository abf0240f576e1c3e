"""The contract that every venue passes, in numbered cases, against a real exchange process.

A venue's test module inherits `VenueContract` and provides the fixture `desk`:
a started venue that follows `desk.instrument` and two accounts, slots 1 and 2.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from tests.venues.listener import Heard
from tests.venues.simulator_process import SimulatorProcess
from venues.base import (
    CancelOrder,
    Instrument,
    NotSent,
    OrderType,
    PlaceOrder,
    ReportKind,
    Side,
    TimeInForce,
    Venue,
)

RECV_WINDOW_MS = 5_000
NUMBERS = itertools.count(1)
ALICE, BOB = 1, 2


@dataclass
class Desk:
    """A venue at work, with what it tells and the exchange behind it."""

    venue: Venue
    heard: Heard
    instrument: Instrument
    exchange: SimulatorProcess
    ids: str = field(default_factory=lambda: f"mx-t-{time.time_ns():x}-")

    def order(
        self,
        side: Side,
        price_ticks: int,
        lots: int,
        *,
        kind: OrderType = OrderType.LIMIT,
        tif: TimeInForce = TimeInForce.GTC,
        account: int = ALICE,
    ) -> PlaceOrder:
        return PlaceOrder(
            account=account,
            instrument=self.instrument,
            client_order_id=f"{self.ids}{next(NUMBERS)}",
            side=side,
            type=kind,
            tif=tif if kind is OrderType.LIMIT else TimeInForce.NONE,
            price_ticks=0 if kind is OrderType.MARKET else price_ticks,
            quantity_lots=lots,
            signed_at_ms=self.venue.now_ms(time.time_ns()),
            recv_window_ms=RECV_WINDOW_MS,
        )

    def cancel_of(self, order: PlaceOrder) -> CancelOrder:
        now_ms = self.venue.now_ms(time.time_ns())
        return CancelOrder(order.account, order.instrument, order.client_order_id, now_ms, RECV_WINDOW_MS)

    async def best(self) -> tuple[int, int, int, int]:
        """Return the best of the book, waiting until it is in sync and two-sided."""

        def known() -> bool:
            book = self.venue.book(self.instrument.symbol)
            return book is not None and all(book.best())

        await self.heard.until("a book in sync", known)
        book = self.venue.book(self.instrument.symbol)
        assert book is not None
        return book.best()

    async def far_below(self) -> int:
        """Return a price that rests: 2 % below the best bid."""
        bid, _, _, _ = await self.best()
        return bid * 98 // 100

    def small_lots(self) -> int:
        """Return a quantity worth about 60 USDT at 60,000, well above the least notional."""
        return self.instrument.quantity_lots("0.001")

    def requests(self, client_order_id: str) -> list[Any]:
        """Return the order requests that reached the exchange under this id."""
        answer: list[Any] = self.exchange.control(
            f"requests?endpoint=order.place&client_order_id={client_order_id}"
        )
        return answer


class VenueContract:
    async def test_01_instruments_are_exact_and_tradable(self, desk: Desk) -> None:
        found = {instrument.symbol: instrument for instrument in await desk.venue.instruments()}
        instrument = found[desk.instrument.symbol]
        assert instrument.trading
        assert instrument.venue == desk.venue.name
        assert instrument.units_per_lot > 0
        assert instrument.units_per_tick_lot > 0
        assert instrument.price(instrument.price_ticks("61000.01")) == Decimal("61000.01")

    async def test_02_quotes_trades_and_a_book_in_sync_come(self, desk: Desk) -> None:
        symbol = desk.instrument.symbol
        bid, bid_lots, ask, ask_lots = await desk.best()
        assert 0 < bid < ask
        assert bid_lots > 0
        assert ask_lots > 0
        assert (symbol, True) in desk.heard.market_live
        await desk.heard.until("a quote", lambda: symbol in desk.heard.quotes)
        await desk.heard.until("a trade", lambda: symbol in desk.heard.trades)
        assert desk.venue.book("NOTWATCHED") is None

    async def test_03_a_limit_order_that_takes_is_accepted_and_filled(self, desk: Desk) -> None:
        _, _, ask, _ = await desk.best()
        order = desk.order(Side.BUY, ask * 101 // 100, desk.small_lots())
        desk.venue.place(order)
        accepted = await desk.heard.report(order.client_order_id, ReportKind.ACK)
        assert accepted.venue_order_id > 0
        await desk.heard.until("all fills", lambda: filled(desk, order) == order.quantity_lots)
        fills = desk.heard.of(order.client_order_id, ReportKind.FILL)
        assert fills[-1].filled_lots == order.quantity_lots
        assert all(fill.fill_price_ticks <= order.price_ticks and fill.trade_id > 0 for fill in fills)
        assert all(fill.fee_units > 0 and fill.fee_asset and not fill.maker for fill in fills)
        await desk.heard.until("balances", lambda: "BTC" in desk.heard.balances.get(ALICE, {}))

    async def test_04_the_venue_remembers_order_and_fills(self, desk: Desk) -> None:
        _, _, ask, _ = await desk.best()
        since_ms = desk.venue.now_ms(time.time_ns()) - 1_000
        order = desk.order(Side.BUY, ask * 101 // 100, desk.small_lots(), account=BOB)
        desk.venue.place(order)
        await desk.heard.until("all fills", lambda: filled(desk, order) == order.quantity_lots)
        known = await desk.venue.query_order(BOB, desk.instrument, order.client_order_id)
        assert known is not None
        assert (known.status, known.filled_lots, known.side) == ("FILLED", order.quantity_lots, Side.BUY)
        told = {fill.trade_id: fill for fill in desk.heard.of(order.client_order_id, ReportKind.FILL)}
        fills = await desk.venue.fills_since(BOB, desk.instrument, since_ms)
        asked = {fill.trade_id: fill for fill in fills if fill.venue_order_id == known.venue_order_id}
        assert {
            trade_id: (fill.lots, fill.price_ticks, fill.fee_units, fill.fee_asset, fill.event_ns)
            for trade_id, fill in asked.items()
        } == {
            trade_id: (fill.fill_lots, fill.fill_price_ticks, fill.fee_units, fill.fee_asset, fill.event_ns)
            for trade_id, fill in told.items()
        }

    async def test_05_an_order_that_rests_is_open_until_it_is_cancelled(self, desk: Desk) -> None:
        order = desk.order(Side.BUY, await desk.far_below(), desk.small_lots())
        desk.venue.place(order)
        await desk.heard.report(order.client_order_id, ReportKind.ACK)
        opened = {known.client_order_id: known for known in await desk.venue.open_orders(ALICE)}
        assert opened[order.client_order_id].price_ticks == order.price_ticks
        desk.venue.cancel(desk.cancel_of(order))
        canceled = await desk.heard.report(order.client_order_id, ReportKind.CANCELED)
        assert canceled.filled_lots == 0
        assert order.client_order_id not in {
            known.client_order_id for known in await desk.venue.open_orders(ALICE)
        }

    async def test_06_a_cancel_of_what_is_gone_leaves_the_order_open_to_question(self, desk: Desk) -> None:
        order = desk.order(Side.BUY, await desk.far_below(), desk.small_lots())
        desk.venue.cancel(desk.cancel_of(order))
        answer = await desk.heard.report(order.client_order_id, ReportKind.CANCEL_UNKNOWN)
        assert answer.code == -2011

    async def test_07_a_maker_order_that_would_take_is_rejected(self, desk: Desk) -> None:
        _, _, ask, _ = await desk.best()
        order = desk.order(Side.BUY, ask * 101 // 100, desk.small_lots(), kind=OrderType.LIMIT_MAKER)
        desk.venue.place(order)
        refused = await desk.heard.report(order.client_order_id, ReportKind.REJECTED)
        assert refused.code == -2010
        assert "immediately match" in refused.text

    async def test_08_an_order_beyond_the_balance_is_rejected(self, desk: Desk) -> None:
        held = {balance.asset: balance for balance in await desk.venue.balances(ALICE)}
        bid, _, _, _ = await desk.best()
        lots = 2 * held["USDT"].free_units // (desk.instrument.units_per_tick_lot * bid)
        order = desk.order(Side.BUY, bid * 99 // 100, lots)
        desk.venue.place(order)
        refused = await desk.heard.report(order.client_order_id, ReportKind.REJECTED)
        assert "insufficient balance" in refused.text

    async def test_09_an_immediate_order_that_finds_nobody_expires(self, desk: Desk) -> None:
        order = desk.order(Side.BUY, await desk.far_below(), desk.small_lots(), tif=TimeInForce.IOC)
        desk.venue.place(order)
        expired = await desk.heard.report(order.client_order_id, ReportKind.EXPIRED)
        assert expired.filled_lots == 0

    async def test_10_a_market_order_is_filled(self, desk: Desk) -> None:
        await desk.best()
        order = desk.order(Side.SELL, 0, desk.small_lots(), kind=OrderType.MARKET)
        desk.venue.place(order)
        await desk.heard.until("all fills", lambda: filled(desk, order) == order.quantity_lots)

    async def test_11_a_lost_reply_is_unknown_and_a_question_tells(self, desk: Desk) -> None:
        order = desk.order(Side.BUY, await desk.far_below(), desk.small_lots())
        desk.exchange.control("faults", {"kind": "drop_reply", "endpoint": "order.place", "account": 0})
        desk.venue.place(order)
        await desk.heard.report(order.client_order_id, ReportKind.UNKNOWN)
        known = await desk.venue.query_order(ALICE, desk.instrument, order.client_order_id)
        assert known is not None
        assert known.status == "NEW"
        assert len(desk.requests(order.client_order_id)) == 1, "asked, never sent again"

    async def test_12_a_late_reply_is_still_told(self, desk: Desk) -> None:
        order = desk.order(Side.BUY, await desk.far_below(), desk.small_lots(), kind=OrderType.LIMIT_MAKER)
        delay = {"kind": "delay_reply", "endpoint": "order.place", "account": 0, "delay_ms": 2_500}
        desk.exchange.control("faults", delay)
        desk.venue.place(order)
        await desk.heard.report(order.client_order_id, ReportKind.UNKNOWN)
        await desk.heard.until("the late answer", lambda: after_unknown(desk, order))

    async def test_13_a_server_error_is_unknown_whether_or_not_it_was_executed(self, desk: Desk) -> None:
        price = await desk.far_below()
        for kind, executed in (("error", False), ("error_executed", True)):
            order = desk.order(Side.BUY, price, desk.small_lots())
            desk.exchange.control("faults", {"kind": kind, "endpoint": "order.place", "account": 0})
            desk.venue.place(order)
            answer = await desk.heard.report(order.client_order_id, ReportKind.UNKNOWN)
            assert answer.code == -1007
            known = await desk.venue.query_order(ALICE, desk.instrument, order.client_order_id)
            assert (known is not None) is executed

    async def test_14_a_broken_order_connection_makes_its_orders_unknown_and_comes_back(
        self, desk: Desk
    ) -> None:
        price = await desk.far_below()
        order = desk.order(Side.BUY, price, desk.small_lots())
        desk.exchange.control("faults", {"kind": "disconnect", "endpoint": "order.place", "account": 0})
        desk.venue.place(order)
        await desk.heard.report(order.client_order_id, ReportKind.UNKNOWN)
        assert await desk.venue.query_order(ALICE, desk.instrument, order.client_order_id) is not None
        again = await place_when_connected(desk, price)
        await desk.heard.report(again.client_order_id, ReportKind.ACK)

    async def test_15_user_data_is_subscribed_again_after_a_break(self, desk: Desk) -> None:
        price = await desk.far_below()
        desk.heard.account_live.clear()
        desk.exchange.control("disconnect", {"streams": "user"})
        ended = {(ALICE, False), (BOB, False)}
        begun = {(ALICE, True), (BOB, True)}
        await desk.heard.until("the break", lambda: ended <= set(desk.heard.account_live))
        await desk.heard.until("life", lambda: begun <= set(desk.heard.account_live))
        order = await place_when_connected(desk, price)
        await desk.heard.until(
            "its event", lambda: any(r.filled_lots == 0 for r in desk.heard.of(order.client_order_id))
        )

    async def test_16_one_ended_subscription_is_made_again(self, desk: Desk) -> None:
        await desk.best()
        desk.heard.account_live.clear()
        desk.exchange.control("disconnect", {"streams": "terminate", "account": 1})
        await desk.heard.until("the end and life", lambda: len(desk.heard.account_live) >= 2)
        assert desk.heard.account_live == [(BOB, False), (BOB, True)]

    async def test_17_a_broken_market_connection_rebuilds_the_book(self, desk: Desk) -> None:
        symbol = desk.instrument.symbol
        await desk.best()
        desk.heard.market_live.clear()
        desk.exchange.control("disconnect", {"streams": "market"})
        await desk.heard.until("the book's life", lambda: (symbol, True) in desk.heard.market_live)
        assert desk.heard.market_live[0] == (symbol, False)
        await desk.best()

    async def test_18_nothing_is_sent_where_nothing_is_connected(self, desk: Desk) -> None:
        order = desk.order(Side.BUY, await desk.far_below(), desk.small_lots())
        await desk.venue.stop()
        with pytest.raises(NotSent):
            desk.venue.place(order)
        with pytest.raises(NotSent):
            desk.venue.cancel(desk.cancel_of(order))
        assert desk.requests(order.client_order_id) == []

    async def test_19_an_account_without_a_key_sends_nothing(self, desk: Desk) -> None:
        order = desk.order(Side.BUY, await desk.far_below(), desk.small_lots(), account=99)
        with pytest.raises(NotSent, match="no key"):
            desk.venue.place(order)

    async def test_20_a_request_signed_too_long_ago_is_refused_and_never_signed_again(
        self, desk: Desk
    ) -> None:
        fresh = desk.order(Side.BUY, await desk.far_below(), desk.small_lots())
        order = PlaceOrder(
            fresh.account,
            fresh.instrument,
            fresh.client_order_id,
            fresh.side,
            fresh.type,
            fresh.tif,
            fresh.price_ticks,
            fresh.quantity_lots,
            fresh.signed_at_ms - 10_000,
            2_000,
        )
        desk.venue.place(order)
        refused = await desk.heard.report(order.client_order_id, ReportKind.REJECTED)
        assert refused.code == -1021
        assert len(desk.heard.of(order.client_order_id)) == 1


def filled(desk: Desk, order: PlaceOrder) -> int:
    return sum(fill.fill_lots for fill in desk.heard.of(order.client_order_id, ReportKind.FILL))


def after_unknown(desk: Desk, order: PlaceOrder) -> bool:
    """Return whether the request was answered after it had been given up."""
    kinds = [report.kind for report in desk.heard.of(order.client_order_id) if report.filled_lots == -1]
    return kinds == [ReportKind.UNKNOWN, ReportKind.ACK]


async def place_when_connected(desk: Desk, price_ticks: int) -> PlaceOrder:
    """Place an order as soon as the venue takes one; market data that goes on sets the pace."""
    order = desk.order(Side.BUY, price_ticks, desk.small_lots())
    placed = False

    def try_once() -> bool:
        nonlocal placed
        try:
            desk.venue.place(order)
            placed = True
        except NotSent:
            return False
        return True

    await desk.heard.until("a connection for orders", lambda: placed or try_once())
    return order
