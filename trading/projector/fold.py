"""What a run of journal records makes of one tenant's rows. Pure: no database, no clock.

A record changes a row only if its (epoch, sequence) is newer than the row's own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.wire_format import time_of
from risk.codes import Code, Scope, Unit
from trading import records
from trading.projector.rows import (
    TEXT_MAX,
    BalanceRow,
    CommandRow,
    FillRow,
    OrderRow,
    PositionRow,
    Scale,
    StatusRow,
    asset_amount,
    derived_id,
    holding_id,
)
from trading.types import CLIENT_ID_PREFIX, OrderState, order_id, to_base36
from venues.base import OrderType, ReportKind, Side, TimeInForce

log = logging.getLogger(__name__)

#: An order is found by its account's slot and its client order id: foreign ids are unique per account only.
OrderKey = tuple[UUID, str]

SIDES = {side: side.name for side in Side}
TYPES = {kind: kind.name for kind in OrderType}
TIFS = {tif: "" if tif is TimeInForce.NONE else tif.name for tif in TimeInForce}
STATES = {int(state): state.name.lower() for state in OrderState}
#: Reports about a cancel say nothing about why the order itself stands where it does.
CANCEL_REPORTS = frozenset({ReportKind.CANCEL_REJECTED, ReportKind.CANCEL_UNKNOWN})
COMMAND_STATES = {
    "accepted": "accepted",
    "refused": "refused",
    "expired": "expired",
    "unknown_order": "refused",
}


#: The records that tell an order's terms.
OrderTerms = records.OrderSending | records.OrderAdopted | records.OrderRefused


class Key:
    """A record's place in the journals and its time."""

    __slots__ = ("epoch", "sequence", "shard", "time")

    def __init__(self, shard: int, epoch: int, sequence: int, time_ns: int) -> None:
        self.shard = shard
        self.epoch = epoch
        self.sequence = sequence
        self.time: datetime = time_of(time_ns)

    def newer_than(self, row: Any) -> bool:
        """Return whether this record came after the one that wrote the row.

        Epochs of different shards do not compare; a tenant that moved to another
        shard takes what the new one says.
        """
        return row.shard != self.shard or (row.epoch, row.sequence) < (self.epoch, self.sequence)


