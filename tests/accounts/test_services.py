"""Desks, people and accounts as services make them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import selectors, services
from accounts.errors import (
    AccountInvalid,
    NotAMember,
    RoleUnknown,
    ScopeUnknown,
    TooManySubaccounts,
    UnknownToken,
)
from accounts.models import SUB_ACCOUNTS_MAX, ApiToken, ExchangeAccount, LoginFailure
from accounts.tenancy import tenant_scope
from tests.desks import VENUE, Desk

pytestmark = pytest.mark.services


def add_account(desk: Desk, **values) -> ExchangeAccount:
    sub: dict[str, Any] = {"venue": VENUE, "kind": "sub", "name": "new", "parent_id": desk.main.id}
    return services.create_account(tenant_id=desk.tenant.id, **sub | values)


def test_slots_are_unique_among_tenants_and_never_zero(demo_desk, other_desk):
    assert [demo_desk.tenant.slot, other_desk.tenant.slot] == [1, 2]
    assert [row.slot for row in demo_desk.accounts + other_desk.accounts] == [1, 2, 3, 4, 5, 6]


def test_a_slot_of_undone_work_is_given_out_again(demo_desk):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError(add_account(demo_desk, name="undone").slot)
    assert add_account(demo_desk).slot == 4


def test_the_main_account_takes_200_subaccounts_and_refuses_the_201st(demo_desk):
    with tenant_scope(demo_desk.tenant.id):
        there = ExchangeAccount.objects.filter(parent_id=demo_desk.main.id).count()
    for number in range(there, SUB_ACCOUNTS_MAX):
        add_account(demo_desk, name=f"sub {number}", kind="strategy" if number % 50 == 0 else "sub")
    with pytest.raises(TooManySubaccounts):
        add_account(demo_desk, name="one more")
    with pytest.raises(TooManySubaccounts):
        add_account(demo_desk, name="one more", kind="strategy")
    with tenant_scope(demo_desk.tenant.id):
        assert ExchangeAccount.objects.filter(parent_id=demo_desk.main.id).count() == SUB_ACCOUNTS_MAX


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "main"},
        {"kind": "sub", "parent_id": None},
        {"kind": "unheard"},
        {"venue": "elsewhere"},
        {"name": "demo main"},
    ],
)
def test_an_account_that_contradicts_itself_is_refused(demo_desk, values):
    with pytest.raises(AccountInvalid):
        add_account(demo_desk, **values)


def test_a_subaccount_hangs_under_a_main_account_of_its_own_tenant(demo_desk, other_desk):
    for parent in (other_desk.main, demo_desk.accounts[1]):
        with pytest.raises(AccountInvalid):
            add_account(demo_desk, parent_id=parent.id)


def test_two_tenants_may_name_their_accounts_alike(demo_desk, other_desk):
    assert add_account(demo_desk, name="same").name == add_account(other_desk, name="same").name


def test_only_the_own_account_is_switched_off(demo_desk, other_desk):
    services.set_account_active(tenant_id=demo_desk.tenant.id, account_id=demo_desk.main.id, active=False)
    with pytest.raises(AccountInvalid):
        services.set_account_active(
            tenant_id=demo_desk.tenant.id, account_id=other_desk.main.id, active=False
        )
    active = {row.id: row.active for row in selectors.accounts_of_shard(0)}
    assert active[demo_desk.main.id] is False
    assert active[other_desk.main.id] is True


def test_short_passwords_are_refused(db):
    with pytest.raises(ValidationError):
        services.create_user(username="someone", password="short")


def test_a_person_has_one_role_at_a_desk(demo_desk):
    services.add_member(tenant_id=demo_desk.tenant.id, user=demo_desk.user, role="viewer")
    assert selectors.role_at(demo_desk.tenant.id, demo_desk.user.pk) == "viewer"
    with pytest.raises(RoleUnknown):
        services.add_member(tenant_id=demo_desk.tenant.id, user=demo_desk.user, role="king")


def test_a_person_of_two_desks_works_at_the_one_that_he_chose(demo_desk, other_desk):
    services.add_member(tenant_id=other_desk.tenant.id, user=demo_desk.user, role="viewer")
    at = {None: demo_desk, other_desk.tenant.id: other_desk, "nonsense": demo_desk}
    for chosen, desk in at.items():
        membership = selectors.membership_of(demo_desk.user, chosen)
        assert membership is not None
        assert membership.tenant_id == desk.tenant.id


def test_a_token_is_stored_as_its_hash_alone(demo_desk):
    with tenant_scope(demo_desk.tenant.id):
        row = ApiToken.objects.values().get()
    assert demo_desk.token not in repr(row)
    assert demo_desk.token.startswith(row["prefix"])
    assert len(demo_desk.token) >= 43  # 256 bits
    assert row["token_hash"] == selectors.token_hash(demo_desk.token)


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "everything"]])
def test_a_token_of_scopes_that_there_are_not_is_refused(demo_desk, scopes):
    with pytest.raises(ScopeUnknown):
        demo_desk.token_of(demo_desk.user, *scopes)


def test_a_token_acts_for_members_alone(demo_desk, other_desk):
    with pytest.raises(NotAMember):
        demo_desk.token_of(other_desk.user, "read")


def test_another_desks_token_cannot_be_revoked(demo_desk, other_desk):
    theirs = selectors.token_shown(other_desk.token)
    assert theirs is not None
    with pytest.raises(UnknownToken):
        services.revoke_token(tenant_id=demo_desk.tenant.id, token_id=theirs.id, now_ns=time.time_ns())


def fail(address: str, times: int, now_ns: int) -> None:
    for _ in range(times):
        services.note_login_failure(username="Demo", address=address, now_ns=now_ns)


def may_try(address: str, now_ns: int, username: str = "demo") -> bool:
    return services.may_try_login(username=username, address=address, now_ns=now_ns)


def test_five_wrong_passwords_from_one_address_bring_a_pause_for_it_alone(db):
    now_ns = time.time_ns()
    fail("10.0.0.1", services.LOGIN_FAILURES_MAX - 1, now_ns)
    assert may_try("10.0.0.1", now_ns)
    fail("10.0.0.1", 1, now_ns)
    assert not may_try("10.0.0.1", now_ns)
    assert may_try("10.0.0.2", now_ns)
    assert may_try("10.0.0.1", now_ns, "someone else")


def test_many_addresses_together_bring_a_pause_for_all(db):
    now_ns = time.time_ns()
    for number in range(services.LOGIN_FAILURES_ALL_MAX // 4):
        fail(f"10.0.1.{number}", 4, now_ns)
    assert not may_try("10.0.0.1", now_ns)


def test_the_pause_ends_and_its_rows_go(db):
    now_ns = time.time_ns()
    fail("10.0.0.1", services.LOGIN_FAILURES_MAX, now_ns)
    later_ns = now_ns + services.LOGIN_PAUSE_S * 1_000_000_000
    assert may_try("10.0.0.1", later_ns)
    services.note_login_failure(username="other", address="10.0.0.1", now_ns=later_ns)
    assert LoginFailure.objects.count() == 1


def test_old_answers_are_forgotten_and_new_ones_kept(demo_desk, other_desk):
    now_ns = time.time_ns()
    old_ns = now_ns - int(timedelta(hours=services.ANSWER_KEPT_H + 1).total_seconds()) * 1_000_000_000
    for key, then_ns in (("old", old_ns), ("new", now_ns)):
        services.store_answer(
            tenant_id=demo_desk.tenant.id, key=key, request_hash="0", status=200, content_type="", body=b"",
            now_ns=then_ns,
        )  # fmt: skip
    assert services.forget_idempotent_requests(tenant_id=other_desk.tenant.id, now_ns=now_ns) == 0
    assert services.forget_idempotent_requests(tenant_id=demo_desk.tenant.id, now_ns=now_ns) == 1
    with tenant_scope(demo_desk.tenant.id):
        assert selectors.stored_answer("new")
        assert not selectors.stored_answer("old")


def test_a_second_main_account_of_the_same_slot_is_impossible(demo_desk):
    with tenant_scope(demo_desk.tenant.id):
        row = ExchangeAccount.new(venue=VENUE, kind="main", name="twin", slot=demo_desk.main.slot)
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save(force_insert=True)
