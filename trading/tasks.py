"""Work that schedules and queues do for trading."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid5

from celery import shared_task

from accounts import selectors as accounts_selectors
from trading import services
from trading.services.orders import ORDER_DEADLINE_MS
from trading.types import ORDER_NAMESPACE


@shared_task(name="trading.tasks.place_order_task")  # type: ignore[untyped-decorator]
def place_order_task(
    *,
    tenant_id: str,
    key: str,
    account_id: str,
    symbol: str,
    side: str,
    type: str,
    quantity: str,
    price: str | None = None,
    tif: str = "",
    requested_by: str = "task",
    deadline_ms: int = ORDER_DEADLINE_MS,
    **kwargs: Any,
) -> str:
    """Place an order once per `key`, however often the task is delivered; return the order's id."""
    command = services.place_order(
        tenant_id=UUID(tenant_id),
        requested_by=requested_by,
        account_id=UUID(account_id),
        symbol=symbol,
        side=side,
        type=type,
        quantity=quantity,
        price=price,
        tif=tif,
        deadline_ms=deadline_ms,
        now_ns=time.time_ns(),
        command_id=uuid5(ORDER_NAMESPACE, f"task:{tenant_id}:{key}"),
    )
    return str(command.id)


@shared_task(name="trading.tasks.requeue_commands")  # type: ignore[untyped-decorator]
def requeue_commands(**kwargs: Any) -> int:
    """Put commands on the bus again that it may have lost; return how many."""
    now_ns = time.time_ns()
    counts = [
        services.requeue_commands(tenant_id=tenant_id, now_ns=now_ns)
        for tenant_id in accounts_selectors.tenant_ids()
    ]
    return sum(requeued for requeued, _ in counts)
