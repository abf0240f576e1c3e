from __future__ import annotations

import pytest
from pydantic import ValidationError

from strategies.library.catalogue import STRATEGIES
from strategies.runner import StrategyRunner
from tests.instruments import BTCUSDT
from tests.strategies.scripted_desk import ScriptedDesk, two_sided_config
from venues.base import OrderType, Side

MS = 1_000_000


def runner_on(desk: ScriptedDesk, **parameters: object) -> StrategyRunner:
    config = two_sided_config(accounts=tuple(sorted(desk.ready | {2})), **parameters)
    return StrategyRunner(desk=desk, configs=[config], instruments={1: BTCUSDT}, catalogue=STRATEGIES)


def tick(runner: StrategyRunner, from_ms: int, to_ms: int) -> None:
    for at_ms in range(from_ms, to_ms, 100):
        runner.on_timer(at_ms * MS)


def quote(runner: StrategyRunner, bid_ticks: int, ask_ticks: int) -> None:
    runner.on_quote(1, bid_ticks, 10, ask_ticks, 10, 0)


def test_one_bid_and_one_ask_rest_around_the_middle_and_never_cross():
    desk = ScriptedDesk(ready={2})
    runner = runner_on(desk, half_spread_bps=0)
    quote(runner, 6_000_000, 6_000_001)
    tick(runner, 0, 2000)
    sides = {intent.side: intent for intent in desk.submitted}
    assert len(desk.submitted) == 2
    assert sides[Side.BUY].price_ticks < 6_000_001
    assert sides[Side.SELL].price_ticks > 6_000_000
    assert {intent.type for intent in desk.submitted} == {OrderType.LIMIT_MAKER}


def test_no_quote_before_the_first_price_or_before_the_account_is_ready():
    desk = ScriptedDesk(ready=set())
    runner = runner_on(desk)
    tick(runner, 0, 1000)
    quote(runner, 6_000_000, 6_000_001)
    tick(runner, 1000, 2000)
    assert desk.submitted == []
    desk.ready.add(2)
    tick(runner, 2000, 3000)
    assert len(desk.submitted) == 2


def test_a_moved_market_moves_the_quotes_only_after_the_old_ones_are_gone():
    desk = ScriptedDesk(ready={2})
    runner = runner_on(desk, half_spread_bps=1, requote_bps=1)
    quote(runner, 6_000_000, 6_000_001)
    tick(runner, 0, 1000)
    quote(runner, 6_100_000, 6_100_001)
    tick(runner, 1000, 2000)
    assert sorted(desk.cancelled) == ["mx-0-1-1", "mx-0-1-2"]
    assert len(desk.submitted) == 2
    desk.confirm_cancels()
    tick(runner, 2000, 3000)
    assert [intent.price_ticks for intent in desk.submitted[2:]] == [6_099_390, 6_100_611]


def test_a_still_market_leaves_the_quotes_alone():
    desk = ScriptedDesk(ready={2})
    runner = runner_on(desk)
    quote(runner, 6_000_000, 6_000_001)
    tick(runner, 0, 10_000)
    assert len(desk.submitted) == 2
    assert desk.cancelled == []


@pytest.mark.parametrize(("position", "quoted"), [(5_000, Side.SELL), (-5_000, Side.BUY)])
def test_the_side_that_would_pass_the_inventory_limit_is_left_out(position: int, quoted: Side):
    desk = ScriptedDesk(ready={2}, positions={(2, 1): position})
    runner = runner_on(desk, position_max="0.05", quantity="0.001")
    quote(runner, 6_000_000, 6_000_001)
    tick(runner, 0, 1000)
    assert [intent.side for intent in desk.submitted] == [quoted]


def test_a_refused_quote_is_not_repeated_before_the_pause_is_over():
    desk = ScriptedDesk(ready={2}, refuse_with=18)
    runner = runner_on(desk, refusal_pause_ms=2000, refresh_ms=100)
    quote(runner, 6_000_000, 6_000_001)
    tick(runner, 0, 2000)
    refused_once = len(desk.submitted)
    tick(runner, 2000, 2500)
    assert refused_once == 2
    assert len(desk.submitted) == 4


def test_stopping_takes_back_what_is_open():
    desk = ScriptedDesk(ready={2})
    runner = runner_on(desk)
    quote(runner, 6_000_000, 6_000_001)
    tick(runner, 0, 1000)
    runner.on_stop(1000 * MS)
    assert sorted(desk.cancelled) == sorted(desk.orders)


def test_an_unknown_or_absurd_parameter_is_refused():
    with pytest.raises(ValidationError):
        runner_on(ScriptedDesk(ready={2}), half_spred_bps=1)
    with pytest.raises(ValidationError):
        runner_on(ScriptedDesk(ready={2}), quantity="-1")


def test_a_strategy_that_raises_is_stopped_alone_and_its_orders_are_taken_back(monkeypatch):
    desk = ScriptedDesk(ready={2})
    runner = runner_on(desk)
    quote(runner, 6_000_000, 6_000_001)
    tick(runner, 0, 1000)
    monkeypatch.setattr(STRATEGIES["two_sided_quotes"], "on_timer", lambda self, now_ns: 1 // 0)
    runner.on_timer(2000 * MS)
    assert runner.running == []
    assert sorted(desk.cancelled) == sorted(desk.orders)
