"""Work that schedules do for accounts."""

from __future__ import annotations

import time
from typing import Any

from celery import shared_task

from accounts import selectors, services


@shared_task(name="accounts.tasks.forget_idempotent_requests")  # type: ignore[untyped-decorator]
def forget_idempotent_requests(**kwargs: Any) -> int:
    """Delete answers that are kept no longer; return how many."""
    now_ns = time.time_ns()
    return sum(
        services.forget_idempotent_requests(tenant_id=tenant_id, now_ns=now_ns)
        for tenant_id in selectors.tenant_ids()
    )
