from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts.services import create_user
from mexoms.dashboard import views
from tests.desks import PASSWORD, Desk
from tests.mexoms.dashboard import rows

pytestmark = [
    pytest.mark.services,
    pytest.mark.django_db,
    pytest.mark.usefixtures("instrument"),
]


@pytest.fixture
def instrument(db: None) -> None:
    rows.make_instrument()


def test_what_a_person_may_post_is_checked_again_on_the_server(demo_desk: Desk, other_desk: Desk):
    theirs = rows.make_order(other_desk, other_desk.main)
    client = Client()
    client.force_login(demo_desk.user)
    answer = client.post(f"/desk/orders/{theirs.id}/cancel/")
    assert (answer.status_code, b"unknown_order" in answer.content) == (404, True)
    halt = {"target": f"account:{other_desk.main.id}", "state": "HALTED", "reason": "not mine"}
    answer = client.post("/desk/kill-switch/", halt)
    assert (answer.status_code, b"unknown_target" in answer.content) == (404, True)
    answer = client.post("/desk/kill-switch/", {**halt, "target": "everything"})
    assert (answer.status_code, b"field_invalid" in answer.content) == (400, True)
    assert Client(enforce_csrf_checks=True).post("/desk/cancel-all/").status_code == 403
    assert Client().post("/desk/cancel-all/").status_code == 302


def test_the_page_stops_asking_for_an_engine_that_is_away(demo_desk: Desk):
    client = Client()
    client.force_login(demo_desk.user)
    order = {
        "account": demo_desk.main.id, "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "tif": "GTC",
        "quantity": "0.001", "price": "61000.01",
    }  # fmt: skip
    answer = client.post("/desk/orders/", order)
    address = re.findall(r'hx-get="([^"]+)"', answer.content.decode())[0]
    assert b"hx-get" in client.get(address).content
    last = client.get(address.replace("asked=0", f"asked={views.ASKED_MAX - 1}"))
    assert b"has not answered yet" in last.content
    assert b"hx-get" not in last.content


def test_a_ticket_that_makes_no_sense_is_answered_with_its_code(demo_desk: Desk):
    client = Client()
    client.force_login(demo_desk.user)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "61000.015"}
    answer = client.post("/desk/orders/", {**order, "account": demo_desk.main.id})
    assert (answer.status_code, b"price_misaligned" in answer.content) == (400, True)
    answer = client.post("/desk/orders/", {**order, "account": "none"})
    assert (answer.status_code, b"field_invalid" in answer.content) == (400, True)
    answer = client.post("/desk/orders/", {**order, "account": demo_desk.accounts[1].id})
    assert (answer.status_code, b"account_reserved" in answer.content) == (409, True)


def test_a_person_without_a_desk_is_told_so():
    client = Client()
    stranger = create_user(username="stranger", password=PASSWORD)
    client.force_login(stranger)
    answer = client.get("/")
    assert (answer.status_code, b"you belong to no desk" in answer.content) == (403, True)
    assert client.post("/desk/cancel-all/").status_code == 403


def test_the_policy_allows_nothing_inline(demo_desk: Desk):
    client = Client()
    client.force_login(demo_desk.user)
    answer = client.get("/")
    assert "unsafe" not in answer["Content-Security-Policy"]
    text = answer.content.decode()
    assert "<style" not in text
    assert " style=" not in text
    assert re.findall(r"<script(?![^>]* src=)", text) == []
    assert re.findall(r"\son\w+=", text) == []
