from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from accounts.tenancy import tenant_scope
from tests.trading.desks import list_btcusdt, owners_of
from tests.trading.projector.journal_story import Owner, Story, day
from trading import bus
from trading.api import rows
from trading.models import Command, Order
from trading.projector import Projector
from trading.types import CancelCommand, OrderState, PlaceCommand
from venues.base import ReportKind

pytestmark = pytest.mark.django_db

LISTS = {
    "accounts": rows.AccountRow,
    "instruments": rows.InstrumentRow,
    "orders": rows.OrderRow,
    "fills": rows.FillRow,
    "positions": rows.PositionRow,
    "balances": rows.BalanceRow,
}
OF_TENANTS = [name for name in LISTS if name != "instruments"]


@pytest.fixture
def sent(monkeypatch) -> list:
    messages: list = []
    monkeypatch.setattr(bus, "publish", lambda shard, command: messages.append(command))
    return messages


@pytest.fixture
def sub(demo_desk) -> Owner:
    list_btcusdt()
    account = demo_desk.accounts[-1]
    return Owner(account.slot, account.id, demo_desk.tenant.id)


@pytest.fixture
def traded(demo_desk, other_desk, sub):
    """Both desks have traded a day."""
    owners = [sub, owners_of(other_desk.tenant)[0]]
    Projector(strategy_of=lambda _: None).apply(0, day(owners, rounds=6))


def wish(owner: Owner, **changes) -> dict:
    return {
        "account": str(owner.account_id),
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "price": "61685.99",
        "quantity": "0.001",
    } | changes


def commit(callbacks):
    return callbacks(execute=True)


def listed(api, name: str, **query) -> list[dict[str, Any]]:
    answer = api.get(f"/api/v1/{name}/", query)
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) == {"next", "previous", "results"}
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_the_shape_that_the_schema_tells(api, traded, name):
    results = listed(api, name)
    assert results
    for row in results:
        assert set(row) == set(LISTS[name]().fields)
        assert not [value for value in row.values() if isinstance(value, float)]
        one = api.get(f"/api/v1/{name}/{row['id']}/")
        assert (one.status_code, one.json()) == (200, row)


@pytest.mark.parametrize("name", OF_TENANTS)
def test_a_list_shows_nothing_of_another_desk(api, traded, demo_desk, other_desk, name):
    ours = {row["id"] for row in listed(api, name)}
    theirs = {row["id"] for row in listed(other_desk.api, name)}
    assert ours
    assert theirs
    assert not ours & theirs
    for foreign in theirs:
        answer = api.get(f"/api/v1/{name}/{foreign}/")
        assert answer.status_code == 404
        assert set(answer.json()) == {"code", "message", "detail"}


@pytest.mark.parametrize("name", [*LISTS, "limits", "kill-switches"])
def test_nobody_reads_without_a_token(client, demo_desk, name):
    answer = client.get(f"/api/v1/{name}/")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("name", [*LISTS, "limits", "kill-switches"])
def test_an_id_that_is_none_is_not_found(api, traded, name):
    assert api.get(f"/api/v1/{name}/not-an-id/").status_code == 404


def test_orders_can_be_narrowed(api, traded, sub):
    assert {row["state"] for row in listed(api, "orders", state="refused")} == {"refused"}
    assert {row["state"] for row in listed(api, "orders", open="false")} == {"refused", "filled"}
    assert listed(api, "orders", open="true") == []
    assert len(listed(api, "orders", account=str(sub.account_id), symbol="BTCUSDT", side="BUY")) == 6
    assert listed(api, "orders", symbol="ETHUSDT") == []
    assert listed(api, "orders", account=str(uuid4())) == []


def test_another_desks_account_as_a_filter_finds_nothing(api, traded, other_desk):
    foreign = str(owners_of(other_desk.tenant)[0].account_id)
    for name in ("orders", "fills", "positions", "balances"):
        assert listed(api, name, account=foreign) == []


def test_pages_follow_each_other_newest_first_without_gaps(api, traded):
    everything = [row["id"] for row in listed(api, "orders")]
    times = [row["created_at"] for row in listed(api, "orders")]
    assert times == sorted(times, reverse=True)
    page = api.get("/api/v1/orders/", {"limit": 2}).json()
    seen = [row["id"] for row in page["results"]]
    while page["next"]:
        page = api.get(page["next"]).json()
        seen += [row["id"] for row in page["results"]]
    assert seen == everything


def test_accounts_count_todays_orders_and_tell_their_state(api, sub):
    story = Story()
    story.state(sub, "ready")
    Projector(strategy_of=lambda _: None).apply(0, story.entries)
    states = {row["id"]: (row["state"], row["orders_today"]) for row in listed(api, "accounts")}
    assert states.pop(str(sub.account_id)) == ("ready", 0)
    assert set(states.values()) == {("incomplete", 0)}


def test_a_placed_order_is_a_row_a_message_and_can_be_looked_at(
    api, sub, sent, django_capture_on_commit_callbacks
):
    with commit(django_capture_on_commit_callbacks):
        answer = api.post("/api/v1/orders/", wish(sub))
    assert answer.status_code == 202
    placed = answer.json()
    assert (placed["kind"], placed["state"], placed["order"]) == ("place", "pending", placed["id"])
    (message,) = sent
    assert isinstance(message, PlaceCommand)
    assert (message.id, message.account, message.price_ticks) == (placed["id"], sub.slot, 6_168_599)
    order = api.get(f"/api/v1/orders/{placed['id']}/").json()
    assert (order["state"], order["price"], order["quantity"]) == ("pending", "61685.99", "0.001")
    assert set(order) == set(rows.OrderRow().fields)


