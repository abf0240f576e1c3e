from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from accounts.models import ApiKey, ExchangeAccount, Tenant, User
from accounts.selectors import memberships_of, token_shown
from accounts.tenancy import tenant_scope
from mexoms.demo import load_config, seed_demo
from risk.models import Limit
from strategies.models import StrategyInstance
from venues.simulator.accounts import make_account, write_keys

pytestmark = [pytest.mark.services, pytest.mark.django_db]
SIZE = 8


@pytest.fixture
def home(tmp_path):
    return open_exchange(tmp_path, SIZE)


def open_exchange(home, accounts: int, seed: int = 1):
    """Write the keys of a simulated exchange that serves both desks."""
    write_keys(home / "simulator" / "keys.json", [make_account(seed, index) for index in range(accounts + 2)])
    return home


def seed(home, accounts: int = SIZE) -> dict:
    seed_demo(home=home, account_count=accounts)
    return dict(json.loads((home / "demo.json").read_text()))


def kinds(tenant_id: str) -> dict[str, int]:
    with tenant_scope(tenant_id):
        found = list(ExchangeAccount.objects.values_list("kind", flat=True))
    return {kind: found.count(kind) for kind in sorted(set(found))}


def test_two_desks_stand_with_owners_limits_and_ways_in(home):
    demo = seed(home)
    assert (home / "demo.json").stat().st_mode & 0o777 == 0o600
    assert kinds(demo["tenant"]) == {"main": 1, "strategy": 4, "sub": 3}
    assert kinds(demo["other"]["tenant"]) == {"main": 1, "sub": 1}
    for desk, staff in ((demo, True), (demo["other"], False)):
        user = User.objects.get(username=desk["user"])
        assert user.check_password(desk["password"])
        assert user.is_staff is staff
        assert not user.is_superuser
        assert [(str(m.tenant_id), m.role) for m in memberships_of(user)] == [(desk["tenant"], "owner")]
        token = token_shown(desk["token"])
        assert token is not None
        assert str(token.tenant_id) == desk["tenant"]
        with tenant_scope(desk["tenant"]):
            assert Limit.objects.count() > 10


def test_the_strategy_has_its_four_accounts_to_itself(home):
    demo = seed(home)
    with tenant_scope(demo["tenant"]):
        instance = StrategyInstance.objects.get()
        reserved = ExchangeAccount.objects.filter(reserved_for=instance.id)
        assert instance.enabled
        assert {account.kind for account in reserved} == {"strategy"}
        assert set(instance.accounts.all()) == set(reserved)
        assert len(reserved) == 4


def test_seeding_again_changes_nothing_that_stands(home):
    first = seed(home)
    Tenant.objects.filter(slug="demo-desk").update(name="Renamed by its owner")
    with tenant_scope(first["tenant"]):
        StrategyInstance.objects.update(enabled=False)
        limits = set(Limit.objects.values_list("id", flat=True))
    assert seed(home) == first
    assert Tenant.objects.get(slug="demo-desk").name == "Renamed by its owner"
    with tenant_scope(first["tenant"]):
        assert not StrategyInstance.objects.get().enabled
        assert set(Limit.objects.values_list("id", flat=True)) == limits
        assert ApiKey.objects.count() == SIZE


def test_a_desk_grows_into_the_exchanges_free_accounts(home):
    first = seed(home)
    grown = seed(open_exchange(home, SIZE + 3), SIZE + 3)
    assert grown == first
    assert kinds(first["tenant"]) == {"main": 1, "strategy": 4, "sub": 6}
    assert kinds(first["other"]["tenant"]) == {"main": 1, "sub": 1}
    emails: list[str] = []
    for tenant in (first["tenant"], first["other"]["tenant"]):
        with tenant_scope(tenant):
            emails += ExchangeAccount.objects.values_list("email", flat=True)
    assert len(emails) == len(set(emails)) == SIZE + 5


def test_accounts_take_the_keys_of_an_exchange_with_another_seed(home):
    demo = seed(home)
    seed(open_exchange(home, SIZE, seed=2))
    with tenant_scope(demo["tenant"]):
        active = set(ApiKey.objects.filter(active=True).values_list("api_key", flat=True))
    assert active == {make_account(2, index).api_key for index in range(SIZE)}


def test_a_wanted_password_wins(home, monkeypatch):
    seed(home)
    monkeypatch.setenv("MEXOMS_DEMO_PASSWORD", "a password by choice")
    assert seed(home)["password"] == "a password by choice"
    assert User.objects.get(username="demo").check_password("a password by choice")


def test_a_lost_demo_file_is_written_anew_with_ways_in_that_work(home):
    before = seed(home)
    (home / "demo.json").unlink()
    after = seed(home)
    assert after["tenant"] == before["tenant"]
    assert User.objects.get(username="demo").check_password(after["password"])
    assert token_shown(after["token"]) is not None


def test_a_mistake_in_the_file_is_named(tmp_path):
    path = tmp_path / "demo.yaml"
    path.write_text("desks: [{name: x}]")
    with pytest.raises(ValidationError, match="desks"):
        load_config(path)
