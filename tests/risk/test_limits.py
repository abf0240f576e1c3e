from __future__ import annotations

from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from accounts.tenancy import tenant_scope
from risk import selectors, services
from risk.defaults import load_defaults
from risk.errors import DefaultsInvalid, LimitInvalid, ReasonNeeded, RoleNeeded, SecondPersonNeeded
from risk.models import Limit, LimitRaise
from risk.people import Person

pytestmark = pytest.mark.django_db

NOW_NS = 1_780_000_000_000_000_000
ANN = Person("ann", "risk")
BOB = Person("bob", "owner")
TIM = Person("tim", "trader")


@pytest.fixture
def tenant(demo_desk, other_desk):
    for desk in (demo_desk, other_desk):
        services.seed_limits(tenant_id=desk.tenant.id, defaults=load_defaults(), now_ns=NOW_NS)
    return demo_desk.tenant


def wish(tenant, value: str, **changes):
    return {
        "tenant_id": tenant.id,
        "scope": "account",
        "name": "order_value_max",
        "value": Decimal(value),
        "who": ANN,
        "reason": "volatility",
        "now_ns": NOW_NS,
    } | changes


def held(tenant, target: UUID | None = None) -> Decimal:
    with tenant_scope(tenant.id):
        limit = selectors.limit_in_force(scope="account", name="order_value_max", symbol="", target=target)
    assert limit is not None
    value: Decimal = limit["value"]
    return value


def test_a_new_tenant_has_every_limit_of_the_configuration_once(tenant):
    defaults = load_defaults()
    again = services.seed_limits(tenant_id=tenant.id, defaults=defaults, now_ns=NOW_NS)
    with tenant_scope(tenant.id):
        assert selectors.limits().count() == 3 * 4 + 2 * len(defaults.instruments)
    assert again == []
    assert held(tenant) == defaults.account.order_value_max


def test_one_person_lowers_a_limit_at_once_and_leaves_a_trace(tenant, other_desk):
    before = held(tenant)
    limit = services.set_limit(**wish(tenant, "1000"))
    assert (limit.version, limit.set_by, limit.reason, limit.approved_by) == (2, "ann", "volatility", "")
    assert held(tenant) == 1000
    assert held(other_desk.tenant) == before
    with tenant_scope(tenant.id):
        versions = Limit.objects.filter(scope="account", name="order_value_max").order_by("version")
        assert [row.value for row in versions] == [before, 1000]


def test_raising_a_limit_alone_is_refused_and_changes_nothing(tenant):
    before = held(tenant)
    with pytest.raises(SecondPersonNeeded) as caught:
        services.set_limit(**wish(tenant, "99999999"))
    assert caught.value.code == "second_person_needed"
    assert held(tenant) == before


def test_a_first_limit_of_an_accounts_own_may_not_exceed_what_held_for_all(tenant):
    target = uuid4()
    account = {"target": target, "slot": 5}
    with pytest.raises(SecondPersonNeeded):
        services.set_limit(**wish(tenant, "250001", **account))
    services.set_limit(**wish(tenant, "10", **account))
    assert held(tenant, target=target) == 10
    assert held(tenant, target=uuid4()) == 250_000
    # Back to what all have is a raise for this one.
    with pytest.raises(SecondPersonNeeded):
        services.set_limit(**wish(tenant, "250000", **account))


def test_a_limit_that_nobody_has_set_takes_two_people(tenant):
    with pytest.raises(SecondPersonNeeded):
        services.set_limit(**wish(tenant, "1", name="order_quantity_max", symbol="NEWUSDT"))


def test_a_raise_holds_once_another_person_has_approved_it(tenant, other_desk):
    raise_ = services.propose_raise(**wish(tenant, "300000"))
    assert held(tenant) == 250_000
    limit = services.approve_raise(tenant_id=tenant.id, raise_id=raise_.id, who=BOB, now_ns=NOW_NS)
    assert (limit.set_by, limit.approved_by, held(tenant)) == ("ann", "bob", Decimal(300_000))
    with pytest.raises(LimitInvalid):
        services.approve_raise(tenant_id=tenant.id, raise_id=raise_.id, who=BOB, now_ns=NOW_NS)


@pytest.mark.parametrize(
    ("who", "error"),
    [
        (ANN, SecondPersonNeeded),
        (Person("ann", "risk", token="bot"), SecondPersonNeeded),
        (TIM, RoleNeeded),
    ],
    ids=["oneself", "oneself through a token", "a trader"],
)
def test_a_raise_is_not_approved_by(tenant, who, error):
    raise_ = services.propose_raise(**wish(tenant, "300000"))
    with pytest.raises(error):
        services.approve_raise(tenant_id=tenant.id, raise_id=raise_.id, who=who, now_ns=NOW_NS)
    assert held(tenant) == 250_000


def test_another_tenants_raise_cannot_be_approved(tenant, other_desk):
    raise_ = services.propose_raise(**wish(tenant, "300000"))
    with pytest.raises(LimitInvalid):
        services.approve_raise(tenant_id=other_desk.tenant.id, raise_id=raise_.id, who=BOB, now_ns=NOW_NS)


def test_the_database_itself_refuses_one_person_as_both(tenant):
    raise_ = services.propose_raise(**wish(tenant, "300000"))
    with tenant_scope(tenant.id), pytest.raises(IntegrityError), transaction.atomic():
        LimitRaise.objects.filter(id=raise_.id).update(approved_by="ann")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "happiness_max"}, LimitInvalid),
        ({"scope": "planet"}, LimitInvalid),
        ({"symbol": "BTCUSDT"}, LimitInvalid),
        ({"name": "order_quantity_max"}, LimitInvalid),
        ({"name": "order_quantity_max", "symbol": "BTCUSDT", "scope": "tenant"}, LimitInvalid),
        ({"value": Decimal("-1")}, LimitInvalid),
        ({"value": Decimal("NaN")}, LimitInvalid),
        ({"target": uuid4()}, LimitInvalid),
        ({"who": TIM}, RoleNeeded),
        ({"reason": " "}, ReasonNeeded),
    ],
)
def test_a_senseless_limit_is_refused_with_a_code(tenant, changes, error):
    with pytest.raises(error):
        services.set_limit(**(wish(tenant, "1") | changes))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("market: {}", "host"),
        ("- a list", "valid dictionary"),
        ("a: [", "risk.yaml"),
    ],
)
def test_a_wrong_configuration_says_where(tmp_path, text, says):
    path = tmp_path / "risk.yaml"
    path.write_text(text)
    with pytest.raises(DefaultsInvalid, match=says):
        load_defaults(path)


def test_amounts_that_yaml_would_make_floats_are_refused(tmp_path):
    from risk.defaults import DEFAULTS_PATH

    path = tmp_path / "risk.yaml"
    path.write_text(DEFAULTS_PATH.read_text().replace('"250000"', "250000.5"))
    with pytest.raises(DefaultsInvalid, match="quote the amount"):
        load_defaults(path)
