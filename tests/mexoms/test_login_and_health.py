"""Signing in, and what the process says of its own health."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.test import Client

from accounts import services
from tests.desks import PASSWORD

pytestmark = pytest.mark.services
LOGIN = "/login/"


def sign_in(username: str, password: str, **options) -> Client:
    client = Client(**options)
    client.post(LOGIN, {"username": username, "password": password})
    return client


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_right_password_signs_in_and_leads_to_the_desk(demo_desk):
    answer = Client().post(LOGIN, {"username": "demo", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(demo_desk):
    answers = [
        Client().post(LOGIN, {"username": name, "password": "wrong"}).content.decode().replace(name, "")
        for name in ("demo", "nobody")
    ]
    first, second = (answer.split("csrfmiddlewaretoken")[0] for answer in answers)
    assert first == second
    assert not is_in(sign_in("demo", "wrong"))


def test_after_five_wrong_passwords_the_right_one_waits_too_but_not_from_elsewhere(demo_desk):
    for _ in range(services.LOGIN_FAILURES_MAX):
        assert not is_in(sign_in("demo", "wrong"))
    assert not is_in(sign_in("demo", PASSWORD))
    assert is_in(sign_in("demo", PASSWORD, REMOTE_ADDR="10.1.1.1"))


def test_the_right_password_in_time_begins_the_count_anew(demo_desk):
    for _ in range(3):
        for _ in range(services.LOGIN_FAILURES_MAX - 1):
            sign_in("demo", "wrong")
        assert is_in(sign_in("demo", PASSWORD))


def test_the_admins_login_pauses_as_well(demo_desk):
    for _ in range(services.LOGIN_FAILURES_MAX):
        Client().post("/admin/login/", {"username": "demo", "password": "wrong"})
    client = Client()
    client.post("/admin/login/", {"username": "demo", "password": PASSWORD})
    assert not is_in(client)


def test_a_session_gets_a_new_key_at_login(demo_desk):
    client = Client()
    session = client.session
    session["seen"] = True
    session.save()
    before = str(session.session_key)
    client.cookies["sessionid"] = before
    client.post(LOGIN, {"username": "demo", "password": PASSWORD})
    assert is_in(client)
    assert client.session.session_key != before


def test_login_leads_to_no_other_site(demo_desk):
    values = {"username": "demo", "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert Client().post(LOGIN, values)["Location"] == "/"


def test_signing_out_is_a_post_and_ends_the_session(demo_desk):
    client = sign_in("demo", PASSWORD)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").status_code == 302
    assert not is_in(client)


def beat(settings, shard: int, age_ms: int) -> None:
    settings.HOME.mkdir(exist_ok=True)
    sign = {"time_ns": time.time_ns() - age_ms * 1_000_000, "epoch": 1, "accounts": 5, "accounts_ready": 3}
    (settings.HOME / f"engine-{shard}.json").write_text(json.dumps(sign))


def ready() -> tuple[int, dict]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()


def test_the_process_says_that_it_lives_without_asking_anyone():
    assert Client().get("/healthz").json() == {"status": "alive"}


def test_ready_with_both_services_and_no_engine_yet(db):
    status, body = ready()
    assert (status, body["status"], body["code"], body["engines"]) == (200, "ready", "", [])
    assert body["checks"] == {"postgres": "ok", "redis": "ok"}


def test_a_living_engine_shows_with_its_accounts(db, settings):
    beat(settings, 0, 500)
    _, body = ready()
    assert body["status"] == "ready"
    assert {name: body["engines"][0][name] for name in ("shard", "alive", "accounts", "accounts_ready")} == {
        "shard": 0,
        "alive": True,
        "accounts": 5,
        "accounts_ready": 3,
    }


def test_a_silent_engine_is_told_while_requests_go_on(db, settings):
    beat(settings, 0, 500)
    beat(settings, 1, 60_000)
    status, body = ready()
    assert (status, body["status"], body["code"]) == (200, "degraded", "engine_silent")
    assert [engine["alive"] for engine in body["engines"]] == [True, False]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"time_ns": "x"}'])
def test_a_sign_of_life_that_says_nothing_is_no_engine(db, settings, text):
    settings.HOME.mkdir()
    (settings.HOME / "engine-0.json").write_text(text)
    assert ready()[1]["engines"] == []


def test_without_redis_not_ready(db, settings, tmp_path):
    settings.ENV = SimpleNamespace(redis_url=f"unix://{tmp_path}/nobody.sock?db=0")
    status, body = ready()
    assert (status, body["status"], body["code"]) == (503, "unavailable", "redis_unavailable")
    assert body["checks"]["postgres"] == "ok"


def test_without_postgres_not_ready(db, monkeypatch):
    def away(*args: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", away)
        patch.setattr(connection, "close", lambda: None)
        status, body = ready()
    assert (status, body["code"]) == (503, "postgres_unavailable")


def test_metrics_tell_the_same(db, settings):
    beat(settings, 0, 2_000)
    text = Client().get("/metrics").content.decode()
    assert "mexoms_postgres_up 1.0" in text
    assert "mexoms_redis_up 1.0" in text
    assert 'mexoms_engine_accounts_ready{shard="0"} 3.0' in text
    age = next(line for line in text.splitlines() if line.startswith("mexoms_engine_heartbeat_age_seconds{"))
    assert 2 <= float(age.split()[-1]) < 60
