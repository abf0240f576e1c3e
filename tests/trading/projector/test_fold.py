from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from risk.codes import Code
from tests.trading.projector.journal_story import Owner, Story, day
from trading import records
from trading.projector.fold import Fold, Key
from trading.projector.rows import Scale
from trading.types import OrderState, order_id
from venues.base import OrderType, ReportKind, Side, TimeInForce

TENANT = UUID(int=1)
OWNER = Owner(slot=7, account_id=UUID(int=7), tenant_id=TENANT)
INSTANCE = UUID(int=99)
BTCUSDT = Scale(tick=Decimal("0.01"), lot=Decimal("0.00001"), quote_scale=8)


def fold_of(entries, fold: Fold | None = None) -> Fold:
    fold = fold or Fold(TENANT, {}, lambda *_: BTCUSDT, lambda slot: INSTANCE if slot else None)
    for entry in entries:
        fold.apply(
            Key(entry.shard, entry.epoch, entry.sequence, entry.time_ns), OWNER.account_id, entry.record
        )
    return fold


def only(rows):
    (row,) = rows
    return row


def test_an_order_that_was_sent_is_shown_as_sending():
    story = Story()
    client_id = story.send(OWNER, strategy=4)
    row = only(fold_of(story.entries).orders_changed.values())
    assert row.id == UUID(order_id(client_id))
    assert (row.state, row.side, row.type, row.tif) == ("sending", "BUY", "LIMIT", "GTC")
    assert row.price == Decimal("61685.99")
    assert row.quantity == Decimal("0.00100")
    assert row.strategy_instance == INSTANCE


def test_an_order_asked_for_by_a_command_has_the_commands_id():
    story = Story()
    command = str(UUID(int=55))
    story.send(OWNER, command_id=command)
    fold = fold_of(story.entries)
    assert only(fold.orders_changed) == UUID(command)
    assert fold.asked_for == {UUID(command)}


def test_an_order_that_fills_in_parts_ends_with_the_exact_average():
    story = Story()
    story.round_trip(OWNER)
    fold = fold_of(story.entries)
    row = only(fold.orders_changed.values())
    assert (row.state, row.venue_order_id) == ("filled", 777)
    assert row.filled_quantity == Decimal("0.00100")
    assert row.average_price == Decimal("61685.99")
    assert len(fold.fills) == 2
    assert {fill.order_id for fill in fold.fills.values()} == {row.id}
    assert sum(fill.quote_quantity for fill in fold.fills.values()) == Decimal("61.685990")
    assert only(fold.positions.values()).quantity == Decimal("0.001")
    assert only(fold.positions.values()).cost == Decimal("61.68599")


def test_a_refusal_keeps_the_numbers_that_said_no():
    story = Story()
    story.refuse(OWNER, code=Code.POSITION, text="too large")
    row = only(fold_of(story.entries).orders_changed.values())
    assert (row.state, row.code, row.text) == ("refused", "R-POSITION", "too large")
    assert row.refusal == {
        "scope": "account",
        "unit": "lots",
        "limit": 50,
        "current": 10,
        "reserved": 5,
        "requested": 100,
        "would_be": 115,
        "limits_version": 3,
    }


def test_a_rejection_keeps_the_exchanges_code_and_words():
    story = Story()
    client_id = story.send(OWNER)
    story.report(
        OWNER,
        client_id,
        ReportKind.REJECTED,
        OrderState.REJECTED,
        code=-2010,
        text="Account has …",
        venue_order_id=0,
    )
    row = only(fold_of(story.entries).orders_changed.values())
    assert (row.state, row.code, row.text, row.venue_order_id) == ("rejected", "-2010", "Account has …", None)


