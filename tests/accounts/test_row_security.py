"""Each table of a tenant's data, as the application's own role: each of the two walls without the other."""

from __future__ import annotations

import time

import pytest
from django.apps import apps
from django.db import Error, connection, transaction

from accounts import selectors, services
from accounts.models import ApiKey, ApiToken, ExchangeAccount, IdempotentRequest, Membership, Tenant
from accounts.tenancy import TENANT_SETTING, TenantMissing, TenantModel, setting_scope, tenant_scope
from tests.desks import Desk

pytestmark = pytest.mark.services

OWN_TABLES = [Membership, ExchangeAccount, ApiKey, ApiToken, IdempotentRequest]


@pytest.fixture
def desks(demo_desk, other_desk) -> tuple[Desk, Desk]:
    """Both desks, with at least one row in each table."""
    for desk in (demo_desk, other_desk):
        services.store_api_key(account=desk.main, api_key="k" * 20, api_secret="s", now_ns=time.time_ns())
        services.store_answer(
            tenant_id=desk.tenant.id,
            key="key",
            request_hash="0" * 64,
            status=200,
            content_type="",
            body=b"",
            now_ns=time.time_ns(),
        )
    return demo_desk, other_desk


def count(table: str):
    """Count the rows that the database shows, past the ORM."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def table_of(model):
    return model._meta.db_table


@pytest.mark.parametrize("model", OWN_TABLES)
def test_without_a_tenant_no_row_is_seen(desks, model):
    assert count(table_of(model)) == 0


@pytest.mark.parametrize("model", OWN_TABLES)
def test_a_tenant_sees_its_own_rows_and_no_others(desks, model):
    for desk in desks:
        with tenant_scope(desk.tenant.id), connection.cursor() as cursor:
            cursor.execute(f"SELECT DISTINCT tenant_id FROM {table_of(model)}")
            assert cursor.fetchall() == [(desk.tenant.id,)]


@pytest.mark.parametrize("model", OWN_TABLES)
def test_row_security_alone_keeps_the_others_rows_from_being_changed_or_deleted(desks, model):
    demo, other = desks
    with tenant_scope(demo.tenant.id):
        theirs = model._base_manager.filter(tenant_id=other.tenant.id)
        assert theirs.count() == 0
        assert theirs.update(tenant_id=demo.tenant.id) == 0
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table_of(model)} WHERE tenant_id = %s", [other.tenant.id])
            assert cursor.rowcount == 0
    with tenant_scope(other.tenant.id):
        assert model._base_manager.count() >= 1


@pytest.mark.parametrize("model", OWN_TABLES)
def test_a_row_cannot_be_given_to_another_tenant(desks, model):
    demo, other = desks
    with pytest.raises(Error, match="row-level security"), tenant_scope(demo.tenant.id):
        model._base_manager.update(tenant_id=other.tenant.id)


@pytest.mark.parametrize("model", OWN_TABLES)
def test_a_row_cannot_be_written_for_another_tenant(desks, model):
    demo, other = desks
    with tenant_scope(other.tenant.id):
        row = model._base_manager.first()
    row.pk = type(row)().pk
    with pytest.raises(Error, match="row-level security"), tenant_scope(demo.tenant.id):
        row.save(force_insert=True)


@pytest.mark.parametrize("model", OWN_TABLES)
def test_without_a_tenant_nothing_can_be_written(desks, model):
    demo, _ = desks
    with tenant_scope(demo.tenant.id):
        row = model._base_manager.first()
    row.pk = type(row)().pk
    with pytest.raises(Error, match="row-level security"), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.parametrize("model", OWN_TABLES)
def test_the_orm_alone_keeps_tenants_apart_where_the_database_would_not(desks, model):
    demo, other = desks
    with tenant_scope(demo.tenant.id):
        assert model.objects.count() >= 1
        with setting_scope(TENANT_SETTING, str(other.tenant.id)):
            assert model._base_manager.count() >= 1
            assert model.objects.count() == 0


@pytest.mark.parametrize("model", OWN_TABLES)
def test_the_manager_raises_outside_a_scope(desks, model):
    with pytest.raises(TenantMissing):
        model.objects.count()
    with pytest.raises(TenantMissing):
        model.objects.update(tenant_id=desks[0].tenant.id)
    with pytest.raises(TenantMissing):
        model.new()


def test_every_model_of_a_tenant_has_the_filtering_manager():
    models = [
        model for model in apps.get_models() if any(f.column == "tenant_id" for f in model._meta.fields)
    ]
    assert len(models) >= len(OWN_TABLES)
    assert [model for model in models if not issubclass(model, TenantModel)] == []
    assert [m for m in models if type(m._default_manager).__name__ != "TenantManager"] == []


def save_now(row, **options) -> None:
    """Save the row and have its foreign keys checked, which otherwise waits for the commit."""
    row.save(**options)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_an_account_cannot_hang_under_another_tenants_main_account(desks):
    demo, other = desks
    values = {"venue": "binance_spot", "kind": "sub", "name": "thief", "slot": 999_999}
    with tenant_scope(demo.tenant.id):
        row = ExchangeAccount.new(parent_id=other.main.id, **values)
        with pytest.raises(Error, match="foreign key"), transaction.atomic():
            save_now(row, force_insert=True)


def test_a_key_cannot_be_stored_for_another_tenants_account(desks):
    demo, other = desks
    with tenant_scope(demo.tenant.id):
        key = ApiKey.objects.get()
        key.account_id = other.main.id
        with pytest.raises(Error, match="foreign key"), transaction.atomic():
            save_now(key)


def test_scopes_nest_and_the_outer_one_comes_back(desks):
    demo, other = desks
    with tenant_scope(demo.tenant.id):
        with tenant_scope(other.tenant.id):
            assert {row.tenant_id for row in ExchangeAccount.objects.all()} == {other.tenant.id}
        assert {row.tenant_id for row in ExchangeAccount._base_manager.all()} == {demo.tenant.id}
    assert ExchangeAccount._base_manager.count() == 0


def test_a_scope_that_fails_leaves_no_tenant_behind(desks):
    demo, other = desks
    with tenant_scope(demo.tenant.id):
        with pytest.raises(ZeroDivisionError), tenant_scope(other.tenant.id):
            1 / 0  # noqa: B018
        assert {row.tenant_id for row in ExchangeAccount._base_manager.all()} == {demo.tenant.id}
    assert count("accounts_exchangeaccount") == 0


@pytest.mark.django_db(transaction=True)
def test_a_scope_whose_work_is_undone_leaves_no_tenant_behind(demo_desk):
    with tenant_scope(demo_desk.tenant.id):
        ExchangeAccount.objects.filter(kind="main").update(name="changed")
        transaction.set_rollback(True)
    assert count("accounts_exchangeaccount") == 0
    with tenant_scope(demo_desk.tenant.id):
        assert not ExchangeAccount.objects.filter(name="changed").exists()


@pytest.mark.django_db(transaction=True)
def test_a_persistent_connection_carries_no_tenant_to_the_next_transaction(demo_desk):
    with tenant_scope(demo_desk.tenant.id):
        assert count("accounts_exchangeaccount") == 3
    assert count("accounts_exchangeaccount") == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('mx.tenant', true)")
        assert cursor.fetchone()[0] in {None, ""}


def test_a_person_reads_his_own_memberships_before_there_is_a_tenant_and_can_write_none(desks):
    demo, other = desks
    services.add_member(tenant_id=other.tenant.id, user=demo.user, role="viewer")
    found = selectors.memberships_of(demo.user)
    assert [m.tenant_id for m in found] == [demo.tenant.id, other.tenant.id]
    with setting_scope("mx.user", str(demo.user.pk)):
        assert Membership._base_manager.update(role="owner") == 0
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM accounts_membership")
            assert cursor.rowcount == 0


def test_a_token_shows_itself_alone(desks):
    demo, _ = desks
    shown = selectors.token_hash(demo.token)
    with setting_scope("mx.token", shown):
        assert [row.token_hash for row in ApiToken._base_manager.all()] == [shown]
        assert ApiToken._base_manager.update(name="changed") == 0
    with setting_scope("mx.token", "0" * 64):
        assert ApiToken._base_manager.count() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE accounts_membership",
        "ALTER TABLE accounts_membership DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON accounts_membership",
        "SET ROLE mexoms_owner",
    ],
)
def test_the_application_cannot_take_the_wall_down(desks, statement):
    with (
        pytest.raises(Error, match=r"permission denied|must be owner|does not exist"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_platform_processes_read_every_tenants_accounts_through_the_registry(desks):
    demo, other = desks
    rows = selectors.accounts_of_shard(0)
    assert {row.tenant_id for row in rows} == {demo.tenant.id, other.tenant.id}
    assert len({row.slot for row in rows}) == len(rows) == 6
    assert selectors.tenant_ids() == [demo.tenant.id, other.tenant.id]
    assert selectors.shards() == [0]
    assert Tenant.objects.count() == 2
