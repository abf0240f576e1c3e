from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.models import ExchangeAccount
from accounts.tenancy import tenant_scope
from tests.trading.desks import list_btcusdt, owners_of
from tests.trading.projector.journal_story import Story
from trading import bus, selectors, services
from trading.errors import (
    AccountInactive,
    AccountReserved,
    InstrumentHalted,
    KeyReused,
    OrderClosed,
    OrderInvalid,
    PriceMisaligned,
    QuantityMisaligned,
    UnknownAccount,
    UnknownInstrument,
    UnknownOrder,
)
from trading.models import Command
from trading.projector import Projector
from trading.tasks import place_order_task
from trading.types import CancelAllCommand, CancelCommand, OrderState, PlaceCommand
from venues.base import OrderType, ReportKind, Side, TimeInForce

pytestmark = pytest.mark.django_db

NOW_NS = 1_780_000_000_000_000_000
SECOND_NS = 1_000_000_000


@pytest.fixture
def sent(monkeypatch) -> list:
    """What went on the bus, as (shard, command)."""
    messages: list = []
    monkeypatch.setattr(bus, "publish", lambda shard, command: messages.append((shard, command)))
    return messages


@pytest.fixture
def owner(demo_desk):
    list_btcusdt()
    with tenant_scope(demo_desk.tenant.id):
        found = ExchangeAccount.objects.filter(kind="sub", reserved_for=None)
        free = set(found.values_list("id", flat=True))
    return next(owner for owner in owners_of(demo_desk.tenant) if owner.account_id in free)


def place(owner, **changes):
    wish = {
        "tenant_id": owner.tenant_id,
        "requested_by": "ann",
        "account_id": owner.account_id,
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "price": "61685.99",
        "quantity": "0.001",
        "now_ns": NOW_NS,
    }
    return services.place_order(**(wish | changes))


def test_a_placed_order_is_a_committed_row_and_then_a_message(
    owner, sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        command = place(owner)
        assert sent == []
    assert sent == [
        (
            0,
            PlaceCommand(
                id=str(command.id),
                tenant_id=str(owner.tenant_id),
                deadline_ns=NOW_NS + 10 * SECOND_NS,
                account=owner.slot,
                instrument=selectors.instruments_of("binance_spot", ["BTCUSDT"])[0].slot,
                side=Side.BUY,
                type=OrderType.LIMIT,
                tif=TimeInForce.GTC,
                price_ticks=6_168_599,
                quantity_lots=100,
            ),
        )
    ]
    assert (command.state, command.requested_by) == ("pending", "ann")


def test_a_market_order_has_no_price(owner, sent):
    message = place(owner, type="MARKET", price=None).payload
    assert (message["price_ticks"], message["tif"]) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"price": "61685.995"}, PriceMisaligned, "the nearest is 61686.00"),
        ({"quantity": "0.0000149"}, QuantityMisaligned, "the nearest is 0.00001"),
        ({"price": None}, OrderInvalid, "needs a price"),
        ({"type": "MARKET"}, OrderInvalid, "has no price"),
        ({"type": "LIMIT_MAKER", "tif": "GTC"}, OrderInvalid, "no time in force"),
        ({"tif": "NONE"}, OrderInvalid, "GTC, IOC or FOK"),
        ({"tif": "DAY"}, OrderInvalid, "tif is one of"),
        ({"side": "HOLD"}, OrderInvalid, "side is one of BUY, SELL"),
        ({"type": "STOP"}, OrderInvalid, "type is one of"),
        ({"price": "-1"}, OrderInvalid, "must be a positive number"),
        ({"price": "NaN"}, OrderInvalid, "must be a positive number"),
        ({"price": "Infinity"}, OrderInvalid, "must be a positive number"),
        ({"price": "1e999999"}, OrderInvalid, "too many digits"),
        ({"price": "a lot"}, OrderInvalid, "not a decimal number"),
        ({"quantity": "0"}, OrderInvalid, "must be a positive number"),
        ({"quantity": "1" * 36}, OrderInvalid, "too many digits"),
        ({"quantity": "1e20"}, OrderInvalid, "too large"),
        ({"symbol": "NOCOIN"}, UnknownInstrument, "no instrument NOCOIN"),
        ({"account_id": uuid4()}, UnknownAccount, "no such account"),
    ],
)
def test_a_senseless_order_is_refused_with_a_code_and_leaves_nothing(owner, sent, changes, error, says):
    with pytest.raises(error, match=says):
        place(owner, **changes)
    with tenant_scope(owner.tenant_id):
        assert not Command.objects.exists()


def test_an_instrument_that_the_venue_halted_takes_no_orders(owner, sent):
    list_btcusdt(trading=False)
    with pytest.raises(InstrumentHalted):
        place(owner)


def test_another_tenants_account_is_unknown(owner, other_desk, sent):
    foreign = owners_of(other_desk.tenant)[0]
    with pytest.raises(UnknownAccount):
        place(owner, account_id=foreign.account_id)


def test_an_account_of_a_strategy_takes_no_orders_of_people(owner, sent):
    with tenant_scope(owner.tenant_id):
        ExchangeAccount.objects.filter(id=owner.account_id).update(reserved_for=uuid4())
    with pytest.raises(AccountReserved):
        place(owner)


def test_an_inactive_account_takes_no_orders(owner, sent):
    with tenant_scope(owner.tenant_id):
        ExchangeAccount.objects.filter(id=owner.account_id).update(active=False)
    with pytest.raises(AccountInactive):
        place(owner)


