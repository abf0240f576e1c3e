"""The host's rate budgets."""

from __future__ import annotations

import multiprocessing

import pytest

from venues.rate_budget import COUNT_MAX, LANE_SHARES_PERCENT, Lane, RateBudget, RateBudgetError

MINUTE_NS = 60 * 10**9
NOW_NS = 28_000_000 * MINUTE_NS + 5
FORK = multiprocessing.get_context("fork")
SPENDS = 20_000


@pytest.fixture
def budgets(tmp_path):
    return RateBudget(tmp_path / "budgets", slots=16)


@pytest.mark.parametrize("lane", list(Lane))
def test_each_lane_may_fill_the_budget_to_its_share_and_no_further(budgets, lane):
    slot = budgets.budget("ip", 1_000, MINUTE_NS)
    share = 10 * LANE_SHARES_PERCENT[lane]
    assert not budgets.try_spend(slot, share + 1, NOW_NS, lane)
    assert budgets.try_spend(slot, share, NOW_NS, lane)
    assert not budgets.try_spend(slot, 1, NOW_NS, lane)
    assert budgets.used(slot, NOW_NS) == share


def test_a_cancel_may_use_what_the_other_lanes_must_leave(budgets):
    slot = budgets.budget("ip", 100, MINUTE_NS)
    for lane in reversed(Lane):
        while budgets.try_spend(slot, 1, NOW_NS, lane):
            pass
        assert budgets.used(slot, NOW_NS) == LANE_SHARES_PERCENT[lane]


def test_a_window_begins_at_its_boundary_with_nothing_used(budgets):
    slot = budgets.budget("ip", 10, MINUTE_NS)
    assert budgets.try_spend(slot, 10, NOW_NS, Lane.CANCEL)
    end = budgets.resets_at(slot, NOW_NS)
    assert end % MINUTE_NS == 0
    assert not budgets.try_spend(slot, 1, end - 1, Lane.CANCEL)
    assert budgets.try_spend(slot, 10, end, Lane.CANCEL)
    # A process that read its clock just before the others rolled the window spends from the new one.
    assert not budgets.try_spend(slot, 1, end - 1, Lane.CANCEL)


def test_spending_from_several_budgets_is_all_or_nothing(budgets):
    weight, orders = budgets.budget("ip", 100, MINUTE_NS), budgets.budget("orders", 3, MINUTE_NS)
    costs = [(weight, 10), (orders, 1)]
    assert [budgets.spend_all(costs, NOW_NS, Lane.CANCEL) for _ in range(4)] == [True, True, True, False]
    assert budgets.refused_slot == orders
    assert (budgets.used(weight, NOW_NS), budgets.used(orders, NOW_NS)) == (30, 3)
    with pytest.raises(RateBudgetError):
        budgets.spend_all([(weight, 10), (99, 1)], NOW_NS, Lane.CANCEL)
    assert budgets.used(weight, NOW_NS) == 30


def test_what_the_exchange_says_raises_the_count_and_never_lowers_it(budgets):
    slot = budgets.budget("ip", 100, MINUTE_NS)
    budgets.try_spend(slot, 20, NOW_NS, Lane.NEW)
    budgets.observe(slot, 10, NOW_NS)
    assert budgets.used(slot, NOW_NS) == 20
    budgets.observe(slot, 90, NOW_NS)
    assert budgets.used(slot, NOW_NS) == 90
    assert not budgets.try_spend(slot, 1, NOW_NS, Lane.NEW)
    budgets.observe(slot, 2**40, NOW_NS)
    assert budgets.used(slot, NOW_NS) == COUNT_MAX
    assert budgets.used(slot, NOW_NS + MINUTE_NS) == 0


def test_a_blocked_budget_refuses_every_lane_until_its_time(budgets):
    slot = budgets.budget("ip", 100, MINUTE_NS)
    budgets.block_until(slot, NOW_NS + 10)
    budgets.block_until(slot, NOW_NS + 5)
    assert budgets.blocked_until(slot) == NOW_NS + 10
    assert not any(budgets.try_spend(slot, 1, NOW_NS + 9, lane) for lane in Lane)
    assert budgets.try_spend(slot, 1, NOW_NS + 10, Lane.RESEARCH)


def test_a_name_keeps_its_slot_and_takes_the_newest_limit(budgets, tmp_path):
    slot = budgets.budget("ip", 100, MINUTE_NS)
    other = RateBudget(tmp_path / "budgets")
    assert other.budget("ip", 50, MINUTE_NS) == slot
    assert budgets.limit(slot) == 50
    with pytest.raises(RateBudgetError):
        other.budget("ip", 50, MINUTE_NS + 1)
    assert other.names() == {"ip": slot}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda b: b.budget("", 1, MINUTE_NS),
        lambda b: b.budget("x" * 64, 1, MINUTE_NS),
        lambda b: b.budget("x", -1, MINUTE_NS),
        lambda b: b.budget("x", COUNT_MAX + 1, MINUTE_NS),
        lambda b: b.budget("x", 1, 0),
        lambda b: b.try_spend(0, 1, NOW_NS, Lane.NEW),
        lambda b: [b.budget(f"b{number}", 1, MINUTE_NS) for number in range(17)],
    ],
)
def test_what_cannot_be_kept_is_refused(budgets, wrong):
    with pytest.raises(RateBudgetError):
        wrong(budgets)


def test_a_damaged_table_is_not_used(tmp_path):
    path = tmp_path / "budgets"
    RateBudget(path, slots=16).close()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RateBudgetError):
        RateBudget(path)


def spend_many(path, found) -> None:
    """Open or make the table, then spend from both budgets as long as there is anything."""
    budgets = RateBudget(path, slots=16)
    slots = [budgets.budget("ip", SPENDS, MINUTE_NS), budgets.budget("orders", SPENDS // 2, MINUTE_NS)]
    spent = sum(budgets.try_spend(slots[0], 1, NOW_NS, Lane.CANCEL) for _ in range(SPENDS))
    pairs = sum(budgets.spend_all([(slots[1], 1)], NOW_NS, Lane.CANCEL) for _ in range(SPENDS))
    found.put((spent, pairs, slots))


def test_processes_that_start_and_spend_at_once_never_pass_a_limit_and_lose_nothing(tmp_path):
    found = FORK.Queue()
    processes = [FORK.Process(target=spend_many, args=(tmp_path / "budgets", found)) for _ in range(3)]
    for process in processes:
        process.start()
    results = [found.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert sum(spent for spent, _, _ in results) == SPENDS
    assert sum(pairs for _, pairs, _ in results) == SPENDS // 2
    assert {tuple(sorted(slots)) for _, _, slots in results} == {(0, 1)}
