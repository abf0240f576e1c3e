from __future__ import annotations

import json

import pytest

from mexoms.dashboard.frames import PENDING_ROWS_MAX, Outbox


@pytest.fixture
def outbox() -> Outbox:
    """Return an outbox whose browser has got its snapshot."""
    outbox = Outbox()
    outbox.begin_snapshot()
    outbox.snapshot_frames({}, {})
    return outbox


def frames_of(outbox: Outbox) -> list[dict]:
    frames = []
    while frame := outbox.next_delta():
        frames.append(json.loads(frame))
    return frames


def test_a_new_browser_wants_a_snapshot_of_both_topics_first():
    outbox = Outbox()
    assert outbox.wants_snapshot
    outbox.begin_snapshot()
    frames = [json.loads(frame) for frame in outbox.snapshot_frames({"orders": []}, {"BTCUSDT": {}})]
    assert [(frame["seq"], frame["type"], frame["topic"]) for frame in frames] == [
        (1, "snapshot", "desk"),
        (2, "snapshot", "market"),
    ]
    assert not outbox.waiting


def test_of_several_versions_of_a_row_only_the_newest_is_told(outbox: Outbox):
    outbox.add_rows({"orders": [{"id": "a", "state": "open"}, {"id": "b", "state": "open"}]})
    outbox.add_rows({"orders": [{"id": "a", "state": "filled"}]})
    (frame,) = frames_of(outbox)
    assert frame["data"] == {"orders": [{"id": "a", "state": "filled"}, {"id": "b", "state": "open"}]}


def test_of_a_symbols_market_only_the_newest_is_told(outbox: Outbox):
    outbox.add_market({"symbol": "BTCUSDT", "bid": "1"})
    outbox.add_market({"symbol": "BTCUSDT", "bid": "2"})
    outbox.add_market({"symbol": "ETHUSDT", "bid": "3"})
    (frame,) = frames_of(outbox)
    assert frame["topic"] == "market"
    assert {symbol: row["bid"] for symbol, row in frame["data"].items()} == {"BTCUSDT": "2", "ETHUSDT": "3"}


def test_every_frame_takes_the_next_number(outbox: Outbox):
    outbox.add_market({"symbol": "BTCUSDT"})
    outbox.add_rows({"fills": [{"id": "a"}]})
    assert [frame["seq"] for frame in frames_of(outbox)] == [3, 4]


def test_a_busy_market_never_keeps_the_desks_rows_waiting(outbox: Outbox):
    topics = []
    for turn in range(6):
        outbox.add_market({"symbol": "BTCUSDT", "bid": str(turn)})
        outbox.add_rows({"orders": [{"id": str(turn)}]})
        topics.append(json.loads(outbox.next_delta() or "")["topic"])
    assert sorted(set(topics[:2])) == ["desk", "market"]
    assert topics.count("desk") == topics.count("market") == 3


def test_too_many_waiting_rows_are_dropped_for_a_snapshot(outbox: Outbox):
    outbox.add_rows({"fills": [{"id": str(number)} for number in range(PENDING_ROWS_MAX)]})
    assert outbox.wants_snapshot is False
    assert len(outbox.desk["fills"]) == PENDING_ROWS_MAX
    outbox.add_rows({"orders": [{"id": "one more"}]})
    assert outbox.next_delta() is None
    assert outbox.waiting
    assert outbox.desk == {}


def test_changes_of_one_row_do_not_count_twice_against_the_bound(outbox: Outbox):
    for _ in range(PENDING_ROWS_MAX + 1):
        outbox.add_rows({"orders": [{"id": "the same"}]})
    assert not outbox.wants_snapshot


def test_rows_that_change_while_the_snapshot_is_read_follow_it():
    outbox = Outbox()
    outbox.add_rows({"orders": [{"id": "before"}]})
    outbox.begin_snapshot()
    outbox.add_rows({"orders": [{"id": "meanwhile"}]})
    outbox.snapshot_frames({}, {})
    (frame,) = frames_of(outbox)
    assert frame["data"]["orders"] == [{"id": "meanwhile"}]


def test_a_beat_is_told_only_when_there_is_nothing_else(outbox: Outbox):
    outbox.beat = True
    (empty,) = frames_of(outbox)
    assert (empty["type"], empty["topic"], empty["data"]) == ("delta", "market", {})
    outbox.beat = True
    outbox.add_rows({"orders": [{"id": "a"}]})
    assert [frame["topic"] for frame in frames_of(outbox)] == ["desk"]
