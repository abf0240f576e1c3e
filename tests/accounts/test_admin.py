"""The admin: own rows alone, by the person's role, no secret on any page, writes through services."""

from __future__ import annotations

import time

import pytest
from django.contrib import admin
from django.test import Client

from accounts import selectors, services
from accounts.admin import TenantAdmin
from accounts.models import ApiKey, ApiToken, ExchangeAccount, Membership
from accounts.tenancy import tenant_scope
from tests.desks import PASSWORD, VENUE, Desk

pytestmark = pytest.mark.services
SECRET = "canary-secret-77aa"
PUBLIC = "canary-public-half-of-a-key"
LISTS = ["tenant", "user", "membership", "exchangeaccount", "apikey", "apitoken"]


@pytest.fixture
def desks(demo_desk, other_desk) -> tuple[Desk, Desk]:
    for desk in (demo_desk, other_desk):
        services.store_api_key(account=desk.main, api_key=PUBLIC, api_secret=SECRET, now_ns=time.time_ns())
    return demo_desk, other_desk


def staff(desk: Desk, role: str = "owner") -> Client:
    """Return the browser of a member who may enter the admin."""
    person = desk.member(role, f"{desk.tenant.slug}-{role}-staff")
    person.is_staff = True
    person.save()
    client = Client()
    client.force_login(person)
    return client


def page(client: Client, model: str, rest: str = "") -> str:
    answer = client.get(f"/admin/accounts/{model}/{rest}")
    assert answer.status_code == 200, (model, rest, answer.status_code)
    return answer.content.decode()


@pytest.mark.parametrize("model", LISTS)
def test_each_list_shows_the_own_desk_and_nothing_of_another(desks, model):
    text = page(staff(desks[0]), model)
    assert "demo" in text.lower()
    assert "other" not in text.replace("another", "").lower()


@pytest.mark.parametrize(
    ("model", "of"), [("exchangeaccount", ExchangeAccount), ("apikey", ApiKey), ("apitoken", ApiToken)]
)
def test_no_page_shows_a_secret(desks, model, of):
    client = staff(desks[0])
    with tenant_scope(desks[0].tenant.id):
        row = of.objects.first()
    for text in (page(client, model), page(client, model, f"{row.pk}/change/")):
        for secret in (SECRET, PUBLIC, desks[0].token, selectors.token_hash(desks[0].token)):
            assert secret not in text


def test_another_desks_row_cannot_be_opened_by_its_id(desks):
    client = staff(desks[0])
    for model, row in (
        ("exchangeaccount", desks[1].main),
        ("user", desks[1].user),
        ("tenant", desks[1].tenant),
    ):
        assert client.get(f"/admin/accounts/{model}/{row.pk}/change/").status_code == 302
    changed = client.post(f"/admin/accounts/exchangeaccount/{desks[1].main.pk}/change/", {"active": ""})
    assert changed.status_code == 302
    with tenant_scope(desks[1].tenant.id):
        assert ExchangeAccount.objects.get(id=desks[1].main.id).active


def test_forms_offer_no_rows_of_another_desk(desks):
    client = staff(desks[0])
    for model in ("exchangeaccount", "apikey", "membership", "apitoken"):
        text = page(client, model, "add/")
        assert "other" not in text.replace("another", "").replace("Save and add other", "").lower()


@pytest.mark.parametrize("role", ["trader", "risk", "treasury", "viewer"])
def test_who_does_not_administer_adds_nothing_and_sees_no_keys(desks, role):
    client = staff(desks[0], role)
    assert "demo main" in page(client, "exchangeaccount")
    for path in (
        "exchangeaccount/add/",
        "membership/add/",
        "apikey/add/",
        "apikey/",
        "apitoken/",
        "apitoken/add/",
    ):
        assert client.get(f"/admin/accounts/{path}").status_code == 403


def test_djangos_own_rights_count_for_nothing(desks):
    nobody = services.create_user(username="root", password=PASSWORD, is_staff=True)
    nobody.is_superuser = True
    nobody.save()
    client = Client()
    client.force_login(nobody)
    for model in LISTS:
        assert client.get(f"/admin/accounts/{model}/").status_code == 403


def test_who_is_no_staff_does_not_enter(desks):
    client = Client()
    client.force_login(desks[0].member("owner", "no-staff"))
    assert client.get("/admin/").status_code == 302


