"""Work that schedules do for strategies and the gate that guards them."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from django.conf import settings

from accounts import selectors as accounts_selectors
from risk.sync import sync_gate
from strategies.selectors import running_instances
from trading import selectors as trading_selectors

log = logging.getLogger(__name__)


@shared_task(name="strategies.tasks.sync_gates")  # type: ignore[untyped-decorator]
def sync_gates(**kwargs: Any) -> int:
    """Write limits that changed into this host's gate; return for how many shards.

    Runs on engine hosts every few seconds. Without a gate no engine trades here.
    """
    from risk.gate import Gate

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
