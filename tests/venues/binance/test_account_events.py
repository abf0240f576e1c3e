from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.venues.listener import Heard
from venues.base import Balance, Instrument, InstrumentUnusable, Misaligned, OrderReport, ReportKind
from venues.binance.account_events import AccountEvents, units

BTCUSDT = Instrument(
    venue="binance_spot",
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.01"),
    lot=Decimal("0.00001"),
    price_min_ticks=1,
    price_max_ticks=10**8,
    quantity_min_lots=1,
    quantity_max_lots=10**9,
    market_quantity_max_lots=10**7,
    notional_min_units=500_000_000,
    base_scale=8,
    quote_scale=8,
    trading=True,
)
EXECUTION: dict[str, Any] = {
    "e": "executionReport",
    "E": 1499405658658,
    "s": "BTCUSDT",
    "c": "mx-1-1-1",
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 4293153,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1499405658657,
    "t": -1,
    "m": False,
}
FILL = {
    **EXECUTION,
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "l": "0.00500000",
    "z": "0.00700000",
    "L": "61000.01000000",
    "n": "0.00000500",
    "N": "BTC",
    "t": 77,
    "m": True,
}


class Account:
    """The events of account 3, with what they lead to."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.closed: dict[str, InstrumentUnusable] = {}
        self.events = AccountEvents(
            instruments={"BTCUSDT": BTCUSDT}, listener=self.heard, unusable=self.closed.__setitem__
        )

    def take(self, event: dict[str, Any]) -> bool:
        return self.events.take(3, msgspec.Raw(json.dumps(event).encode()))


@pytest.fixture
async def account() -> Account:
    return Account()


async def test_a_fill_carries_trade_price_quantity_and_fee_exactly(account: Account) -> None:
    assert account.take(FILL)
    assert account.heard.reports == [
        OrderReport(
            kind=ReportKind.FILL,
            account=3,
            symbol="BTCUSDT",
            client_order_id="mx-1-1-1",
            venue_order_id=4293153,
            filled_lots=700,
            trade_id=77,
            fill_lots=500,
            fill_price_ticks=6_100_001,
            fee_units=500,
            fee_asset="BTC",
            maker=True,
            event_ns=1499405658657_000_000,
        )
    ]


@pytest.mark.parametrize(
    ("execution", "kind"),
    [
        ("NEW", ReportKind.ACK),
        ("CANCELED", ReportKind.CANCELED),
        ("EXPIRED", ReportKind.EXPIRED),
        ("TRADE_PREVENTION", ReportKind.EXPIRED),
        ("REJECTED", ReportKind.REJECTED),
    ],
)
async def test_each_execution_type_has_its_kind(account: Account, execution: str, kind: ReportKind) -> None:
    account.take({**EXECUTION, "x": execution, "r": "SOME_REASON"})
    assert [(report.kind, report.text) for report in account.heard.reports] == [(kind, "SOME_REASON")]


async def test_a_cancel_is_told_under_the_id_of_the_order_it_cancels(account: Account) -> None:
    account.take({**EXECUTION, "x": "CANCELED", "c": "the-cancel", "C": "mx-1-1-9"})
    assert account.heard.reports[0].client_order_id == "mx-1-1-9"


async def test_an_unknown_execution_type_closes_its_symbol_and_nothing_else(account: Account) -> None:
    assert account.take({**EXECUTION, "x": "TELEPORTED"})
    assert list(account.closed) == ["BTCUSDT"]
    assert account.heard.reports == []
    account.take(EXECUTION)
    assert len(account.heard.reports) == 1


@pytest.mark.parametrize("change", [{"L": "61000.001"}, {"l": "0.000001"}, {"n": "0.000000001"}, {"z": "x"}])
async def test_a_fill_that_is_not_exact_closes_its_symbol(account: Account, change: dict[str, str]) -> None:
    account.take({**FILL, **change})
    assert list(account.closed) == ["BTCUSDT"]
    assert account.heard.reports == []


async def test_an_order_in_a_symbol_that_nobody_watches_is_left_out(account: Account) -> None:
    assert account.take({**EXECUTION, "s": "ETHUSDT"})
    assert account.heard.reports == []
    assert account.closed == {}


async def test_balances_are_absolute_units(account: Account) -> None:
    position = [{"a": "BTC", "f": "1.00000001", "l": "0.5"}, {"a": "USDT", "f": "0", "l": "0"}]
    account.take({"e": "outboundAccountPosition", "E": 5, "u": 4, "B": position})
    assert account.heard.balances[3] == {
        "BTC": Balance("BTC", 100_000_001, 50_000_000),
        "USDT": Balance("USDT", 0, 0),
    }


async def test_the_end_of_a_subscription_is_told_and_unknown_events_are_not(account: Account) -> None:
    assert account.take({"e": "balanceUpdate", "a": "BTC", "d": "1"})
    assert account.take({"e": "somethingNew"})
    assert not account.take({"e": "eventStreamTerminated", "E": 1})


async def test_an_event_without_its_fields_raises_so_that_everybody_asks(account: Account) -> None:
    with pytest.raises(msgspec.DecodeError):
        account.take({"e": "executionReport", "s": "BTCUSDT"})


def test_amounts_finer_than_the_scale_are_refused() -> None:
    assert units("0.00000001") == 1
    with pytest.raises(Misaligned):
        units("0.000000001")
