"""The compiled matching engine against a slow and obvious one."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from venues.simulator.matching import BUY, FILL, MAKER_EXPIRED, SELL, TICKS_MAX, MatchingBook


@dataclass
class SlowOrder:
    number: int
    owner: int
    side: int
    ticks: int
    lots: int


class SlowBook:
    """Price-time priority by sorting a list at every step."""

    def __init__(self) -> None:
        self.orders: list[SlowOrder] = []

    def other_side(self, side: int, limit: int) -> list[SlowOrder]:
        found = [
            o
            for o in self.orders
            if o.side != side and (o.ticks <= limit if side == BUY else o.ticks >= limit)
        ]
        return sorted(
            found, key=lambda o: o.ticks if side == BUY else -o.ticks
        )  # stable: time stays within a price

    def place(self, number: int, owner: int, side: int, limit: int, lots: int, rest: bool):
        events = []
        for maker in self.other_side(side, limit):
            if not lots:
                break
            if maker.owner == owner and owner:
                events.append((MAKER_EXPIRED, maker.number, maker.owner, maker.ticks, maker.lots))
                self.orders.remove(maker)
                continue
            traded = min(lots, maker.lots)
            lots -= traded
            maker.lots -= traded
            events.append((FILL, maker.number, maker.owner, maker.ticks, traded))
            if not maker.lots:
                self.orders.remove(maker)
        if lots and rest:
            self.orders.append(SlowOrder(number, owner, side, limit, lots))
        return events, lots

    def sweep(self, side: int, limit: int, lots: int, owner: int):
        taken = cost = 0
        for maker in self.other_side(side, limit):
            if maker.owner == owner and owner:
                continue
            traded = min(lots - taken, maker.lots)
            taken += traded
            cost += traded * maker.ticks
        return taken, cost

    def cancel(self, number: int) -> int:
        for order in self.orders:
            if order.number == number:
                self.orders.remove(order)
                return order.lots
        return 0

    def levels(self, side: int):
        sums: dict[int, int] = {}
        for order in self.orders:
            if order.side == side:
                sums[order.ticks] = sums.get(order.ticks, 0) + order.lots
        return sorted(sums.items(), reverse=side == BUY)


@pytest.mark.parametrize("seed", range(8))
def test_random_orders_match_exactly_as_in_the_slow_reference(seed):
    chance = random.Random(seed)
    fast, slow = MatchingBook(), SlowBook()
    shown: dict[tuple[int, int], int] = {}
    for number in range(1, 1500):
        side, owner = chance.choice((BUY, SELL)), chance.randrange(4)
        limit = chance.choice((100 + chance.randint(-12, 12), TICKS_MAX if side == BUY else 1))
        rest = limit < 1000 and limit > 1 and chance.random() < 0.85
        lots = chance.randint(1, 20)
        assert fast.sweep(side, limit, lots, owner) == slow.sweep(side, limit, lots, owner)
        assert fast.place(number, owner, side, limit, lots, rest) == slow.place(
            number, owner, side, limit, lots, rest
        )
        if chance.random() < 0.3:
            victim = chance.randint(1, number)
            assert fast.cancel(victim) == slow.cancel(victim)
        shown |= fast.take_changes()
        fast._check()
        for one in (BUY, SELL):
            assert fast.levels(one, 10_000) == slow.levels(one)
            told = {ticks: q for (s, ticks), q in shown.items() if s == one and q}
            assert told == dict(slow.levels(one)), "the published changes do not add up to the book"
    assert {order[0] for order in fast.resting()} == {order.number for order in slow.orders}


def test_an_amount_buys_whole_lots_at_the_displayed_prices_and_never_costs_more():
    book = MatchingBook()
    book.place(1, 1, SELL, 100, 5, True)
    book.place(2, 1, SELL, 110, 5, True)
    assert book.sweep_budget(BUY, 499, 2) == (4, 400)
    assert book.sweep_budget(BUY, 500 + 219, 2) == (6, 610)
    assert book.sweep_budget(BUY, 10_000, 2) == (10, 1050)
    assert book.sweep_budget(BUY, 10_000, 1) == (0, 0), "own orders were counted"


def test_every_change_of_a_level_raises_the_update_id_by_one():
    book = MatchingBook(7)
    book.place(1, 1, BUY, 100, 5, True)
    assert book.update_id == 8
    book.place(2, 2, SELL, 100, 2, False)
    assert book.update_id == 9
    book.reduce(1, 3)
    assert (book.update_id, book.leaves(1), len(book)) == (10, 0, 0)
    assert book.cancel(1) == 0
    assert book.update_id == 10
