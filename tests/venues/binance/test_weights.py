from __future__ import annotations

from pathlib import Path

import pytest

from venues.base import NotSent
from venues.binance import weights
from venues.binance.weights import IP_BUDGET, IP_WEIGHT_PER_MINUTE, Weights, depth_weight
from venues.binance.ws_api import UsedLimit
from venues.rate_budget import Lane, RateBudget

NOW_NS = 1_800_000_000 * 1_000_000_000


@pytest.fixture
def budget(tmp_path: Path) -> RateBudget:
    RateBudget.create(tmp_path / "budget")
    return RateBudget(tmp_path / "budget")


def of(budget: RateBudget) -> tuple[Weights, int]:
    """Return the weights over the budget, and the address's slot."""
    told = Weights(budget, lambda: NOW_NS)
    return told, budget.names()[IP_BUDGET]


async def test_what_is_spent_is_seen_by_the_whole_host(budget: RateBudget) -> None:
    told, slot = of(budget)
    await told.spend(20, Lane.RECONCILE)
    assert budget.used(slot, NOW_NS) == 20
    assert budget.limit(slot) == IP_WEIGHT_PER_MINUTE


def test_the_exchange_knows_better_than_we_what_is_used(budget: RateBudget) -> None:
    told, slot = of(budget)
    told.on_headers(200, {"X-MBX-USED-WEIGHT-1M": "1234"})
    assert budget.used(slot, NOW_NS) == 1234
    told.on_limits(
        [UsedLimit("ORDERS", "SECOND", 10, 50, 7), UsedLimit("REQUEST_WEIGHT", "MINUTE", 1, 6000, 2345)]
    )
    assert budget.used(slot, NOW_NS) == 2345


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"), [(429, "17", 17), (418, "300", 300), (429, "", 60)]
)
def test_a_refusal_for_too_many_requests_stops_the_whole_host(
    budget: RateBudget, status: int, retry_after: str, seconds: int
) -> None:
    told, slot = of(budget)
    told.on_headers(status, {"Retry-After": retry_after} if retry_after else {})
    assert budget.blocked_until(slot) == NOW_NS + seconds * 1_000_000_000
    assert not budget.try_spend(slot, 1, NOW_NS, Lane.NEW)


async def test_a_request_without_budget_is_given_up_after_its_time(
    budget: RateBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "WAIT_MAX_MS", 2)
    monkeypatch.setattr(weights, "WAIT_STEP_MS", 1)
    told, slot = of(budget)
    budget.observe(slot, IP_WEIGHT_PER_MINUTE, NOW_NS)
    with pytest.raises(NotSent, match="no request weight"):
        await told.spend(20, Lane.RECONCILE)


async def test_without_a_budget_everything_is_free() -> None:
    told = Weights(None, lambda: NOW_NS)
    await told.spend(10**9, Lane.RESEARCH)
    told.on_headers(429, {})


def test_deeper_snapshots_weigh_more() -> None:
    assert [depth_weight(levels) for levels in (5, 100, 101, 500, 1_000, 5_000)] == [5, 5, 25, 25, 50, 250]
