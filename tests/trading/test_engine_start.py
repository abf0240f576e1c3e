"""What an engine reads from Postgres when it starts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from accounts import services as accounts_services
from risk.gate import Gate
from strategies.selectors import slot_of_instance
from strategies.services import create_instance
from tests.instruments import LISTED_BTCUSDT
from tests.trading.desks import list_btcusdt
from trading import gate_sync, selectors, services

pytestmark = pytest.mark.django_db


@pytest.fixture
def keyed(demo_desk, other_desk):
    """Every account of both desks has a key but one."""
    for desk in (demo_desk, other_desk):
        for account in desk.accounts[:2]:
            accounts_services.store_api_key(
                account=account, api_key=f"key of {account.slot}", api_secret="s3cret", now_ns=time.time_ns()
            )
    return demo_desk, other_desk


def test_an_engine_gets_the_accounts_of_all_its_tenants_with_opened_keys(keyed):
    accounts, secrets = selectors.engine_accounts(0, slot_of_instance=slot_of_instance)
    wanted = [account for desk in keyed for account in desk.accounts[:2]]
    assert [account.id for account in accounts] == [str(account.id) for account in wanted]
    assert [secret.account for secret in secrets] == [account.slot for account in wanted]
    assert {secret.api_secret for secret in secrets} == {"s3cret"}
    assert {(account.tenant_slot, account.tenant_id) for account in accounts} == {
        (desk.tenant.slot, str(desk.tenant.id)) for desk in keyed
    }
    assert "s3cret" not in repr(secrets)


def test_a_reserved_account_names_the_slot_of_its_strategy(keyed):
    demo, _ = keyed
    instance = create_instance(
        tenant_id=demo.tenant.id,
        name="quotes",
        strategy="two_sided_quotes",
        venue="binance_spot",
        account_ids=[demo.accounts[1].id],
        symbols=["BTCUSDT"],
        parameters={},
    )
    accounts, _ = selectors.engine_accounts(0, slot_of_instance=slot_of_instance)
    reserved = {account.id: account.reserved_for for account in accounts}
    assert reserved.pop(str(demo.accounts[1].id)) == instance.slot
    assert set(reserved.values()) == {-1}


def test_another_shard_has_no_accounts(keyed):
    assert selectors.engine_accounts(1, slot_of_instance=slot_of_instance) == ((), ())


def test_every_start_of_an_engine_has_a_higher_epoch_of_its_own(db):
    assert [services.next_epoch(shard=0) for _ in range(3)] == [1, 2, 3]
    assert services.next_epoch(shard=1) == 1


def test_an_instrument_keeps_its_slot_and_its_version_rises_with_a_change(db):
    first = list_btcusdt()
    assert (first.slot, first.version) == (1, 1)
    assert list_btcusdt() == first
    changed = list_btcusdt(notional_min_units=1_000_000_000)
    assert (changed.slot, changed.version) == (1, 2)


def test_what_the_venue_no_longer_lists_stops_trading_and_keeps_its_slot(db):
    gone = list_btcusdt()
    services.sync_instruments(venue="binance_spot", instruments=[])
    (row,) = selectors.all_instruments()
    assert (row.slot, row.trading, row.version) == (gone.slot, False, 2)
    assert list_btcusdt().slot == gone.slot


def test_assets_have_slots_from_one(db):
    list_btcusdt()
    assert sorted(selectors.asset_slots().values()) == [1, 2]


class AttentiveGate(Gate):
    """A gate that remembers what it was told of instruments."""

    instruments: dict[int, dict[str, Any]]

    def set_instrument(self, slot: int, **definition: Any) -> None:
        super().set_instrument(slot, **definition)
        self.instruments[slot] = definition


@pytest.fixture
def gate(tmp_path) -> Iterator[AttentiveGate]:
    Gate.create(tmp_path / "gate")
    gate = AttentiveGate(tmp_path / "gate")
    gate.instruments = {}
    yield gate
    gate.close()


def test_the_gate_is_told_what_one_lot_is_worth_at_one_tick_in_micro_usdt(gate, db):
    instrument = list_btcusdt()
    gate_sync.write_instruments(gate, [instrument], selectors.asset_slots())
    told = gate.instruments[instrument.slot]
    worth = Decimal(told["value_numerator"]) / told["value_denominator"]
    assert worth == LISTED_BTCUSDT.tick * LISTED_BTCUSDT.lot * 1_000_000
    assert told["trading"]


def test_an_instrument_that_cannot_be_valued_does_not_trade(gate, db):
    instrument = list_btcusdt(quote="EUR")
    gate_sync.write_instruments(gate, [instrument], selectors.asset_slots())
    assert not gate.instruments[instrument.slot]["trading"]
