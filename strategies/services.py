"""Writes of strategies: instances and whether they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from accounts import services as accounts_services
from accounts.models import ExchangeAccount
from accounts.tenancy import tenant_scope
from strategies.errors import AccountUnusable, ParametersInvalid, UnknownInstance, UnknownStrategy
from strategies.library.catalogue import STRATEGIES
from strategies.models import StrategyInstance


def create_instance(
    *,
    tenant_id: UUID,
    name: str,
    strategy: str,
    venue: str,
    account_ids: Sequence[UUID],
    symbols: Sequence[str],
    parameters: dict[str, Any],
    enabled: bool = False,
) -> StrategyInstance:
    """Create an instance and reserve its accounts of kind strategy for it; raises StrategyError.

    Engines take it up at their next start.
    """
    with tenant_scope(tenant_id):
        check_parameters(strategy, parameters)
        accounts = usable_accounts(venue, account_ids)
        instance: StrategyInstance = StrategyInstance.new(
            slot=accounts_services.next_slot("strategy"),
            name=name,
            strategy=strategy,
            venue=venue,
            symbols=list(symbols),
            parameters=parameters,
            enabled=enabled,
        )
        instance.save(force_insert=True)
        instance.accounts.set(accounts)
        ExchangeAccount.objects.filter(
            id__in=[account.id for account in accounts if account.kind == "strategy"]
        ).update(reserved_for=instance.id)
    return instance


def set_enabled(*, tenant_id: UUID, instance_id: UUID, enabled: bool) -> StrategyInstance:
    """Say whether engines run the instance from their next start on; raises UnknownInstance."""
    with tenant_scope(tenant_id):
        instance: StrategyInstance | None = (
            StrategyInstance.objects.select_for_update().filter(id=instance_id).first()
        )
        if instance is None:
            raise UnknownInstance("there is no such strategy instance", instance=str(instance_id))
        instance.enabled = enabled
        instance.save(update_fields=["enabled"])
    return instance


def check_parameters(strategy: str, parameters: dict[str, Any]) -> None:
    """Raise UnknownStrategy or ParametersInvalid, naming each wrong field."""
    kind = STRATEGIES.get(strategy)
    if kind is None:
        raise UnknownStrategy(f"there is no strategy {strategy}", known=sorted(STRATEGIES))
    try:
        kind.parameters_type.model_validate(parameters)
    except ValidationError as error:
        wrong = {".".join(map(str, item["loc"])): item["msg"] for item in error.errors()}
        raise ParametersInvalid(f"{strategy} does not take these parameters", **wrong) from None


def usable_accounts(venue: str, account_ids: Sequence[UUID]) -> list[ExchangeAccount]:
    """Return the tenant's accounts that no other instance holds; raises AccountUnusable."""
    accounts = list(ExchangeAccount.objects.select_for_update().filter(id__in=account_ids, venue=venue))
    if len(accounts) != len(set(account_ids)):
        raise AccountUnusable("an account is not there, or at another venue")
    for account in accounts:
        if account.reserved_for is not None:
            raise AccountUnusable(f"{account.name} is reserved for another instance", account=str(account.id))
    return accounts
