"""A request with a key is done once, however often and however closely it comes."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from accounts.models import ExchangeAccount
from accounts.tenancy import tenant_scope
from tests.desks import PASSWORD, Api, Desk
from tests.mexoms import desk_urls

pytestmark = pytest.mark.services
TOYS = "/api/v1/toys/"


@pytest.fixture(autouse=True)
def toy_api(settings):
    settings.ROOT_URLCONF = "tests.mexoms.desk_urls"


def count(desk: Desk) -> int:
    with tenant_scope(desk.tenant.id):
        return ExchangeAccount.objects.count()


def code(answer):
    return answer.json()["code"]


def test_a_program_must_give_a_key(api, demo_desk):
    answer = api.post(TOYS, {"name": "new"}, key="")
    assert (answer.status_code, code(answer)) == (400, "idempotency_key_missing")
    assert count(demo_desk) == 3


@pytest.mark.parametrize("key", ["x" * 129, "a b", "ключ"])
def test_a_key_is_short_and_plain(api, demo_desk, key):
    assert code(api.post(TOYS, {"name": "new"}, key=key)) == "idempotency_key_invalid"
    assert count(demo_desk) == 3


def test_the_same_request_again_gets_the_same_answer_and_does_nothing(api, demo_desk):
    first = api.post(TOYS, {"name": "new"}, key="k")
    again = api.post(TOYS, {"name": "new"}, key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert count(demo_desk) == 4


def test_a_key_of_another_request_is_refused(api, demo_desk):
    api.post(TOYS, {"name": "new"}, key="k")
    for answer in (
        api.post(TOYS, {"name": "other"}, key="k"),
        api.post(f"{TOYS}?x=1", {"name": "new"}, key="k"),
    ):
        assert (answer.status_code, code(answer)) == (422, "idempotency_key_reused")
    assert count(demo_desk) == 4


def test_another_token_cannot_read_an_answer_by_its_key(api, demo_desk):
    api.post(TOYS, {"name": "new"}, key="k")
    second = Api(demo_desk.token_of(demo_desk.member("trader"), "trade"))
    assert code(second.post(TOYS, {"name": "new"}, key="k")) == "idempotency_key_reused"


def test_two_desks_may_use_the_same_key(api, demo_desk, other_desk):
    assert api.post(TOYS, {"name": "new"}, key="k").status_code == 201
    assert other_desk.api.post(TOYS, {"name": "new"}, key="k").status_code == 201
    assert (count(demo_desk), count(other_desk)) == (4, 4)


@pytest.mark.parametrize("name", ["missing", "broken", "answered"])
def test_a_refused_request_frees_its_key(api, demo_desk, name):
    assert api.post(TOYS, {"name": name}, key="k").status_code >= 400
    assert api.post(TOYS, {"name": "new"}, key="k").status_code == 201


def test_reads_and_peoples_pages_need_no_key(api, demo_desk):
    assert api.get(TOYS).status_code == 200
    client = Client()
    assert client.login(username="demo", password=PASSWORD)
    assert client.post(TOYS, {"name": "new"}, content_type="application/json").status_code == 201


def test_a_person_may_give_a_key(demo_desk):
    client = Client(headers={"Idempotency-Key": "k"})
    assert client.login(username="demo", password=PASSWORD)
    for _ in range(2):
        assert client.post(TOYS, {"name": "new"}, content_type="application/json").status_code == 201
    assert count(demo_desk) == 4


def post(token: str, key: str) -> tuple[int, bytes]:
    """Post from a thread, whose database connection ends with it."""
    try:
        answer = Api(token).post(TOYS, {"name": "new"}, key=key)
        return answer.status_code, answer.content
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_while_the_first_runs_the_second_is_told_to_wait(demo_desk):
    desk_urls.entered.clear()
    desk_urls.may_end.clear()
    try:
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(post, demo_desk.token, "k")
            assert desk_urls.entered.wait(10)
            answer = demo_desk.api.post(TOYS, {"name": "new"}, key="k")
            desk_urls.may_end.set()
            assert first.result(10)[0] == 201
    finally:
        desk_urls.may_end.set()
    assert (answer.status_code, code(answer)) == (409, "idempotency_key_in_flight")
    assert answer["Retry-After"] == "1"
    assert post(demo_desk.token, "k") == first.result()
    assert count(demo_desk) == 4


@pytest.mark.django_db(transaction=True)
def test_of_forty_at_once_one_is_done(demo_desk):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(demo_desk.token, "k"), range(40)))
    assert count(demo_desk) == 4
    statuses = Counter(status for status, _ in answers)
    assert set(statuses) <= {201, 409}
    assert len({content for status, content in answers if status == 201}) == 1
