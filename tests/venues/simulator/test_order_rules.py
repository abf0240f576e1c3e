"""What the exchange refuses, with Binance's codes and exact texts; and what it answers to what it accepts."""

from __future__ import annotations

import pytest

from tests.venues.simulator.exchange_desk import Desk

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "60000",
}
CLIENT_ORDER_ID = "^[a-zA-Z0-9-_]{1,36}$"
NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"


def without(name: str) -> dict[str, str | None]:
    return {name: None}


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        (
            without("symbol"),
            -1102,
            "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
        ),
        (without("price"), -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        (
            without("timeInForce"),
            -1102,
            "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.",
        ),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "GUESS"}, -1116, "Invalid orderType."),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        (
            {"price": "60k"},
            -1100,
            f"Illegal characters found in parameter 'price'; legal range is '{NUMBER}'.",
        ),
        (
            {"price": "-1"},
            -1100,
            f"Illegal characters found in parameter 'price'; legal range is '{NUMBER}'.",
        ),
        ({"price": "60000.000000001"}, -1111, "Parameter 'price' has too much precision."),
        ({"quantity": "0.010000001"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"quoteOrderQty": "10"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
        (
            {"colour": "red"},
            -1104,
            "Not all sent parameters were read; read '9' parameter(s) but was sent '10'.",
        ),
        (
            {"newClientOrderId": "a b"},
            -1100,
            f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{CLIENT_ORDER_ID}'.",
        ),
        ({"newClientOrderId": ""}, -1105, "Parameter 'newClientOrderId' was empty."),
        ({"price": "60000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "0"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "1000000.01"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.000011"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "9000.00001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"price": "12000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"price": "310000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.00008"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "151"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "17"}, -2010, "Account has insufficient balance for requested action."),
        (
            {"side": "SELL", "quantity": "10.1"},
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        ({"type": "STOP_LOSS"}, -2010, "Stop loss orders are not supported for this symbol."),
        ({"icebergQty": "0.001"}, -2010, "Iceberg orders are not supported for this symbol."),
    ],
)
def test_a_wrong_order_is_refused_and_changes_nothing(change, code, text):
    desk = Desk()
    before = dict(desk.exchange.settlement.ledger.balances)
    reply = desk.ask("order.place", 0, **ORDER | change)
    assert (reply.status, reply.code, reply.text) == (400, code, text)
    assert not desk.heard.events
    assert {key: units for key, units in desk.exchange.settlement.ledger.balances.items() if units} == before


def test_the_opening_deposits_leave_no_empty_balances_behind():
    assert all(Desk().exchange.settlement.ledger.balances.values())


@pytest.mark.parametrize(
    ("more", "code", "text"),
    [
        ({}, -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
        ({"quantity": "1", "price": "5"}, -1106, "Parameter 'price' sent when not required."),
        ({"quantity": "1", "timeInForce": "GTC"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"quantity": "121"}, -1013, "Filter failure: MARKET_LOT_SIZE"),
        ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        (
            {"quoteOrderQty": "100"},
            -2010,
            "Order book liquidity is less than LOT_SIZE filter minimum quantity.",
        ),
    ],
)
def test_a_wrong_market_order_is_refused(more, code, text):
    reply = Desk().market(0, "BUY", **more)
    assert (reply.code, reply.text) == (code, text)


def test_more_open_orders_than_the_filter_allows_are_refused_until_one_is_cancelled():
    desk = Desk()
    for number in range(200):
        desk.now_ns += 200_000_000
        assert desk.limit(0, "BUY", "50000", "0.0002", newClientOrderId=f"o{number}").status == 200
    refused = desk.limit(0, "BUY", "50000", "0.0002")
    assert refused.text == "Filter failure: MAX_NUM_ORDERS"
    assert desk.ask("order.cancel", 0, symbol="BTCUSDT", origClientOrderId="o7").status == 200
    assert desk.limit(0, "BUY", "50000", "0.0002").status == 200
    desk.check()


def test_a_client_order_id_is_unique_among_open_orders_only():
    desk = Desk()
    first = desk.limit(0, "BUY", "60000", "0.001", newClientOrderId="same")
    again = desk.limit(0, "BUY", "59000", "0.001", newClientOrderId="same")
    assert (again.code, again.text) == (-2010, "Duplicate order sent.")
    desk.limit(1, "SELL", "60000", "0.001")
    after_the_fill = desk.limit(0, "BUY", "59000", "0.001", newClientOrderId="same")
    assert after_the_fill.status == 200
    assert after_the_fill.result["orderId"] > first.result["orderId"]
    found = desk.ask("order.status", 0, symbol="BTCUSDT", origClientOrderId="same").result
    assert found["orderId"] == after_the_fill.result["orderId"], "the open one is the one that the id names"
    desk.check()


def test_a_maker_only_order_that_would_take_is_refused():
    desk = Desk()
    desk.limit(0, "SELL", "61000", "0.001")
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.001"}
    refused = desk.ask("order.place", 1, **order, price="61000")
    assert (refused.code, refused.text) == (-2010, "Order would immediately match and take.")
    accepted = desk.ask("order.place", 1, **order, price="60999.99")
    assert set(accepted.result) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}


def test_a_cancel_of_what_is_not_open_and_a_query_of_what_never_was_are_refused():
    desk = Desk()
    missing = desk.ask("order.cancel", 0, symbol="BTCUSDT", origClientOrderId="none")
    assert (missing.code, missing.text) == (-2011, "Unknown order sent.")
    unknown = desk.ask("order.status", 0, symbol="BTCUSDT", orderId=5)
    assert (unknown.code, unknown.text) == (-2013, "Order does not exist.")
    unnamed = desk.ask("order.cancel", 0, symbol="BTCUSDT")
    assert unnamed.text == "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
    order = desk.limit(0, "BUY", "60000", "0.001").result
    others = desk.ask("order.cancel", 1, symbol="BTCUSDT", orderId=order["orderId"])
    assert others.code == -2011, "an account cancelled another's order"


def test_a_test_order_is_checked_and_not_placed():
    desk = Desk()
    assert desk.ask("order.test", 0, **ORDER).result == {}
    assert desk.ask("order.test", 0, **ORDER | {"price": "0.001"}).text == "Filter failure: PRICE_FILTER"
    assert not desk.heard.events


def test_a_full_answer_lists_the_fills_with_fees_in_the_received_asset():
    desk = Desk()
    desk.limit(0, "SELL", "61000", "0.4")
    desk.limit(0, "SELL", "61001", "0.4")
    bought = desk.limit(1, "BUY", "61001", "0.5").result
    assert bought["status"] == "FILLED"
    assert bought["executedQty"] == "0.50000000"
    assert bought["cummulativeQuoteQty"] == "30500.10000000"
    assert [(f["price"], f["qty"], f["commission"], f["commissionAsset"]) for f in bought["fills"]] == [
        ("61000.00000000", "0.40000000", "0.00040000", "BTC"),
        ("61001.00000000", "0.10000000", "0.00010000", "BTC"),
    ]
    sold = desk.ask("myTrades", 0, symbol="BTCUSDT").result
    assert [(t["commission"], t["commissionAsset"], t["isMaker"]) for t in sold] == [
        ("24.40000000", "USDT", True),
        ("6.10010000", "USDT", True),
    ]
    desk.check()


@pytest.mark.parametrize(
    ("tif", "executed", "status"), [("IOC", "0.40000000", "EXPIRED"), ("FOK", "0.00000000", "EXPIRED")]
)
def test_what_cannot_be_filled_at_once_expires(tif, executed, status):
    desk = Desk()
    desk.limit(0, "SELL", "61000", "0.4")
    reply = desk.limit(1, "BUY", "61000", "0.5", timeInForce=tif).result
    assert (reply["executedQty"], reply["status"]) == (executed, status)
    assert desk.heard.reports(1)[0] == ("NEW", "NEW")
    assert desk.heard.reports(1)[-1] == ("EXPIRED", "EXPIRED")
    desk.check()


def test_a_fill_or_kill_that_fits_is_filled_whole():
    desk = Desk()
    desk.limit(0, "SELL", "61000", "0.5")
    assert desk.limit(1, "BUY", "61000", "0.5", timeInForce="FOK").result["status"] == "FILLED"


def test_a_market_order_by_amount_spends_at_most_the_amount():
    desk = Desk()
    desk.limit(0, "SELL", "61000", "0.001")
    desk.limit(0, "SELL", "62000", "1")
    reply = desk.market(1, "BUY", quoteOrderQty="100").result
    assert reply["origQuoteOrderQty"] == "100.00000000"
    assert float(reply["cummulativeQuoteQty"]) <= 100 < float(reply["cummulativeQuoteQty"]) + 0.62
    desk.check()


def test_an_order_that_meets_one_of_the_same_account_expires_it():
    desk = Desk()
    resting = desk.limit(0, "SELL", "61000", "0.001").result
    desk.limit(0, "BUY", "61000", "0.001")
    assert (
        desk.ask("order.status", 0, symbol="BTCUSDT", orderId=resting["orderId"]).result["status"]
        == "EXPIRED_IN_MATCH"
    )
    assert ("TRADE_PREVENTION", "EXPIRED_IN_MATCH") in desk.heard.reports(0)
    assert not desk.heard.trades
    desk.check()