def test_the_same_key_places_one_order_however_often_it_is_sent(api, sub, sent):
    answers = [api.post("/api/v1/orders/", wish(sub), key="one") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.json()["id"] for answer in answers}) == 1
    with tenant_scope(sub.tenant_id):
        assert Command.objects.count() == 1


def test_a_placed_order_has_the_same_id_when_the_engine_has_sent_it(api, sub, sent):
    placed = api.post("/api/v1/orders/", wish(sub)).json()
    story = Story()
    client_id = story.send(sub, command_id=placed["id"])
    Projector(strategy_of=lambda _: None).apply(0, story.entries)
    order = api.get(f"/api/v1/orders/{placed['id']}/").json()
    assert (order["state"], order["client_order_id"]) == ("sending", client_id)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"price": "61685.995"}, 400, "price_misaligned"),
        ({"quantity": "0.0000149"}, 400, "quantity_misaligned"),
        ({"price": None}, 400, "order_invalid"),
        ({"type": "MARKET"}, 400, "order_invalid"),
        ({"price": "NaN"}, 400, "order_invalid"),
        ({"price": "1e400"}, 400, "order_invalid"),
        ({"quantity": "-1"}, 400, "order_invalid"),
        ({"price": 61685.99}, 400, "invalid"),
        ({"quantity": 1}, 400, "invalid"),
        ({"quantity": ""}, 400, "invalid"),
        ({"side": "HOLD"}, 400, "invalid"),
        ({"type": "STOP"}, 400, "invalid"),
        ({"tif": "NONE"}, 400, "invalid"),
        ({"account": "me"}, 400, "invalid"),
        ({"account": str(uuid4())}, 404, "unknown_account"),
        ({"symbol": "NOCOIN"}, 404, "unknown_instrument"),
        ({"deadline_ms": 1}, 400, "invalid"),
        ({"deadline_ms": 10**9}, 400, "invalid"),
    ],
)
def test_a_senseless_order_is_refused_with_a_code(api, sub, sent, changes, status, code):
    answer = api.post("/api/v1/orders/", wish(sub, **changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"code", "message", "detail"}
    with tenant_scope(sub.tenant_id):
        assert not Command.objects.exists()


def test_missing_fields_are_named(api, sub):
    detail = api.post("/api/v1/orders/", {}).json()["detail"]
    assert set(detail) == {"account", "symbol", "side", "type", "quantity"}


def test_people_may_not_order_on_a_strategys_account(api, sub, demo_desk):
    strategy = next(account for account in demo_desk.accounts if account.kind == "strategy")
    answer = api.post("/api/v1/orders/", wish(sub, account=str(strategy.id)))
    assert (answer.status_code, answer.json()["code"]) == (409, "account_reserved")


def test_another_desks_account_takes_no_order_of_ours(api, sub, other_desk, sent):
    foreign = owners_of(other_desk.tenant)[0]
    answer = api.post("/api/v1/orders/", wish(foreign))
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_account")
    with tenant_scope(other_desk.tenant.id):
        assert not Command.objects.exists()


def test_a_cancel_goes_to_the_engine(api, sub, sent, django_capture_on_commit_callbacks):
    story = Story()
    client_id = story.send(sub)
    Projector(strategy_of=lambda _: None).apply(0, story.entries)
    (order,) = listed(api, "orders")
    with commit(django_capture_on_commit_callbacks):
        answer = api.delete(f"/api/v1/orders/{order['id']}/")
    assert (answer.status_code, answer.json()["order"]) == (202, order["id"])
    (message,) = sent
    assert isinstance(message, CancelCommand)
    assert message.client_order_id == client_id


def test_an_order_that_is_over_cannot_be_cancelled(api, sub):
    story = Story()
    story.report(sub, story.send(sub), ReportKind.CANCELED, OrderState.CANCELED)
    Projector(strategy_of=lambda _: None).apply(0, story.entries)
    (order,) = listed(api, "orders")
    answer = api.delete(f"/api/v1/orders/{order['id']}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "order_closed")


def test_another_desks_order_is_not_there_to_see_or_cancel(api, other_desk, sub, sent):
    placed = api.post("/api/v1/orders/", wish(sub)).json()["id"]
    theirs = other_desk.api
    for answer in (theirs.get(f"/api/v1/orders/{placed}/"), theirs.delete(f"/api/v1/orders/{placed}/")):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_order")
    with tenant_scope(other_desk.tenant.id):
        assert not Command.objects.exists()
        assert not Order.objects.exists()


def test_a_token_that_may_only_read_places_nothing(demo_desk, sub):
    from tests.desks import Api

    reader = Api(demo_desk.token_of(demo_desk.user, "read"))
    assert reader.get("/api/v1/orders/").status_code == 200
    answer = reader.post("/api/v1/orders/", wish(sub))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_malformed_json_is_said_to_be(api, sub):
    answer = api.generic("POST", "/api/v1/orders/", "{", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_amounts_arrive_as_they_were_written(api, sub, sent):
    placed = api.post("/api/v1/orders/", wish(sub, price="0.10", quantity="1.50000")).json()
    text = api.get(f"/api/v1/orders/{placed['id']}/").content.decode()
    assert json.loads(text)["price"] == "0.1"
    assert json.loads(text)["quantity"] == "1.5"
