"""The journal's records: what the engine writes and the projector reads.

A record's key is (shard, epoch, sequence), which the journal's frame carries
together with the time. `*_after` fields are absolute, so that applying a record
twice changes nothing. Asset amounts are units of scale 8. Fields are only ever
added at the end, with a default: old segments must still read.
"""

from __future__ import annotations

import msgspec

from venues.base import OrderReport, OrderType, Side, TimeInForce


class Record(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag_field="t"):
    """Base of all records; the tag is the record's stable name."""


class EngineStarted(Record, frozen=True, kw_only=True, array_like=True, tag="engine_started"):
    """The engine took its shard with a new epoch. `clean`: the last one said goodbye."""

    shard: int
    epoch: int
    clean: bool
    instruments: dict[int, tuple[str, str, int]] = {}


class EngineStopped(Record, frozen=True, kw_only=True, array_like=True, tag="engine_stopped"):
    """The engine ended in order."""


class OrderSending(Record, frozen=True, kw_only=True, array_like=True, tag="order_sending"):
    """An order passed the gate; this is on disk before a byte goes to the venue.

    `reserved_ticks` is the price at which the gate reserved it, `why` the
    reasons in words for people: route, quote at arrival.
    """

    client_order_id: str
    tenant_id: str
    account_id: str
    account: int
    instrument: int
    instrument_version: int
    strategy: int
    side: Side
    type: OrderType
    tif: TimeInForce
    price_ticks: int
    quantity_lots: int
    reserved_ticks: int
    signed_at_ms: int
    recv_window_ms: int
    command_id: str = ""
    tag: str = ""
    arrival_bid_ticks: int = 0
    arrival_ask_ticks: int = 0
    why: str = ""


class OrderAdopted(Record, frozen=True, kw_only=True, array_like=True, tag="order_adopted"):
    """The venue knows an order that the journal did not: `ours` by its prefix, or foreign."""

    client_order_id: str
    tenant_id: str
    account_id: str
    account: int
    instrument: int
    instrument_version: int
    strategy: int
    side: Side
    type: OrderType
    tif: TimeInForce
    price_ticks: int
    quantity_lots: int
    reserved_ticks: int
    venue_order_id: int
    ours: bool


class OrderRefused(Record, frozen=True, kw_only=True, array_like=True, tag="order_refused"):
    """An intent was refused before anything was sent, with the numbers of the check."""

    client_order_id: str
    tenant_id: str
    account_id: str
    account: int
    instrument: int
    instrument_version: int
    strategy: int
    side: Side
    type: OrderType
    tif: TimeInForce
    price_ticks: int
    quantity_lots: int
    code: int
    text: str
    scope: int = 0
    limit: int = 0
    current: int = 0
    reserved: int = 0
    requested: int = 0
    would_be: int = 0
    unit: int = 0
    limits_version: int = 0
    command_id: str = ""
    tag: str = ""


class OrderReported(Record, frozen=True, kw_only=True, array_like=True, tag="order_reported"):
    """A report was applied to an order; `state_after` is a `trading.types.OrderState`."""

    report: OrderReport
    state_after: int
    filled_lots_after: int
    filled_quote_units_after: int


class FillApplied(Record, frozen=True, kw_only=True, array_like=True, tag="fill_applied"):
    """One trade was applied to the ledger, once.

    The position is per account and instrument; `cost_units_after` is the quote
    amount paid for what is held (signed like the position), `realised_units_after`
    the profit realised since the beginning, in quote units, before fees.
    """

    client_order_id: str
    tenant_id: str
    account_id: str
    account: int
    instrument: int
    instrument_version: int
    strategy: int
    side: Side
    trade_id: int
    venue_order_id: int
    price_ticks: int
    lots: int
    quote_units: int
    fee_units: int
    fee_asset: str
    maker: bool
    event_ns: int
    position_lots_after: int
    cost_units_after: int
    realised_units_after: int


class BalanceChanged(Record, frozen=True, kw_only=True, array_like=True, tag="balance_changed"):
    """What an account holds of an asset now. `cause`: fill, stream, reconcile."""

    tenant_id: str
    account_id: str
    account: int
    asset: str
    total_units_after: int
    locked_units_after: int
    cause: str


class CancelSending(Record, frozen=True, kw_only=True, array_like=True, tag="cancel_sending"):
    """A cancel is about to be written. `account` tells foreign orders apart, whose ids may recur."""

    client_order_id: str
    command_id: str = ""
    account: int = -1


class CommandHandled(Record, frozen=True, kw_only=True, array_like=True, tag="command_handled"):
    """A command row was acted on, once. `outcome`: accepted, refused, expired, unknown_order."""

    command_id: str
    tenant_id: str
    outcome: str
    client_order_id: str = ""
    code: int = 0
    text: str = ""


class AccountStateChanged(Record, frozen=True, kw_only=True, array_like=True, tag="account_state"):
    """An account became ready, stale (stream lost) or incomplete (never reconciled)."""

    tenant_id: str
    account_id: str
    account: int
    state: str
    reason: str = ""


class DriftFound(Record, frozen=True, kw_only=True, array_like=True, tag="drift_found"):
    """Reconciliation found that we and the venue differed; it has been repaired to the venue's fact."""

    tenant_id: str
    account_id: str
    account: int
    what: str
    ours: str
    theirs: str


AnyRecord = (
    EngineStarted
    | EngineStopped
    | OrderSending
    | OrderAdopted
    | OrderRefused
    | OrderReported
    | FillApplied
    | BalanceChanged
    | CancelSending
    | CommandHandled
    | AccountStateChanged
    | DriftFound
)
