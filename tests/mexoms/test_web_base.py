"""What every API view gets: its tenant, its rights, coded errors, pages, and no half-done writes."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from accounts import selectors, services
from accounts.access import SCOPES_OF_ROLES
from accounts.models import ApiToken, ExchangeAccount
from accounts.tenancy import tenant_scope
from mexoms import error_map
from tests.desks import PASSWORD, Api, Desk, issue

pytestmark = pytest.mark.services
TOYS = "/api/v1/toys/"
SESSION = "/api/v1/session/"


@pytest.fixture(autouse=True)
def toy_api(settings):
    settings.ROOT_URLCONF = "tests.mexoms.desk_urls"


def signed_in(desk: Desk) -> Client:
    client = Client(raise_request_exception=False)
    assert client.login(username=desk.user.username, password=PASSWORD)
    return client


def names(desk: Desk) -> set[str]:
    with tenant_scope(desk.tenant.id):
        return set(ExchangeAccount.objects.values_list("name", flat=True))


def test_a_token_reads_its_own_desk_and_no_other(api, demo_desk, other_desk):
    rows = api.get(TOYS).json()["results"]
    assert [row["name"] for row in rows] == ["demo main", "demo strategy", "demo sub"]
    assert api.get(f"{TOYS}{other_desk.main.id}/").status_code == 404
    assert api.get(f"{TOYS}{demo_desk.main.id}/").status_code == 200


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer mx_" + "a" * 43, "Bearer \x00"]
)
def test_who_shows_no_good_token_gets_a_coded_401(api, shown):
    answer = Client().get(TOYS, headers={"Authorization": shown})
    assert answer.status_code == 401
    assert answer.json()["code"] in {"not_authenticated", "token_invalid"}
    assert answer["WWW-Authenticate"] == "Bearer"


def test_an_expired_token_opens_nothing(demo_desk):
    token = issue(demo_desk.tenant, demo_desk.user, ["read"], ttl=timedelta(seconds=-1))
    answer = Api(token).get(TOYS)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")


def test_a_revoked_token_opens_nothing_from_the_next_request_on(api, demo_desk):
    assert api.get(TOYS).status_code == 200
    token = selectors.token_shown(demo_desk.token)
    assert token is not None
    services.revoke_token(tenant_id=demo_desk.tenant.id, token_id=token.id, now_ns=time.time_ns())
    answer = api.get(TOYS)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")


def test_the_token_of_a_person_who_left_the_desk_or_was_switched_off_opens_nothing(demo_desk, other_desk):
    person = demo_desk.member("trader")
    services.add_member(tenant_id=other_desk.tenant.id, user=person, role="trader")
    api = Api(demo_desk.token_of(person, "read"))
    services.remove_member(tenant_id=demo_desk.tenant.id, user=person)
    assert api.get(TOYS).json()["code"] == "not_a_member"
    services.add_member(tenant_id=demo_desk.tenant.id, user=person, role="viewer")
    assert api.get(TOYS).status_code == 200
    person.is_active = False
    person.save()
    assert api.get(TOYS).json()["code"] == "token_invalid"


def test_a_tokens_last_use_is_noted(api, demo_desk):
    api.get(TOYS)
    with tenant_scope(demo_desk.tenant.id):
        assert ApiToken.objects.get().last_used_at is not None


@pytest.mark.parametrize("role", SCOPES_OF_ROLES)
@pytest.mark.parametrize("scope", ["read", "trade", "risk", "admin"])
def test_a_token_does_what_both_its_scopes_and_its_persons_role_allow(demo_desk, role, scope):
    api = Api(demo_desk.token_of(demo_desk.member(role), scope))
    may_read = scope == "read"
    may_write = scope in {"trade", "risk"} and scope in SCOPES_OF_ROLES[role]
    assert (api.get(TOYS).status_code == 200) is may_read
    assert (api.post(TOYS, {"name": "new"}).status_code == 201) is may_write
    if not may_write:
        assert api.post(TOYS, {"name": "new"}).json()["code"] == "scope_missing"


@pytest.mark.parametrize("role", SCOPES_OF_ROLES)
def test_a_signed_in_person_does_what_his_role_allows(demo_desk, role):
    client = Client()
    client.force_login(demo_desk.member(role))
    may_write = bool({"trade", "risk"} & SCOPES_OF_ROLES[role])
    answer = client.post(TOYS, {"name": "new"}, content_type="application/json")
    assert client.get(TOYS).status_code == 200
    assert answer.status_code == (201 if may_write else 403)


def test_a_method_that_no_scope_is_named_for_is_refused(api, demo_desk):
    answer = api.delete(f"{TOYS}{demo_desk.main.id}/")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert names(demo_desk) == {"demo main", "demo strategy", "demo sub"}


def test_a_method_that_there_is_not_is_told_so(api):
    answer = api.put(TOYS)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_a_session_that_writes_must_show_its_csrf_token(demo_desk):
    client = Client(enforce_csrf_checks=True)
    client.force_login(demo_desk.user)
    answer = client.post(TOYS, {"name": "new"}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_a_person_of_no_desk_is_told_so(demo_desk):
    client = Client()
    client.force_login(services.create_user(username="nobody", password=PASSWORD))
    answer = client.get(TOYS)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_member")


def test_a_person_of_two_desks_chooses_where_he_works_and_no_third_one(demo_desk, other_desk):
    services.add_member(tenant_id=other_desk.tenant.id, user=demo_desk.user, role="viewer")
    client = signed_in(demo_desk)
    assert client.get(SESSION).json()["name"] == "Demo Desk"
    choose: Any = {"content_type": "application/json"}
    assert client.post(SESSION, {"tenant": str(other_desk.tenant.id)}, **choose).status_code == 204
    mine = client.get(SESSION).json()
    assert (mine["name"], mine["role"], mine["scopes"]) == ("Other Desk", "viewer", ["read"])
    assert client.get(TOYS).json()["results"][0]["name"] == "other main"
    assert client.post(SESSION, {"tenant": str(uuid.uuid4())}, **choose).json()["code"] == "not_a_member"


def test_a_choice_outlives_no_membership(demo_desk, other_desk):
    services.add_member(tenant_id=other_desk.tenant.id, user=demo_desk.user, role="viewer")
    client = signed_in(demo_desk)
    client.post(SESSION, {"tenant": str(other_desk.tenant.id)}, content_type="application/json")
    services.remove_member(tenant_id=other_desk.tenant.id, user=demo_desk.user)
    assert client.get(SESSION).json()["name"] == "Demo Desk"


def test_a_token_says_what_it_is_and_cannot_change_desks(api, demo_desk, other_desk):
    services.add_member(tenant_id=other_desk.tenant.id, user=demo_desk.user, role="owner")
    me = api.get(SESSION).json()
    assert (me["user"], me["tenant"], me["desks"]) == ("demo", str(demo_desk.tenant.id), [])
    assert api.post(SESSION, {"tenant": str(other_desk.tenant.id)}).json()["code"] == "not_a_member"


def test_a_token_opens_no_page_outside_the_api(demo_desk):
    answer = Client().get("/admin/", headers={"Authorization": f"Bearer {demo_desk.token}"})
    assert answer.status_code == 302


@pytest.mark.parametrize(("name", "status"), [("missing", 404), ("broken", 500), ("answered", 409)])
def test_a_refused_write_leaves_nothing_behind(api, demo_desk, name, status):
    before = names(demo_desk)
    assert api.post(TOYS, {"name": name}).status_code == status
    assert names(demo_desk) == before


def test_errors_have_one_shape(api):
    answers = {
        "invalid": api.post(TOYS, {"name": "x" * 21}),
        "malformed": api.generic("POST", TOYS, "{", content_type="application/json"),
        "unsupported_media_type": api.generic("POST", TOYS, "a=b", content_type="text/plain"),
        "account_invalid": api.post(TOYS, {"name": "demo main"}),
        "internal_error": api.post(TOYS, {"name": "broken"}),
        "not_found": api.get("/api/v1/nothing/here/"),
        "bad_request": api.generic("POST", TOYS, b"x" * 3_000_000, content_type="application/json"),
    }
    assert {code: answer.json()["code"] for code, answer in answers.items()} == {
        code: code for code in answers
    }
    for answer in answers.values():
        assert set(answer.json()) == {"code", "message", "detail"}
        assert answer["Content-Type"] == "application/json"
    assert list(answers["invalid"].json()["detail"]) == ["name"]


def test_a_database_that_is_away_is_no_fault_of_the_callers():
    answer = error_map.exception_handler(OperationalError("gone"), {})
    assert answer is not None
    assert (answer.status_code, answer.data["code"]) == (503, "database_unavailable")
    assert answer.headers["Retry-After"]


def test_the_unexpected_is_left_to_django(api):
    assert error_map.exception_handler(ZeroDivisionError(), {}) is None


def test_lists_come_in_pages_that_lead_to_one_another(api, demo_desk):
    first = api.get(TOYS, {"limit": 2}).json()
    assert set(first) == {"next", "previous", "results"}
    assert len(first["results"]) == 2
    second = api.get(first["next"]).json()
    assert [row["name"] for row in second["results"]] == ["demo sub"]
    assert second["next"] is None
    assert api.get(second["previous"]).json()["results"] == first["results"]


def test_a_pages_size_has_a_limit(api, demo_desk):
    assert len(api.get(TOYS, {"limit": 1_000_000}).json()["results"]) == 3
    assert api.get(TOYS, {"cursor": "nonsense"}).status_code == 404
