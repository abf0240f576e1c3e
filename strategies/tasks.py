"""Work that schedules do for strategies and the gate that guards them."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from django.conf import settings

from accounts import selectors as accounts_selectors
from risk import services as risk_services
from risk.gate import Gate
from risk.sync import sync_gate
from strategies.selectors import kill_targets, running_instances
from trading import selectors as trading_selectors

log = logging.getLogger(__name__)


@shared_task(name="strategies.tasks.sync_gates")  # type: ignore[untyped-decorator]
def sync_gates(**kwargs: Any) -> int:
    """Write limits that changed into this host's gate; return for how many shards.

    Runs on engine hosts every few seconds. Without a gate no engine trades here.
    """
    if not settings.GATE_PATH.exists():
        return 0
    shards = accounts_selectors.shards()
    for shard in shards:
        gate = Gate(settings.GATE_PATH, shard=shard)
        try:
            sync_gate(
                gate,
                shard,
                instruments=trading_selectors.all_instruments(),
                strategies=running_instances(shard),
                flags=settings.FLAGS_PATH,
            )
        finally:
            gate.close()
    return len(shards)


@shared_task(name="strategies.tasks.record_flags")  # type: ignore[untyped-decorator]
def record_flags(**kwargs: Any) -> int:
    """Write the rows of this host's halts that Postgres missed; return how many."""
    return sum(
        risk_services.record_flags(tenant_id=tenant.id, targets=kill_targets(tenant))
        for shard in accounts_selectors.shards()
        for tenant in accounts_selectors.tenants_of_shard(shard)
    )