def test_a_rejected_cancel_says_nothing_about_the_order():
    story = Story()
    client_id = story.send(OWNER)
    story.report(OWNER, client_id, ReportKind.ACK, OrderState.OPEN)
    story.report(
        OWNER, client_id, ReportKind.CANCEL_REJECTED, OrderState.OPEN, code=-2011, text="Unknown order"
    )
    row = only(fold_of(story.entries).orders_changed.values())
    assert (row.state, row.code, row.text) == ("open", "", "")


def test_a_second_attempt_keeps_the_birth_of_the_order():
    story = Story()
    client_id = story.send(OWNER)
    first = story.entries[0]
    again = Story()
    again.sequence = 5
    again.write(first.record)
    fold = fold_of([*story.entries, *again.entries])
    row = only(fold.orders_changed.values())
    assert row.client_order_id == client_id
    assert row.sequence == 6
    assert row.created_at < row.updated_at


def test_applying_twice_changes_nothing():
    entries = day([OWNER])
    once = fold_of(entries)
    orders = {key: (row.state, row.sequence, row.updated_at) for key, row in once.orders_changed.items()}
    once.orders_changed.clear()
    twice = fold_of(entries, once)
    assert twice.orders_changed == {}
    assert {row.id: (row.state, row.sequence, row.updated_at) for row in twice.orders.values()} == orders


def test_foreign_orders_with_the_same_client_id_on_two_accounts_are_two():
    story = Story()
    other = Owner(slot=8, account_id=UUID(int=8), tenant_id=TENANT)
    ids = set()
    for owner in (OWNER, other):
        terms = story.terms(owner, "web_1", 10, Side.SELL, 0)
        entry = story.write(records.OrderAdopted(**terms, reserved_ticks=1, venue_order_id=5, ours=False))
        fold = Fold(TENANT, {}, lambda *_: BTCUSDT, lambda _: None)
        fold.apply(Key(0, 1, entry.sequence, entry.time_ns), owner.account_id, entry.record)
        ids.add(only(fold.orders_changed))
    assert len(ids) == 2


def test_an_intent_refused_without_a_client_id_still_has_a_row_of_its_own():
    story = Story()
    for _ in range(2):
        terms = story.terms(OWNER, "", 10, Side.SELL, 0)
        story.write(records.OrderRefused(**terms, code=Code.STALE_COMMAND, text="late"))
    rows = fold_of(story.entries).orders_changed
    assert len(rows) == 2
    assert {row.code for row in rows.values()} == {"R-STALE-COMMAND"}


def test_a_market_order_has_no_price_and_no_time_in_force():
    story = Story()
    terms = story.terms(OWNER, "mx-0-1-1", 10, Side.SELL, 0)
    terms |= {"type": OrderType.MARKET, "tif": TimeInForce.NONE, "price_ticks": 0}
    story.write(records.OrderSending(**terms, reserved_ticks=1, signed_at_ms=1, recv_window_ms=1))
    row = only(fold_of(story.entries).orders_changed.values())
    assert (row.type, row.tif, row.price) == ("MARKET", "", None)


@pytest.mark.parametrize(
    ("outcome", "state", "code"),
    [
        ("accepted", "accepted", ""),
        ("refused", "refused", "R-KILL"),
        ("expired", "expired", "R-STALE-COMMAND"),
        ("unknown_order", "refused", "unknown_order"),
    ],
)
def test_a_commands_outcome_becomes_its_state(outcome, state, code):
    story = Story()
    number = {"R-KILL": Code.KILL, "R-STALE-COMMAND": Code.STALE_COMMAND}.get(code, 0)
    story.handled(OWNER, str(UUID(int=5)), outcome, code=int(number))
    row = only(fold_of(story.entries).commands.values())
    assert (row.state, row.code) == (state, code)


def test_averages_of_huge_amounts_are_rounded_only_at_the_last_place():
    scale = Scale(tick=Decimal("0.01"), lot=Decimal("0.00000001"), quote_scale=8)
    assert scale.average_price(10**18, 3) == Decimal("333333333333333333.333333333333333333")
    assert scale.average_price(0, 0) is None