def test_a_task_delivered_twice_places_one_order(owner, sent):
    wish = {
        "tenant_id": str(owner.tenant_id),
        "account_id": str(owner.account_id),
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "price": "61685.99",
        "quantity": "0.001",
        "key": "basket-7",
    }
    assert place_order_task(**wish) == place_order_task(**wish, some_later_argument=1)
    with tenant_scope(owner.tenant_id):
        assert Command.objects.count() == 1
    with pytest.raises(KeyReused):
        place_order_task(**(wish | {"side": "BUY"}))


def test_a_cancel_of_a_working_order_goes_to_the_engine(owner, sent, django_capture_on_commit_callbacks):
    story = Story()
    client_id = story.send(owner)
    Projector(strategy_of=lambda _: None).apply(0, story.entries)
    with tenant_scope(owner.tenant_id):
        order_id = selectors.orders().get()["id"]
    with django_capture_on_commit_callbacks(execute=True):
        command = services.cancel_order(
            tenant_id=owner.tenant_id, requested_by="ann", order_id=order_id, now_ns=NOW_NS
        )
    assert [message for _, message in sent] == [
        CancelCommand(
            id=str(command.id),
            tenant_id=str(owner.tenant_id),
            deadline_ns=NOW_NS + 60 * SECOND_NS,
            client_order_id=client_id,
        )
    ]


def test_a_cancel_while_the_order_is_pending_waits_for_the_engine_to_name_it(
    owner, sent, django_capture_on_commit_callbacks
):
    command = place(owner)
    with django_capture_on_commit_callbacks(execute=True):
        cancel = services.cancel_order(
            tenant_id=owner.tenant_id, requested_by="ann", order_id=command.id, now_ns=NOW_NS
        )
    assert sent == []
    story = Story()
    client_id = story.send(owner, command_id=str(command.id))
    with django_capture_on_commit_callbacks(execute=True):
        Projector(strategy_of=lambda _: None).apply(0, story.entries)
    assert [(message.id, message.client_order_id) for _, message in sent] == [(str(cancel.id), client_id)]


def test_a_cancel_that_waits_ends_when_its_order_was_refused(owner, sent):
    command = place(owner)
    services.cancel_order(tenant_id=owner.tenant_id, requested_by="ann", order_id=command.id, now_ns=NOW_NS)
    story = Story()
    story.refuse(owner, code=1, text="halted", command_id=str(command.id))
    story.handled(owner, str(command.id), "refused", code=1)
    Projector(strategy_of=lambda _: None).apply(0, story.entries)
    with tenant_scope(owner.tenant_id):
        cancel = Command.objects.get(kind="cancel")
    assert (cancel.state, cancel.code) == ("refused", "order_closed")


def test_there_is_nothing_to_cancel_of_an_order_that_is_over(owner, sent):
    story = Story()
    client_id = story.send(owner)
    story.report(owner, client_id, ReportKind.CANCELED, OrderState.CANCELED)
    Projector(strategy_of=lambda _: None).apply(0, story.entries)
    with tenant_scope(owner.tenant_id):
        order_id = selectors.orders().get()["id"]
    with pytest.raises(OrderClosed, match="canceled already"):
        services.cancel_order(tenant_id=owner.tenant_id, requested_by="a", order_id=order_id, now_ns=NOW_NS)


def test_another_tenants_order_is_unknown_to_cancel_and_to_look_at(owner, other_desk, sent):
    command = place(owner)
    with pytest.raises(UnknownOrder):
        services.cancel_order(
            tenant_id=other_desk.tenant.id, requested_by="eve", order_id=command.id, now_ns=NOW_NS
        )
    with tenant_scope(other_desk.tenant.id), pytest.raises(UnknownOrder):
        selectors.order(order_id=command.id)


def test_an_order_can_be_looked_at_before_the_engine_had_it(owner, sent):
    command = place(owner)
    with tenant_scope(owner.tenant_id):
        row = selectors.order(order_id=command.id)
        assert (row["state"], str(row["price"]), str(row["quantity"])) == ("pending", "61685.99", "0.00100")
        services.requeue_commands(tenant_id=owner.tenant_id, now_ns=NOW_NS + 16 * SECOND_NS)
        late = selectors.order(order_id=command.id)
    assert (late["state"], late["code"]) == ("not_sent", "R-STALE-COMMAND")


def test_cancel_all_can_be_narrowed_to_one_account(owner, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        services.cancel_all(tenant_id=owner.tenant_id, requested_by="ann", now_ns=NOW_NS)
        services.cancel_all(
            tenant_id=owner.tenant_id, requested_by="ann", now_ns=NOW_NS, account_id=owner.account_id
        )
    everything, one = (message for _, message in sent)
    assert isinstance(everything, CancelAllCommand)
    assert (everything.account, one.account) == (-1, owner.slot)


def test_what_the_bus_lost_is_put_on_it_again_until_the_deadline(
    owner, sent, django_capture_on_commit_callbacks
):
    command = place(owner)
    sweeps = {}
    for milliseconds in (1_000, 2_000, 4_000, 9_999, 10_001, 14_999, 15_001):
        with django_capture_on_commit_callbacks(execute=True):
            sweeps[milliseconds] = services.requeue_commands(
                tenant_id=owner.tenant_id, now_ns=NOW_NS + milliseconds * 1_000_000
            )
    again, nothing, expired = (1, 0), (0, 0), (0, 1)
    assert list(sweeps.values()) == [nothing, again, again, again, nothing, nothing, expired]
    assert [message.id for _, message in sent] == [str(command.id)] * 3


def test_the_sweeper_leaves_other_tenants_commands_alone(owner, other_desk, sent):
    place(owner)
    late = NOW_NS + 60 * SECOND_NS
    assert services.requeue_commands(tenant_id=other_desk.tenant.id, now_ns=late) == (0, 0)
    with tenant_scope(owner.tenant_id):
        assert Command.objects.get().state == "pending"
