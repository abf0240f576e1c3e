from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.tenancy import tenant_scope
from risk.codes import Scope, TradingState
from risk.flags import read_flags
from risk.gate import Gate
from strategies.services import create_instance
from tests.desks import Api
from tests.trading.desks import list_btcusdt
from trading import bus
from trading.live import group_of
from trading.services import kill_switches
from trading.types import CancelAllCommand

pytestmark = pytest.mark.django_db

PATH = "/api/v1/kill-switches/"


@pytest.fixture
def gate(settings, tmp_path):
    settings.GATE_PATH = tmp_path / "gate"
    settings.FLAGS_PATH = tmp_path / "flags"
    Gate.create(settings.GATE_PATH)
    gate = Gate(settings.GATE_PATH)
    yield gate
    gate.close()


@pytest.fixture
def sent(monkeypatch) -> list:
    messages: list = []
    monkeypatch.setattr(bus, "publish", lambda shard, command: messages.append(command))
    return messages


@pytest.fixture(autouse=True)
def told(monkeypatch) -> list:
    """What dashboards were told, as (group, message)."""
    messages: list = []
    monkeypatch.setattr(kill_switches, "tell", lambda group, message: messages.append((group, message)))
    return messages


def strategy_of(desk):
    list_btcusdt()
    return create_instance(
        tenant_id=desk.tenant.id,
        name="quotes",
        strategy="two_sided_quotes",
        venue="binance_spot",
        account_ids=[desk.accounts[1].id],
        symbols=["BTCUSDT"],
        parameters={},
    )


def test_stopping_the_desk_is_at_once_in_the_gate_and_cancels_what_is_open(
    api, gate, demo_desk, other_desk, sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        answer = api.post(PATH, {"scope": "tenant", "state": "HALTED"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["flag_written"], told["gate_set"], told["recorded"]) == (True, True, True)
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.HALTED
    (message,) = sent
    assert isinstance(message, CancelAllCommand)
    assert (message.id, message.account, message.strategy) == (told["cancel_command"], -1, -1)
    (row,) = api.get(PATH).json()["results"]
    assert (row["scope"], row["state"], row["target"]) == ("tenant", "HALTED", None)
    assert api.get(f"{PATH}{row['id']}/").json() == row
    assert other_desk.api.get(PATH).json()["results"] == []
    assert other_desk.api.get(f"{PATH}{row['id']}/").status_code == 404


def test_dashboards_are_told_of_a_switch_once_it_is_committed_and_no_other_desks(
    api, gate, demo_desk, other_desk, sent, told, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        api.post(PATH, {"scope": "account", "target": str(demo_desk.main.id), "state": "HALTED"})
    told.clear()
    with django_capture_on_commit_callbacks(execute=True):
        api.post(PATH, {"scope": "tenant", "state": "HALTED", "reason": "runaway quotes"})
        assert told == []
    row = next(row for row in api.get(PATH).json()["results"] if row["scope"] == "tenant")
    message = {"type": "live.rows", "rows": {"kill_switches": [row]}}
    assert told == [(group_of(demo_desk.tenant.id), message)]


def test_a_refused_switch_tells_dashboards_nothing(api, gate, told, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert api.post(PATH, {"scope": "tenant", "state": "ACTIVE"}).status_code == 400
    assert told == []


def test_an_account_and_a_strategy_can_be_stopped_by_their_ids(
    api, gate, demo_desk, sent, django_capture_on_commit_callbacks
):
    account, instance = demo_desk.accounts[2], strategy_of(demo_desk)
    with django_capture_on_commit_callbacks(execute=True):
        for scope, target in (("account", account.id), ("strategy", instance.id)):
            answer = api.post(PATH, {"scope": scope, "target": str(target), "state": "HALTED"})
            assert answer.status_code == 200
    assert gate.state(Scope.ACCOUNT, account.slot) == TradingState.HALTED
    assert gate.state(Scope.STRATEGY, instance.slot) == TradingState.HALTED
    assert [(message.account, message.strategy) for message in sent] == [
        (account.slot, -1),
        (-1, instance.slot),
    ]


def test_a_release_cancels_nothing(api, gate, demo_desk, sent, django_capture_on_commit_callbacks):
    api.post(PATH, {"scope": "tenant", "state": "HALTED"})
    with django_capture_on_commit_callbacks(execute=True):
        answer = api.post(PATH, {"scope": "tenant", "state": "ACTIVE", "reason": "fixed"})
    assert (answer.status_code, answer.json()["cancel_command"]) == (200, None)
    assert sent == []
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.ACTIVE


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"scope": "tenant", "state": "ACTIVE"}, 400, "reason_needed"),
        ({"scope": "tenant", "state": "PAUSED"}, 400, "invalid"),
        ({"scope": "planet", "state": "HALTED"}, 400, "invalid"),
        ({"scope": "account", "state": "HALTED"}, 404, "unknown_target"),
        ({"scope": "account", "state": "HALTED", "target": str(uuid4())}, 404, "unknown_target"),
        ({"scope": "strategy", "state": "HALTED", "target": str(uuid4())}, 404, "unknown_target"),
        ({"scope": "tenant", "state": "HALTED", "target": str(uuid4())}, 404, "unknown_target"),
        ({}, 400, "invalid"),
    ],
)
def test_a_senseless_switch_is_refused_with_a_code(api, gate, settings, wish, status, code):
    answer = api.post(PATH, wish)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert list(read_flags(settings.FLAGS_PATH)) == []


def test_another_desks_account_and_strategy_are_unknown(api, gate, settings, other_desk):
    targets = {"account": other_desk.accounts[0].id, "strategy": strategy_of(other_desk).id}
    for scope, target in targets.items():
        answer = api.post(PATH, {"scope": scope, "target": str(target), "state": "HALTED"})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_target")
    assert list(read_flags(settings.FLAGS_PATH)) == []


def test_a_trader_stops_the_desk_but_does_not_start_it_again(gate, demo_desk, sent):
    trader = Api(demo_desk.token_of(demo_desk.member("trader"), "read", "trade"))
    assert trader.post(PATH, {"scope": "tenant", "state": "HALTED"}).status_code == 200
    answer = trader.post(PATH, {"scope": "tenant", "state": "ACTIVE", "reason": "go"})
    assert (answer.status_code, answer.json()["code"]) == (403, "role_needed")
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.HALTED


def test_an_owners_token_without_the_risk_scope_does_not_start_it_again(gate, demo_desk, sent):
    token = Api(demo_desk.token_of(demo_desk.user, "read", "trade"))
    token.post(PATH, {"scope": "tenant", "state": "HALTED"})
    answer = token.post(PATH, {"scope": "tenant", "state": "ACTIVE", "reason": "go"})
    assert (answer.status_code, answer.json()["code"]) == (403, "role_needed")


def test_a_viewer_stops_nothing(gate, demo_desk):
    viewer = Api(demo_desk.token_of(demo_desk.member("viewer"), "read"))
    answer = viewer.post(PATH, {"scope": "tenant", "state": "HALTED"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert gate.state(Scope.TENANT, demo_desk.tenant.slot) == TradingState.MISSING
    with tenant_scope(demo_desk.tenant.id):
        from risk.models import KillSwitch

        assert not KillSwitch.objects.exists()
