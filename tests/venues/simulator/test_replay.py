"""A replayed recording: its own prices after every change, unchanged messages, and our orders against it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.venues.simulator.exchange_desk import START_NS, Heard
from venues.simulator.amounts import fast_units
from venues.simulator.config import load_config
from venues.simulator.exchange import SimulatedExchange
from venues.simulator.matching import BUY, FILL, NOBODY, SELL
from venues.simulator.orders import NewOrder
from venues.simulator.recorded_floor import RecordedFill, RecordedFloor
from venues.simulator.recording import Recording, RecordingUnusable
from venues.simulator.replayed_market import ReplayedMarket, recorded_floor

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "market"
SPOT = DATA / "binance_raw_2024-08-08" / "spot"
EXPECTED = DATA / "expected" / "book_rebuild_btc.json"


def replay(path: Path, heard: Heard) -> tuple[SimulatedExchange, ReplayedMarket]:
    recording = Recording(path)
    exchange = SimulatedExchange(
        load_config(),
        seed=1,
        account_count=2,
        now_ns=START_NS,
        symbols=recording.symbols,
        floor=recorded_floor,
    )
    exchange.listen(heard)
    source = ReplayedMarket(exchange, recording, now_ns=START_NS)
    source.open(START_NS)
    exchange.source = source
    return exchange, source


def spot_files() -> list[Path]:
    if not SPOT.exists() or not EXPECTED.exists():
        pytest.skip(f"{SPOT} is absent")
    return sorted(SPOT.glob("*.gz"))


def test_after_every_change_the_touch_is_the_recordings_own_and_the_end_is_as_expected():
    file = spot_files()[0]
    expected = next(
        one for one in json.loads(EXPECTED.read_text())["files"] if one["path"].endswith(f"spot/{file.name}")
    )
    tickers: dict[int, dict[str, str]] = {}
    with gzip.open(file, "rt") as lines:
        for line in lines:
            message = json.loads(line.partition(" ")[2])
            if message.get("stream", "").endswith("bookTicker"):
                tickers[message["data"]["u"]] = message["data"]
    ids = sorted(tickers)
    exchange, source = replay(file, Heard())
    market = exchange.market("BTCUSDT")
    compared = matched = at = 0
    last_id = market.floor.update_id
    while not source.ended:
        source.step(1, START_NS)
        if market.floor.update_id == last_id:
            continue
        last_id = market.floor.update_id
        while at < len(ids) and ids[at] <= last_id:
            at += 1
        own, listing = tickers[ids[at - 1]], market.listing
        compared += 1
        touch = [fast_units(own[name]) for name in ("b", "B", "a", "A")]
        shown = market.floor.best()
        steps = (listing.tick, listing.lot, listing.tick, listing.lot)
        matched += [count * step for count, step in zip(shown, steps, strict=True)] == touch
    # Before the first comparison the snapshot already holds one of the changes that are counted as applied.
    assert compared in (expected["applied"], expected["applied"] - 1)
    assert matched == compared
    assert last_id == expected["final_u"]
    assert len(market.floor.levels(BUY, 10_000)) == expected["final_bid_levels"]
    assert len(market.floor.levels(SELL, 10_000)) == expected["final_ask_levels"]
    for side, name in ((BUY, "final_top10_bids"), (SELL, "final_top10_asks")):
        top = [
            [market.listing.price(t), market.listing.quantity(q)] for t, q in market.floor.levels(side, 10)
        ]
        assert top == expected[name]


def test_both_files_play_as_one_and_every_message_passes_unchanged():
    heard = Heard()
    exchange, source = replay(spot_files()[0].parent, heard)
    while not source.ended:
        source.step(5000, START_NS)
    assert source.ended == "the recording is over"
    assert heard.ended
    assert not exchange.market("BTCUSDT").listing.trading
    original = []
    for file in spot_files():
        with gzip.open(file, "rb") as lines:
            original += [line.rstrip(b"\n").partition(b" ")[2] for line in lines]
    passed = [message for _, message in heard.recorded]
    assert passed == [line for line in original if line.startswith(b'{"stream"')][-len(passed) :]
    assert len(passed) >= len(original) - 10
    assert not heard.trades, "trades of ours or others appeared besides the recording"


def test_our_orders_trade_against_the_recording_and_the_money_adds_up():
    heard = Heard()
    exchange, source = replay(spot_files()[0], heard)
    market = exchange.market("BTCUSDT")
    bid, bid_lots, ask, ask_lots = market.floor.best()
    taker = NewOrder(
        symbol="BTCUSDT", side="BUY", type="MARKET", tif="GTC", lots=ask_lots, client_order_id="t"
    )
    taken = exchange.place(0, taker, START_NS)
    assert [(t.ticks, t.lots) for t in taken.trades] == [(ask, ask_lots)]
    assert market.floor.best() == (bid, bid_lots, ask, ask_lots), "our trade changed the recorded book"
    again = exchange.place(0, taker, START_NS)
    assert again.trades[0].ticks > ask, "the displayed quantity was sold twice"
    maker = NewOrder(
        symbol="BTCUSDT",
        side="SELL",
        type="LIMIT_MAKER",
        tif="GTC",
        lots=100,
        price_ticks=ask,
        client_order_id="m",
    )
    resting = exchange.place(1, maker, START_NS)
    assert resting.status == "NEW"
    while resting.is_open and not source.ended:
        source.step(100, START_NS)
        exchange._check()
    assert resting.status == "FILLED"
    assert all(trade.is_maker and trade.ticks == ask for trade in resting.trades)
    exchange._check()


def floor_with_levels() -> RecordedFloor:
    floor = RecordedFloor()
    floor.load(1, [(100, 10), (99, 5)], [(101, 10), (102, 5)])
    return floor


def test_a_maker_waits_behind_the_quantity_that_was_displayed_when_it_joined():
    floor = floor_with_levels()
    assert floor.place(1, 1, BUY, 100, 4, True) == ([], 4)
    assert floor.trade(100, 8, buyer_is_maker=True) == []
    assert floor.trade(100, 3, buyer_is_maker=True) == [RecordedFill(1, 1, 1)]
    assert floor.trade(101, 50, buyer_is_maker=False) == [], "a trade at the other side filled a bid"
    assert floor.trade(100, 50, buyer_is_maker=True) == [RecordedFill(1, 1, 3)]
    assert floor.resting() == []


def test_cancellations_ahead_move_a_maker_forward():
    floor = floor_with_levels()
    floor.place(1, 1, BUY, 100, 4, True)
    floor.apply(2, [(100, 1)], [])
    floor.apply(3, [(100, 50)], [])
    assert floor.trade(100, 3, buyer_is_maker=True) == [RecordedFill(1, 1, 2)]


def test_a_trade_through_the_price_fills_without_waiting_and_no_trade_fills_more_than_its_quantity():
    floor = floor_with_levels()
    floor.place(1, 1, BUY, 100, 4, True)
    floor.place(2, 2, BUY, 100, 4, True)
    assert floor.trade(99, 6, buyer_is_maker=True) == [RecordedFill(1, 1, 4), RecordedFill(2, 2, 2)]


def test_our_own_orders_meet_each_other_at_the_better_price_first():
    floor = floor_with_levels()
    floor.place(1, 1, SELL, 101, 3, True)
    floor.place(2, 2, SELL, 102, 3, True)
    events, left = floor.place(3, 3, BUY, 102, 30, True)
    assert events == [
        (FILL, 0, NOBODY, 101, 10),
        (FILL, 1, 1, 101, 3),
        (FILL, 0, NOBODY, 102, 5),
        (FILL, 2, 2, 102, 3),
    ]
    assert left == 9
    assert floor.sweep(SELL, 102, 20, 9) == (9, 918)
    assert floor.sweep(SELL, 102, 20, 3) == (0, 0), "own orders were counted"


def test_a_gap_in_the_recording_closes_the_market_and_says_where(tmp_path):
    snapshot = {
        "lastUpdateId": 10,
        "bids": [["100.00000000", "1.00000000"]],
        "asks": [["101.00000000", "1.00000000"]],
    }

    def change(first: int, last: int) -> dict:
        data = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": [], "a": []}
        return {"stream": "btcusdt@depth@100ms", "data": data}

    lines = [change(9, 11), snapshot, change(12, 12), change(14, 15)]
    path = tmp_path / "gap.gz"
    path.write_bytes(
        gzip.compress("".join(f"{n} {json.dumps(one)}\n" for n, one in enumerate(lines)).encode())
    )
    heard = Heard()
    exchange, source = replay(path, heard)
    assert exchange.market("BTCUSDT").floor.update_id == 11
    source.step(10, START_NS)
    assert source.ended == "BTCUSDT has a gap between update 12 and 14"
    assert heard.ended


def test_a_recording_without_a_snapshot_is_refused(tmp_path):
    path = tmp_path / "none.gz"
    path.write_bytes(gzip.compress(b'1 {"stream":"btcusdt@bookTicker","data":{}}\n'))
    with pytest.raises(RecordingUnusable, match="no depth snapshot for BTCUSDT"):
        replay(path, Heard())
    with pytest.raises(RecordingUnusable, match="holds no capture"):
        Recording(tmp_path / "nowhere.gz")