class Fold:
    """One tenant's rows while records are applied; `orders` begins with what the database has."""

    def __init__(
        self,
        tenant_id: UUID,
        orders: dict[OrderKey, OrderRow],
        scale_of: Callable[[int, int], Scale],
        strategy_of: Callable[[int], UUID | None],
    ) -> None:
        self.tenant_id = tenant_id
        self.orders = orders
        self.scale_of = scale_of
        self.strategy_of = strategy_of
        self.orders_changed: dict[UUID, OrderRow] = {}
        self.fills: dict[UUID, FillRow] = {}
        self.positions: dict[tuple[UUID, int], PositionRow] = {}
        self.balances: dict[tuple[UUID, str], BalanceRow] = {}
        self.statuses: dict[UUID, StatusRow] = {}
        self.commands: dict[UUID, CommandRow] = {}
        #: Ids of orders that commands asked for and that a cancel may be waiting for.
        self.asked_for: set[UUID] = set()

    def apply(self, key: Key, account_id: UUID | None, record: records.AnyRecord) -> None:
        """Apply one record; kinds that make no rows are passed over."""
        handler = HANDLERS.get(type(record))
        if handler is not None:
            handler(self, key, account_id, record)

    def on_sending(self, key: Key, account_id: UUID, record: records.OrderSending) -> None:
        """Show the order as being sent; a second attempt keeps its birth."""
        row = self.orders.get((account_id, record.client_order_id))
        if row is None:
            row = self.new_order(key, account_id, record, record.command_id)
            row.tag, row.why = record.tag[:100], record.why[:TEXT_MAX]
        elif not key.newer_than(row):
            return
        self.touch(row, key, "sending")
        if record.command_id:
            self.asked_for.add(row.id)

    def on_adopted(self, key: Key, account_id: UUID, record: records.OrderAdopted) -> None:
        """Show an order that the venue knew and we did not."""
        row = self.orders.get((account_id, record.client_order_id))
        if row is None:
            row = self.new_order(key, account_id, record, "")
            row.why = "adopted: the venue knew it, the journal did not"
        elif not key.newer_than(row):
            return
        row.venue_order_id = record.venue_order_id
        self.touch(row, key, "open")

    def on_refused(self, key: Key, account_id: UUID, record: records.OrderRefused) -> None:
        """Show an intent that the gate refused, with the numbers behind it."""
        client_id = record.client_order_id or unnamed(key)
        row = self.orders.get((account_id, client_id))
        if row is None:
            row = self.new_order(key, account_id, record, record.command_id)
            row.tag = record.tag[:100]
        elif not key.newer_than(row):
            return
        row.code = code_label(record.code)
        row.text = record.text[:TEXT_MAX]
        row.refusal = refusal_numbers(record)
        self.touch(row, key, "refused")

    def on_reported(self, key: Key, account_id: UUID, record: records.OrderReported) -> None:
        """Bring an order to where the venue's report put it."""
        report = record.report
        row = self.orders.get((account_id, report.client_order_id))
        if row is None:
            log.error("report for an order without a row: %s at %s", report.client_order_id, key.sequence)
            return
        if not key.newer_than(row):
            return
        scale = self.scale_of(row.instrument_id, row.instrument_version)
        row.filled_quantity = scale.quantity(record.filled_lots_after)
        row.average_price = scale.average_price(record.filled_quote_units_after, record.filled_lots_after)
        row.venue_order_id = report.venue_order_id or row.venue_order_id
        if report.kind not in CANCEL_REPORTS:
            row.code = str(report.code) if report.code else ""
            row.text = report.text[:TEXT_MAX]
        self.touch(row, key, STATES[record.state_after])

    def on_fill(self, key: Key, account_id: UUID, record: records.FillApplied) -> None:
        """Add the trade and the position that it left."""
        scale = self.scale_of(record.instrument, record.instrument_version)
        order = self.orders.get((account_id, record.client_order_id))
        fill_id = derived_id("fill", account_id, record.instrument, record.trade_id)
        self.fills[fill_id] = FillRow(
            id=fill_id,
            instrument_id=record.instrument,
            order_id=order.id if order else None,
            strategy_instance=self.strategy_of(record.strategy),
            trade_id=record.trade_id,
            side=SIDES[record.side],
            price=scale.price(record.price_ticks),
            quantity=scale.quantity(record.lots),
            quote_quantity=scale.quote(record.quote_units),
            fee=asset_amount(record.fee_units),
            fee_asset=record.fee_asset,
            maker=record.maker,
            executed_at=time_of(record.event_ns) if record.event_ns else key.time,
            **self.stamp(key, account_id),
        )
        self.positions[account_id, record.instrument] = PositionRow(
            id=holding_id("position", account_id, record.instrument),
            instrument_id=record.instrument,
            quantity=scale.quantity(record.position_lots_after),
            cost=scale.quote(record.cost_units_after),
            realised=scale.quote(record.realised_units_after),
            updated_at=key.time,
            **self.stamp(key, account_id),
        )

    def on_balance(self, key: Key, account_id: UUID, record: records.BalanceChanged) -> None:
        """Set what the account holds of the asset."""
        self.balances[account_id, record.asset] = BalanceRow(
            id=holding_id("balance", account_id, record.asset),
            asset=record.asset,
            total=asset_amount(record.total_units_after),
            locked=asset_amount(record.locked_units_after),
            updated_at=key.time,
            **self.stamp(key, account_id),
        )

    def on_account_state(self, key: Key, account_id: UUID, record: records.AccountStateChanged) -> None:
        """Set whether the engine may trade the account."""
        self.set_status(key, account_id, record.state, record.reason)

    def set_status(self, key: Key, account_id: UUID, state: str, reason: str) -> None:
        """Set an account's state as of this record."""
        self.statuses[account_id] = StatusRow(
            state=state, reason=reason[:TEXT_MAX], changed_at=key.time, **self.stamp(key, account_id)
        )

    def on_command(self, key: Key, account_id: UUID | None, record: records.CommandHandled) -> None:
        """Answer the command's row."""
        refused = record.outcome == "unknown_order"
        self.commands[UUID(record.command_id)] = CommandRow(
            id=UUID(record.command_id),
            state=COMMAND_STATES[record.outcome],
            code="unknown_order" if refused else code_label(record.code),
            text=record.text[:TEXT_MAX],
            client_order_id=record.client_order_id,
            handled_at=key.time,
        )

    def on_drift(self, key: Key, account_id: UUID | None, record: records.DriftFound) -> None:
        """Say that we and the venue differed; the repairing records follow by themselves."""
        log.warning(
            "drift in account %s: %s was %s, is %s", account_id, record.what, record.ours, record.theirs
        )

    def new_order(self, key: Key, account_id: UUID, record: OrderTerms, command_id: str) -> OrderRow:
        """Return a new row with the order's terms, known to this fold from now on."""
        scale = self.scale_of(record.instrument, record.instrument_version)
        client_id = record.client_order_id or unnamed(key)
        row = OrderRow(
            id=public_id(account_id, client_id, command_id),
            instrument_id=record.instrument,
            instrument_version=record.instrument_version,
            strategy_instance=self.strategy_of(record.strategy),
            client_order_id=client_id,
            side=SIDES[record.side],
            type=TYPES[record.type],
            tif=TIFS[record.tif],
            price=scale.price(record.price_ticks) if record.price_ticks else None,
            quantity=scale.quantity(record.quantity_lots),
            state="pending",
            created_at=key.time,
            updated_at=key.time,
            **self.stamp(key, account_id),
        )
        self.orders[account_id, client_id] = row
        return row

    def touch(self, row: OrderRow, key: Key, state: str) -> None:
        """Put the row into the state as of this record."""
        row.state, row.updated_at = state, key.time
        row.shard, row.epoch, row.sequence = key.shard, key.epoch, key.sequence
        self.orders_changed[row.id] = row

    def stamp(self, key: Key, account_id: UUID) -> dict[str, Any]:
        """Return the columns that every journalled row has."""
        return {
            "tenant_id": self.tenant_id,
            "account_id": account_id,
            "shard": key.shard,
            "epoch": key.epoch,
            "sequence": key.sequence,
        }


