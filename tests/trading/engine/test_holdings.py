"""Positions at average cost: exact, whatever the order of trades."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trading.engine.holdings import TRADES_REMEMBERED_MAX, CountedTrades, Holding
from venues.base import Side

TRADES = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 10**6), st.integers(1, 10**9)), min_size=1, max_size=60
)


def test_a_round_trip_realises_the_difference():
    holding = Holding()
    holding.take(Side.BUY, 10, 1_000)
    holding.take(Side.SELL, 4, 500)
    assert (holding.lots, holding.cost_units, holding.realised_units) == (6, 600, 100)
    holding.take(Side.SELL, 6, 540)
    assert (holding.lots, holding.cost_units, holding.realised_units) == (0, 0, 40)


def test_a_short_gains_when_it_is_bought_back_lower():
    holding = Holding()
    holding.take(Side.SELL, 10, 1_000)
    assert (holding.lots, holding.cost_units) == (-10, -1_000)
    holding.take(Side.BUY, 4, 300)
    assert (holding.lots, holding.cost_units, holding.realised_units) == (-6, -600, 100)


def test_a_trade_through_zero_closes_and_opens():
    holding = Holding()
    holding.take(Side.BUY, 10, 1_000)
    holding.take(Side.SELL, 15, 1_800)
    assert (holding.lots, holding.cost_units, holding.realised_units) == (-5, -600, 200)


@given(TRADES)
def test_no_money_is_invented_or_lost(trades):
    holding, cash, lots = Holding(), 0, 0
    for side, count, quote_units in trades:
        holding.take(side, count, quote_units)
        sign = 1 if side is Side.BUY else -1
        cash -= sign * quote_units
        lots += sign * count
        assert holding.lots == lots
        assert holding.realised_units - holding.cost_units == cash
        assert lots != 0 or holding.cost_units == 0
        assert holding.cost_units * lots >= 0


def test_a_trade_is_counted_once_and_a_forgotten_one_is_not_counted_again():
    counted = CountedTrades()
    for trade_id in range(1, TRADES_REMEMBERED_MAX + 11):
        assert counted.add(trade_id)
        assert not counted.add(trade_id)
    assert not counted.add(3)
    assert len(counted.ids) == TRADES_REMEMBERED_MAX
