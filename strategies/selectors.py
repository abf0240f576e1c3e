"""Reads of strategies."""

from __future__ import annotations

from uuid import UUID

from accounts import selectors as accounts_selectors
from accounts.models import ExchangeAccount, Tenant
from accounts.tenancy import tenant_scope
from risk.codes import Scope
from strategies.models import StrategyInstance
from trading import selectors as trading_selectors
from trading.types import StrategyConfig


def running_instances(shard: int) -> list[StrategyConfig]:
    """Return the enabled instances of the shard's tenants, ready for an engine."""
    configs: list[StrategyConfig] = []
    for tenant in accounts_selectors.tenants_of_shard(shard):
        with tenant_scope(tenant.id):
            enabled = StrategyInstance.objects.filter(enabled=True).order_by("slot")
            configs.extend(config_of(instance, tenant.slot) for instance in enabled)
    return configs


def config_of(instance: StrategyInstance, tenant_slot: int) -> StrategyConfig:
    """Return the instance in slots; what is unknown at the venue or inactive is left out."""
    accounts = instance.accounts.filter(active=True).order_by("slot")
    instruments = trading_selectors.instruments_of(instance.venue, instance.symbols)
    return StrategyConfig(
        slot=instance.slot,
        id=str(instance.id),
        tenant_slot=tenant_slot,
        tenant_id=str(instance.tenant_id),
        name=instance.name,
        strategy=instance.strategy,
        accounts=tuple(accounts.values_list("slot", flat=True)),
        instruments=tuple(sorted(instrument.slot for instrument in instruments)),
        parameters=dict(instance.parameters),
    )


def instance_of_slot(slot: int) -> UUID | None:
    """Return the id of the tenant's instance in this slot."""
    found: UUID | None = StrategyInstance.objects.filter(slot=slot).values_list("id", flat=True).first()
    return found


def slot_of_instance(instance_id: UUID) -> int | None:
    """Return the slot of the tenant's instance."""
    found: int | None = StrategyInstance.objects.filter(id=instance_id).values_list("slot", flat=True).first()
    return found


def kill_targets(tenant: Tenant) -> dict[tuple[Scope, int], UUID | None]:
    """Return the ids of what a kill switch can stop by scope and slot in the gate, None for the tenant."""
    with tenant_scope(tenant.id):
        accounts = list(ExchangeAccount.objects.values_list("slot", "id"))
        instances = list(StrategyInstance.objects.values_list("slot", "id"))
    targets: dict[tuple[Scope, int], UUID | None] = {(Scope.TENANT, tenant.slot): None}
    targets |= {(Scope.ACCOUNT, slot): account_id for slot, account_id in accounts}
    targets |= {(Scope.STRATEGY, slot): instance_id for slot, instance_id in instances}
    return targets