def test_an_account_is_added_and_switched_off_by_services(desks):
    client = staff(desks[0])
    values = {
        "venue": VENUE,
        "kind": "sub",
        "name": "from the admin",
        "email": "",
        "parent": str(desks[0].main.pk),
    }
    assert client.post("/admin/accounts/exchangeaccount/add/", values).status_code == 302
    with tenant_scope(desks[0].tenant.id):
        account = ExchangeAccount.objects.get(name="from the admin")
        assert (account.slot, account.active) == (7, True)
    client.post(f"/admin/accounts/exchangeaccount/{account.pk}/change/", {"venue": "elsewhere"})
    with tenant_scope(desks[0].tenant.id):
        account = ExchangeAccount.objects.get(id=account.id)
    assert (account.venue, account.active) == (VENUE, False)


def test_what_a_service_refuses_is_told_and_not_written(desks):
    client = staff(desks[0])
    values = {"venue": VENUE, "kind": "main", "name": "demo main", "email": ""}
    answer = client.post("/admin/accounts/exchangeaccount/add/", values, follow=True)
    assert "there is an account demo main already" in answer.content.decode()
    with tenant_scope(desks[0].tenant.id):
        assert ExchangeAccount.objects.count() == 3


def test_an_account_cannot_be_hung_under_another_desks_by_a_forged_form(desks):
    values = {"venue": VENUE, "kind": "sub", "name": "thief", "email": "", "parent": str(desks[1].main.pk)}
    answer = staff(desks[0]).post("/admin/accounts/exchangeaccount/add/", values)
    assert "valid choice" in answer.content.decode()


def test_a_key_is_stored_sealed(desks):
    values = {"account": str(desks[0].accounts[1].pk), "api_key": "n" * 20, "api_secret": "from-the-admin"}
    answer = staff(desks[0]).post("/admin/accounts/apikey/add/", values, follow=True)
    assert "from-the-admin" not in answer.content.decode()
    with tenant_scope(desks[0].tenant.id):
        key = selectors.active_key(desks[0].accounts[1])
    assert key is not None
    assert selectors.open_secret(key) == ("n" * 20, "from-the-admin")


def test_a_token_is_shown_once_and_then_never_again(desks):
    client = staff(desks[0])
    values = {"name": "bot", "username": "demo", "wanted": ["read"], "days": "1"}
    text = client.post("/admin/accounts/apitoken/add/", values, follow=True).content.decode()
    shown = text.split("The token, shown only now: ")[1][:46]
    token = selectors.token_shown(shown)
    assert token is not None
    assert (token.name, token.scopes) == ("bot", ["read"])
    assert shown not in page(client, "apitoken")


def test_a_token_acts_for_no_one_of_another_desk(desks):
    values = {"name": "bot", "username": "other", "wanted": ["read"], "days": "1"}
    text = staff(desks[0]).post("/admin/accounts/apitoken/add/", values).content.decode()
    assert "There is no such member." in text


def test_tokens_are_revoked_by_the_action(desks):
    token = selectors.token_shown(desks[0].token)
    assert token is not None
    values = {"action": "revoke", "_selected_action": [str(token.pk)]}
    assert staff(desks[0]).post("/admin/accounts/apitoken/", values).status_code == 302
    again = selectors.token_shown(desks[0].token)
    assert again is not None
    assert again.revoked_at is not None


def test_a_member_is_added_by_name_and_removed(desks):
    client = staff(desks[0])
    person = services.create_user(username="newcomer", password=PASSWORD)
    client.post("/admin/accounts/membership/add/", {"username": "newcomer", "role": "viewer"})
    with tenant_scope(desks[0].tenant.id):
        membership = Membership.objects.get(user=person)
    client.post(f"/admin/accounts/membership/{membership.pk}/delete/", {"post": "yes"})
    assert selectors.memberships_of(person) == []


def test_every_admin_of_a_tenants_rows_stands_on_the_tenants_base():
    wrong = [
        model.__name__
        for model, model_admin in admin.site._registry.items()
        if any(field.column == "tenant_id" for field in model._meta.fields)
        and not isinstance(model_admin, TenantAdmin)
    ]
    assert wrong == []
