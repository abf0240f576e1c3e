"""The order's states over all sequences of events: total, final where the exchange spoke, exact in fills."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from risk.gate import Gate
from tests.trading.engine.engine_desk import BTCUSDT, PRICE, START_NS, make_desk, open_gate
from tests.trading.engine.scripted_venue import fill, report
from trading.engine.exposure import Exposure
from trading.engine.ledger import Ledger, LiveOrder
from trading.records import OrderSending
from trading.types import OrderState
from venues.base import OrderReport, OrderType, ReportKind, Side, TimeInForce

QUANTITY = 10
EXCHANGE_FINAL = {OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED}
#: Every kind of event; the fills are trades 41 and 61.
EVENTS = ("ack", "rejected", "not_sent", "unknown", "fill_4", "fill_6", "canceled", "expired",
          "cancel_rejected", "cancel_unknown")  # fmt: skip
LENGTH_MAX = 5


def event(name: str, order: LiveOrder) -> OrderReport:
    match name:
        case "fill_4":
            return fill(order, 41, 4)
        case "fill_6":
            return fill(order, 61, 6)
        case _:
            return report(order, ReportKind[name.upper()])


class Books:
    """A ledger and a gate with one order in them at a time."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.desk = make_desk()
        self.number = 0

    def open(self) -> LiveOrder:
        """Begin with empty books and a fresh order of 10 lots, reserved."""
        self.ledger = Ledger(self.desk.accounts, self.desk.instruments)
        self.exposure = Exposure(self.gate, self.ledger, self.desk.assets)
        self.gate.reset_account(1)
        self.number += 1
        order = self.ledger.open_sending(sending(f"mx-0-1-{self.number}"))
        self.exposure.settle(order)
        return order

    def apply(self, order: LiveOrder, told: OrderReport) -> None:
        change = self.ledger.apply(order, told)
        if change.trade is not None:
            self.exposure.take(change.trade)
        elif change.records:
            self.exposure.settle(order)

    def reserved(self) -> int:
        return int(self.gate.position(1, 1)[1])


def sending(name: str) -> OrderSending:
    return OrderSending(
        client_order_id=name,
        tenant_id="10000000-0000-0000-0000-000000000001",
        account_id="00000000-0000-0000-0000-000000000001",
        account=1,
        instrument=1,
        instrument_version=1,
        strategy=0,
        side=Side.BUY,
        type=OrderType.LIMIT,
        tif=TimeInForce.GTC,
        price_ticks=PRICE,
        quantity_lots=QUANTITY,
        reserved_ticks=PRICE,
        signed_at_ms=START_NS // 1_000_000,
        recv_window_ms=2_000,
    )


@pytest.fixture
def books(tmp_path):
    gate = open_gate(tmp_path, make_desk())
    gate.set_quote(1, PRICE - 1, PRICE + 1, START_NS)
    yield Books(gate)
    gate.close()


def all_events() -> Iterable[tuple[str, ...]]:
    """Return every sequence of different events up to the length, in every order."""
    for length in range(1, LENGTH_MAX + 1):
        yield from itertools.permutations(EVENTS, length)


def walk(books: Books, names: Iterable[str]) -> LiveOrder:
    """Apply the events and check after each what must always hold."""
    order = books.open()
    final: OrderState | None = None
    filled = 0
    for name in names:
        books.apply(order, event(name, order))
        assert filled <= order.filled_lots <= QUANTITY, names
        assert final is None or order.state is final, names
        assert books.reserved() == order.exposed_lots == order.reserved_lots, names
        filled = order.filled_lots
        final = order.state if order.state in EXCHANGE_FINAL else None
    return order


def test_every_sequence_of_events_is_survived(books):
    """36,100 sequences of up to five events: no crash, terminal final, no reservation lost or kept."""
    count = 0
    for names in all_events():
        order = walk(books, names)
        count += 1
        expected = 4 * ("fill_4" in names) + 6 * ("fill_6" in names)
        assert order.filled_lots == books.ledger.position_lots(1, 1) == expected, names
        if order.terminal:
            assert books.reserved() == 0, names
        else:
            assert books.reserved() == QUANTITY - expected, names
        books.ledger._check()
    assert count == 36_100


def test_the_same_events_twice_change_nothing_more(books):
    for names in itertools.permutations(EVENTS, 3):
        once = walk(books, names)
        state, filled = once.state, once.filled_lots
        twice = walk(books, [*names, *names])
        assert twice.filled_lots == filled, names
        if state in EXCHANGE_FINAL:
            assert twice.state is state, names


def test_every_fact_of_a_whole_life_in_any_order_ends_alike(books):
    """ACK, both fills and the end, in all 24 orders: ten lots bought, nothing reserved."""
    for names in itertools.permutations(("ack", "fill_4", "fill_6", "expired")):
        order = walk(books, names)
        assert order.terminal
        assert order.state in (OrderState.FILLED, OrderState.EXPIRED)
        assert (order.filled_lots, books.reserved()) == (10, 0), names
        assert books.gate.position(1, 1)[0] == 10


@pytest.mark.parametrize("cumulative", [0, 4, 10])
def test_what_the_venue_filled_unseen_stays_reserved_after_the_end(books, cumulative):
    for end in (ReportKind.CANCELED, ReportKind.EXPIRED):
        order = books.open()
        books.apply(order, report(order, end, filled_lots=cumulative))
        assert books.reserved() == order.owed_lots == cumulative
        assert ((1, order.client_order_id) in books.ledger.owing) is (cumulative > 0)
        books.apply(order, fill(order, 1, 4, 4))
        books.apply(order, fill(order, 2, 6, 10))
        assert books.reserved() == 0
        assert books.gate.position(1, 1)[0] == 10
        books.ledger._check()


def test_fees_leave_the_asset_in_which_they_were_taken(books):
    order = books.open()
    books.apply(order, fill(order, 1, 10, fee_units=70, fee_asset="BNB"))
    money = {asset: held.total_units for (_, asset), held in books.ledger.money.items()}
    assert money == {
        "BTC": 10 * BTCUSDT.units_per_lot,
        "USDT": -10 * PRICE * BTCUSDT.units_per_tick_lot,
        "BNB": -70,
    }


def test_a_fee_in_what_was_bought_makes_the_purchase_smaller(books):
    order = books.open()
    books.apply(order, fill(order, 1, 10, fee_units=9, fee_asset="BTC"))
    assert books.ledger.money[1, "BTC"].total_units == 10 * BTCUSDT.units_per_lot - 9
