"""The compiled parser against the slow, obvious one, on recorded and on broken messages."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.binance.market_listener import btcusdt_decoder
from tests.venues.recorded import recorded_messages
from venues.book import Applied, OrderBook

TICK, LOT = Decimal("0.01"), Decimal("0.00001")
QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT",'
    b'"b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}'
)
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
    b'"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
DIFF = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":11,"u":12,'
    b'"b":[["61737.63000000","1.00000000"],["61730.17000000","0.00000000"]],"a":[["61837.64000000","1.5"]]}}'
)


def expected_quote(data: dict[str, Any]) -> tuple[int, ...]:
    prices = [int(Decimal(data[key]) / TICK) for key in "ba"]
    lots = [int(Decimal(data[key]) / LOT) for key in "BA"]
    return (prices[0], lots[0], prices[1], lots[1])


def test_recorded_quotes_and_trades_are_what_json_and_decimal_make_of_them() -> None:
    decoder, heard = btcusdt_decoder()
    for message in islice(recorded_messages(), 5_000):
        if message.startswith(b'{"lastUpdateId"'):
            continue
        data = json.loads(message)["data"]
        decoder.feed(message)
        if data.get("e") == "trade":
            price, lots = int(Decimal(data["p"]) / TICK), int(Decimal(data["q"]) / LOT)
            assert heard.trades[-1] == ("BTCUSDT", (price, lots, data["m"], data["T"] * 1_000_000))
        elif "e" not in data:
            assert decoder.quote("BTCUSDT") == (data["u"], *expected_quote(data))
    assert heard.malformed == []


def test_a_message_without_envelope_in_another_order_and_with_new_fields_is_understood() -> None:
    decoder, heard = btcusdt_decoder()
    decoder.feed(
        b' { "A" : "1.5" , "zz":{"deep":["x]",{"y":"\\"}"}]}, "s" : "BTCUSDT","new":null,"a":"100.01",'
        b'"B":"2","b":"100","u":7 } '
    )
    assert heard.malformed == []
    assert decoder.quote("BTCUSDT") == (7, 10_000, 200_000, 10_001, 150_000)


def test_quotes_of_one_read_are_told_once_with_the_newest() -> None:
    decoder, heard = btcusdt_decoder()
    decoder.feed(QUOTE)
    decoder.feed(QUOTE.replace(b"50093239212", b"50093239213").replace(b"61837.64", b"61837.65"))
    assert heard.quotes == []
    decoder.flush()
    decoder.flush()
    assert heard.quotes == [("BTCUSDT", (6_183_763, 378_826, 6_183_765, 154_698))]


def test_an_older_quote_changes_nothing_until_a_new_connection() -> None:
    decoder, _ = btcusdt_decoder()
    decoder.feed(QUOTE)
    older = QUOTE.replace(b"50093239212", b"3").replace(b"61837.64", b"61837.65")
    decoder.feed(older)
    assert decoder.quote("BTCUSDT")[0] == 50_093_239_212
    decoder.forget_quotes()
    decoder.feed(older)
    assert decoder.quote("BTCUSDT")[0] == 3


def test_a_symbol_that_nobody_follows_is_handed_over() -> None:
    decoder, heard = btcusdt_decoder()
    message = QUOTE.replace(b'"BTCUSDT"', b'"ETHUSDT"')
    decoder.feed(message)
    assert heard.other == [message]


def test_many_symbols_are_told_apart() -> None:
    decoder, heard = btcusdt_decoder()
    symbols = [f"COIN{number}USDT" for number in range(300)]
    for symbol in symbols:
        decoder.follow(symbol, 1_000_000, 1_000)
    for number, symbol in enumerate(symbols, start=1):
        decoder.feed(QUOTE.replace(b"BTCUSDT", symbol.encode()).replace(b"50093239212", str(number).encode()))
    assert [decoder.quote(symbol)[0] for symbol in symbols] == list(range(1, 301))
    assert heard.other == []


@pytest.mark.parametrize(
    ("price", "ticks"),
    [
        ("0.01", 1),
        ("61837.63000000", 6_183_763),
        ("61837.63", 6_183_763),
        ("5", 500),
        ("92233720368.54", 9223372036854),
    ],
)
def test_prices_become_ticks(price: str, ticks: int) -> None:
    decoder, heard = btcusdt_decoder()
    decoder.feed(TRADE.replace(b"61837.63000000", price.encode()))
    assert [trade[0] for _, trade in heard.trades] == [ticks]


@pytest.mark.parametrize(
    "price",
    [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e5",
        "1.2.3",
        "0.005",
        "nan",
        "1 ",
        "1,5",
        "0.123456789",
        "92233720368.55",
        "9" * 40,
    ],
)
def test_what_is_no_price_is_malformed_and_told_with_its_symbol(price: str) -> None:
    decoder, heard = btcusdt_decoder()
    decoder.feed(TRADE.replace(b"61837.63000000", price.encode()))
    assert heard.trades == []
    assert [symbol for symbol, _ in heard.malformed] == ["BTCUSDT"]


def test_a_public_quantity_is_rounded_down_to_whole_lots() -> None:
    decoder, heard = btcusdt_decoder()
    decoder.feed(TRADE.replace(b'"q":"0.02000000"', b'"q":"25.42618900"'))
    assert heard.trades[0][1][1] == 2_542_618


@pytest.mark.parametrize("message", [QUOTE, TRADE, DIFF])
def test_a_message_cut_anywhere_is_malformed(message: bytes) -> None:
    decoder, heard = btcusdt_decoder()
    for length in range(len(message)):
        decoder.feed(message[:length])
    assert len(heard.malformed) == len(message)
    assert (heard.trades, heard.kept, decoder.quote("BTCUSDT")[0]) == ([], [], 0)


@given(st.data())
def test_a_message_with_any_bytes_changed_never_harms_the_process(data: st.DataObject) -> None:
    decoder, heard = btcusdt_decoder()
    book = OrderBook()
    book.load(10, [], [])
    decoder.set_book("BTCUSDT", book)
    message = bytearray(data.draw(st.sampled_from([QUOTE, TRADE, DIFF])))
    for _ in range(data.draw(st.integers(1, 6))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    decoder.feed(bytes(message))
    decoder.flush()
    if not heard.lost:
        book._check()


@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_told_as_malformed_or_unknown(message: bytes) -> None:
    decoder, heard = btcusdt_decoder()
    decoder.feed(message)
    assert len(heard.malformed) + len(heard.other) == 1


def test_deep_nesting_ends_in_malformed_instead_of_a_full_stack() -> None:
    decoder, heard = btcusdt_decoder()
    decoder.feed(b'{"data":' * 100_000)
    decoder.feed(b'{"x":' + b"[" * 100_000)
    assert len(heard.malformed) == 2


def test_a_diff_is_applied_to_its_book() -> None:
    decoder, heard = btcusdt_decoder()
    book = OrderBook()
    book.load(10, [(6_173_017, 5)], [])
    decoder.set_book("BTCUSDT", book)
    decoder.feed(DIFF)
    decoder.flush()
    assert book.best() == (6_173_763, 100_000, 6_183_764, 150_000)
    assert (book.depth(), book.last_update_id, heard.books) == ((1, 1), 12, ["BTCUSDT"])


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ((b'"U":11', b'"U":12'), Applied.GAP),
        ((b'"U":11', b'"U":13'), Applied.MALFORMED),
        ((b'"U":11,', b""), Applied.MALFORMED),
        ((b'"a":[["61837.64000000","1.5"]]', b'"a":[["61837.64000000"]]'), Applied.MALFORMED),
        ((b'"a":[["61837.64000000","1.5"]]', b'"a":"61837.64"'), Applied.MALFORMED),
        ((b"61837.64000000", b"61737.63000000"), Applied.CROSSED),
        ((b"61837.64000000", b"0.00000000"), Applied.MALFORMED),
    ],
)
def test_a_diff_that_breaks_the_book_takes_it_out_of_use(
    change: tuple[bytes, bytes], verdict: Applied
) -> None:
    decoder, heard = btcusdt_decoder()
    book = OrderBook()
    book.load(10, [], [])
    decoder.set_book("BTCUSDT", book)
    decoder.feed(DIFF.replace(*change))
    assert heard.lost == [("BTCUSDT", verdict)]
    decoder.feed(DIFF)
    assert heard.kept == [DIFF]


def test_a_listener_that_raises_leaves_the_decoder_usable() -> None:
    decoder, heard = btcusdt_decoder()
    decoder.follow("ETHUSDT", 1_000_000, 1_000)
    both = [QUOTE, QUOTE.replace(b'"BTCUSDT"', b'"ETHUSDT"')]
    told = heard.on_quote

    def fail(symbol: str, *quote: int) -> None:
        raise RuntimeError(symbol)

    heard.on_quote = fail  # type: ignore[method-assign]
    for message in both:
        decoder.feed(message)
    with pytest.raises(RuntimeError):
        decoder.flush()
    heard.on_quote = told  # type: ignore[method-assign]
    for message in both:
        decoder.feed(message.replace(b"50093239212", b"50093239213"))
    decoder.flush()
    assert sorted(symbol for symbol, _ in heard.quotes) == ["BTCUSDT", "ETHUSDT"]