HANDLERS: dict[type, Callable[..., None]] = {
    records.OrderSending: Fold.on_sending,
    records.OrderAdopted: Fold.on_adopted,
    records.OrderRefused: Fold.on_refused,
    records.OrderReported: Fold.on_reported,
    records.FillApplied: Fold.on_fill,
    records.BalanceChanged: Fold.on_balance,
    records.AccountStateChanged: Fold.on_account_state,
    records.CommandHandled: Fold.on_command,
    records.DriftFound: Fold.on_drift,
}


def public_id(account_id: UUID, client_order_id: str, command_id: str) -> UUID:
    """Return the order's id; a foreign order's depends on its account, since its client id may recur."""
    if command_id or client_order_id.startswith(CLIENT_ID_PREFIX):
        return UUID(order_id(client_order_id, command_id))
    return derived_id("foreign", account_id, client_order_id)


def unnamed(key: Key) -> str:
    """Return a name for an intent that was refused before it got a client order id."""
    return f"none-{to_base36(key.shard)}-{to_base36(key.epoch)}-{to_base36(key.sequence)}"


def code_label(code: int) -> str:
    """Return the refusal code as desks write it, "" for none."""
    if not code:
        return ""
    try:
        return Code(code).label
    except ValueError:
        return str(code)


def refusal_numbers(record: records.OrderRefused) -> dict[str, Any]:
    """Return the numbers behind a refusal, in the stated unit."""
    return {
        "scope": Scope(record.scope).name.lower(),
        "unit": Unit(record.unit).name.lower(),
        "limit": record.limit,
        "current": record.current,
        "reserved": record.reserved,
        "requested": record.requested,
        "would_be": record.would_be,
        "limits_version": record.limits_version,
    }
