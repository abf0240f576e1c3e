from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.models import ExchangeAccount
from accounts.tenancy import tenant_scope
from strategies import selectors, services
from strategies.errors import AccountUnusable, ParametersInvalid, UnknownInstance, UnknownStrategy
from strategies.models import StrategyInstance
from tests.trading.desks import list_btcusdt

pytestmark = pytest.mark.django_db

VENUE = "binance_spot"


def account_of(desk):
    return next(account for account in desk.accounts if account.kind == "strategy")


def create(desk, **changes):
    wish = {
        "tenant_id": desk.tenant.id,
        "name": "quotes",
        "strategy": "two_sided_quotes",
        "venue": VENUE,
        "account_ids": [account_of(desk).id],
        "symbols": ["BTCUSDT"],
        "parameters": {"quantity": "0.002"},
        "enabled": True,
    }
    return services.create_instance(**(wish | changes))


def test_an_enabled_instance_is_ready_for_an_engine_in_slots(demo_desk, other_desk):
    instrument = list_btcusdt()
    instance = create(demo_desk)
    (config,) = selectors.running_instances(0)
    assert config.slot == instance.slot
    assert (config.tenant_id, config.tenant_slot) == (str(demo_desk.tenant.id), demo_desk.tenant.slot)
    assert config.accounts == (account_of(demo_desk).slot,)
    assert config.instruments == (instrument.slot,)
    assert config.parameters == {"quantity": "0.002"}


def test_instances_of_two_tenants_have_different_slots_and_do_not_see_each_other(demo_desk, other_desk):
    list_btcusdt()
    ours, theirs = create(demo_desk), create(other_desk)
    assert ours.slot != theirs.slot
    assert {config.slot for config in selectors.running_instances(0)} == {ours.slot, theirs.slot}
    with tenant_scope(demo_desk.tenant.id):
        assert list(StrategyInstance.objects.values_list("id", flat=True)) == [ours.id]
        assert selectors.slot_of_instance(theirs.id) is None
        assert selectors.instance_of_slot(theirs.slot) is None
        assert selectors.instance_of_slot(ours.slot) == ours.id
    assert selectors.running_instances(1) == []


def test_the_strategys_accounts_are_reserved_for_it(demo_desk):
    instance = create(demo_desk)
    with tenant_scope(demo_desk.tenant.id):
        reserved = ExchangeAccount.objects.filter(reserved_for=instance.id)
        assert [row.id for row in reserved] == [account_of(demo_desk).id]
    with pytest.raises(AccountUnusable, match="reserved for another"):
        create(demo_desk, name="second")


def test_a_disabled_instance_does_not_run(demo_desk):
    list_btcusdt()
    instance = create(demo_desk, enabled=False)
    assert selectors.running_instances(0) == []
    services.set_enabled(tenant_id=demo_desk.tenant.id, instance_id=instance.id, enabled=True)
    assert [config.slot for config in selectors.running_instances(0)] == [instance.slot]


def test_another_tenants_instance_cannot_be_switched(demo_desk, other_desk):
    instance = create(demo_desk)
    with pytest.raises(UnknownInstance):
        services.set_enabled(tenant_id=other_desk.tenant.id, instance_id=instance.id, enabled=False)


def test_another_tenants_account_cannot_be_used(demo_desk, other_desk):
    with pytest.raises(AccountUnusable):
        create(demo_desk, account_ids=[account_of(other_desk).id])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"strategy": "get_rich"}, UnknownStrategy),
        ({"parameters": {"quantity": "-1"}}, ParametersInvalid),
        ({"parameters": {"colour": "red"}}, ParametersInvalid),
        ({"account_ids": [uuid4()]}, AccountUnusable),
        ({"venue": "elsewhere"}, AccountUnusable),
    ],
)
def test_a_senseless_instance_is_refused_with_a_code(demo_desk, changes, error):
    with pytest.raises(error):
        create(demo_desk, **changes)
    with tenant_scope(demo_desk.tenant.id):
        assert not StrategyInstance.objects.exists()
