from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.base import Side
from venues.book import Applied, OrderBook

Levels = list[tuple[int, int]]

BIDS = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), max_size=12)
ASKS = st.lists(st.tuples(st.integers(51, 100), st.integers(0, 9)), max_size=12)
DIFFS = st.lists(st.tuples(BIDS, ASKS), max_size=30)


class DictBook:
    """The slow, obvious reference."""

    def __init__(self) -> None:
        self.sides: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}

    def change(self, side: Side, levels: Levels) -> None:
        for ticks, lots in levels:
            self.sides[side].pop(ticks, None)
            if lots:
                self.sides[side][ticks] = lots

    def levels(self, side: Side) -> Levels:
        return sorted(self.sides[side].items(), reverse=side is Side.BUY)

    def sweep(self, side: Side, lots: int) -> tuple[int, int]:
        worst = taken = 0
        for ticks, there in self.levels(Side.SELL if side is Side.BUY else Side.BUY):
            if taken >= lots:
                break
            worst, taken = ticks, min(lots, taken + there)
        return worst, taken


@given(DIFFS, st.integers(0, 60))
def test_any_sequence_of_diffs_leaves_the_same_book_as_dictionaries_would(
    diffs: list[tuple[Levels, Levels]], lots: int
) -> None:
    book, reference = OrderBook(), DictBook()
    book.load(100, [], [])
    for update, (bids, asks) in enumerate(diffs, start=101):
        assert book.apply(update, update, bids, asks) is Applied.APPLIED
        reference.change(Side.BUY, bids)
        reference.change(Side.SELL, asks)
        book._check()
        assert book.levels(Side.BUY, 1000) == reference.levels(Side.BUY)
        assert book.levels(Side.SELL, 1000) == reference.levels(Side.SELL)
    for side in Side:
        assert book.sweep(side, lots) == reference.sweep(side, lots)
    assert book.last_update_id == 100 + len(diffs)


def two_sided() -> OrderBook:
    book = OrderBook()
    book.load(10, [(99, 5), (98, 1)], [(101, 2), (103, 7)])
    return book


def test_the_best_and_the_levels_come_best_first() -> None:
    book = two_sided()
    assert book.best() == (99, 5, 101, 2)
    assert book.levels(Side.BUY, 1) == [(99, 5)]
    assert book.levels(Side.SELL, 5) == [(101, 2), (103, 7)]
    assert book.levels(Side.SELL, 0) == []


def test_an_empty_side_is_zeros() -> None:
    book = OrderBook()
    book.load(1, [], [(5, 1)])
    assert book.best() == (0, 0, 5, 1)
    assert book.sweep(Side.SELL, 3) == (0, 0)


def test_a_sweep_names_the_worst_price_reached_and_what_is_there() -> None:
    book = two_sided()
    assert book.sweep(Side.BUY, 2) == (101, 2)
    assert book.sweep(Side.BUY, 3) == (103, 3)
    assert book.sweep(Side.BUY, 50) == (103, 9)
    assert book.sweep(Side.SELL, 6) == (98, 6)
    assert book.sweep(Side.BUY, 0) == (0, 0)


def test_a_diff_that_ends_before_the_book_is_stale_and_changes_nothing() -> None:
    book = two_sided()
    assert book.apply(9, 10, [(99, 0)], []) is Applied.STALE
    assert book.best() == (99, 5, 101, 2)


def test_the_first_diff_may_begin_before_the_snapshot_when_it_contains_the_next_id() -> None:
    book = two_sided()
    assert book.apply(5, 11, [(99, 6)], []) is Applied.APPLIED
    assert book.last_update_id == 11


def test_a_diff_that_leaves_out_one_id_is_a_gap_and_changes_nothing() -> None:
    book = two_sided()
    assert book.apply(12, 13, [(99, 0)], []) is Applied.GAP
    assert (book.last_update_id, book.best()) == (10, (99, 5, 101, 2))


def test_a_crossing_diff_is_told() -> None:
    book = two_sided()
    assert book.apply(11, 11, [(101, 1)], []) is Applied.CROSSED
    with pytest.raises(AssertionError, match="crossed"):
        book._check()


@pytest.mark.parametrize("level", [(0, 1), (-1, 1), (5, -1), (2**62, 1)])
def test_what_is_no_level_is_refused(level: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no level"):
        OrderBook().load(1, [level], [])


def test_a_side_that_never_stops_growing_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 100000 levels"):
        OrderBook().load(1, ((ticks, 1) for ticks in range(1, 200_000)), [])
