"""Commands: committed, put on the bus, put there again, and at last given up."""

from __future__ import annotations

import functools
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction

from accounts import selectors as accounts_selectors
from accounts.tenancy import current_tenant_id, tenant_scope
from accounts.wire_format import time_of
from trading import bus
from trading.models import Command, CommandState, Order
from trading.models.orders import TERMINAL_STATES
from trading.types import CancelCommand
from trading.types import Command as CommandMessage

#: How long a command may wait for the engine before it is put on the bus again.
REQUEUE_AFTER_MS = 1_500
#: How long after its deadline a command still may turn out to have been handled in time.
EXPIRE_AFTER_MS = 5_000
#: Commands that one sweep puts on the bus again per tenant.
REQUEUED_MAX = 500


def create_command(
    message: CommandMessage,
    *,
    kind: str,
    requested_by: str,
    now_ns: int,
    account_id: UUID | None = None,
    awaits: UUID | None = None,
) -> Command:
    """Write the command's row in the current tenant's scope; it goes on the bus after the commit."""
    command = Command.new(
        id=UUID(message.id),
        kind=kind,
        payload=msgspec.to_builtins(message),
        awaits=awaits,
        shard=accounts_selectors.shard_of(current_tenant_id()),
        account_id=account_id,
        requested_by=requested_by[:150],
        deadline_at=time_of(message.deadline_ns),
        client_order_id=message.client_order_id if isinstance(message, CancelCommand) else "",
        created_at=time_of(now_ns),
    )
    command.save(force_insert=True)
    if awaits is None:
        publish_after_commit(command)
    return command


def publish_after_commit(command: Command) -> None:
    """Put the command on the bus once its row is committed."""
    transaction.on_commit(functools.partial(bus.publish, command.shard, message_of(command)))


def message_of(command: Command) -> CommandMessage:
    """Return what the engine is told."""
    message: CommandMessage = msgspec.convert(command.payload, CommandMessage)
    return message


def release_cancels(*, tenant_id: UUID, places: Collection[UUID]) -> None:
    """Send the cancels that waited for these place commands to become orders, or end them."""
    with tenant_scope(tenant_id):
        waiting = Command.objects.filter(awaits__in=places, state=CommandState.PENDING).select_for_update()
        for cancel in waiting:
            release_cancel(cancel)


def release_cancel(cancel: Command) -> None:
    """Send the cancel if its order is there by now; end it if there will be none."""
    order = Order.objects.filter(id=cancel.awaits).first()
    place = Command.objects.filter(id=cancel.awaits).first()
    never_sent = place is None or place.state in {CommandState.REFUSED, CommandState.EXPIRED}
    if (order is None and never_sent) or (order is not None and order.state in TERMINAL_STATES):
        cancel.state, cancel.code, cancel.text = CommandState.REFUSED, "order_closed", "the order has ended"
        cancel.save(update_fields=["state", "code", "text"])
    elif order is not None:
        cancel.payload = {**cancel.payload, "client_order_id": order.client_order_id}
        cancel.client_order_id, cancel.awaits = order.client_order_id, None
        cancel.save(update_fields=["payload", "client_order_id", "awaits"])
        publish_after_commit(cancel)


def requeue_commands(*, tenant_id: UUID, now_ns: int) -> tuple[int, int]:
    """Put the tenant's pending commands on the bus again, expire the overdue; return both counts.

    The engine drops a command that it has seen, so one too many is harmless.
    """
    now = time_of(now_ns)
    with tenant_scope(tenant_id):
        expired = expire_commands(now)
        waiting = (
            Command.objects.select_for_update(skip_locked=True)
            .filter(
                state=CommandState.PENDING,
                deadline_at__gt=now,
                created_at__lt=now - timedelta(milliseconds=REQUEUE_AFTER_MS),
            )
            .order_by("created_at")[:REQUEUED_MAX]
        )
        commands = list(waiting)
        for command in commands:
            if command.awaits is not None:
                release_cancel(command)
            else:
                publish_after_commit(command)
        return len(commands), expired


def expire_commands(now: datetime) -> int:
    """Give up the commands that the engine cannot have handled in time; return how many.

    If the engine did, its answer arrives through the journal and outranks this.
    """
    return Command.objects.filter(
        state=CommandState.PENDING, deadline_at__lt=now - timedelta(milliseconds=EXPIRE_AFTER_MS)
    ).update(
        state=CommandState.EXPIRED,
        code="R-STALE-COMMAND",
        text="the engine did not take the command before its deadline",
        handled_at=None,
    )
