"""One order as the engine holds it, and the only ways in which it changes.

The machine is total: every report is allowed in every state. What the exchange
said is final, except that late fills still raise what is filled. NOT_SENT is our
own word (nothing left us, or we presume so after the fence), so an exchange fact
overrides it: exposure that exists is counted, whatever we believed.
"""

from __future__ import annotations

import msgspec

from trading.records import OrderAdopted, OrderSending
from trading.types import OrderState
from venues.base import OrderReport, OrderType, ReportKind, Side, TimeInForce

#: States in which the exchange has not answered yet.
UNANSWERED = (OrderState.PENDING, OrderState.SENDING, OrderState.UNKNOWN)
#: Reports that end an order, and the state in which they leave it.
ENDS = {
    ReportKind.REJECTED: OrderState.REJECTED,
    ReportKind.CANCELED: OrderState.CANCELED,
    ReportKind.EXPIRED: OrderState.EXPIRED,
}


class LiveOrder(msgspec.Struct, kw_only=True, gc=False, array_like=True):
    """An order of ours, or an adopted one. Changed by the ledger alone; others read.

    `venue_filled_lots` is the largest cumulative quantity that the venue told of;
    where it is above `filled_lots`, trades are still owed to us. `presumed` marks a
    NOT_SENT that is our presumption alone. `reserved_lots` is what the gate holds for
    the order now. `ours` is False for foreign orders.
    """

    client_order_id: str
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
    signed_at_ms: int = 0
    recv_window_ms: int = 0
    command_id: str = ""
    tag: str = ""
    ours: bool = True
    state: OrderState = OrderState.SENDING
    venue_order_id: int = 0
    filled_lots: int = 0
    filled_quote_units: int = 0
    venue_filled_lots: int = 0
    canceling: bool = False
    presumed: bool = False
    reserved_lots: int = 0

    @property
    def terminal(self) -> bool:
        """Return whether nothing but a late fill can follow."""
        return self.state >= OrderState.FILLED

    @property
    def owed_lots(self) -> int:
        """Return what the venue says was filled and we have no trades for."""
        return max(0, self.venue_filled_lots - self.filled_lots)

    @property
    def exposed_lots(self) -> int:
        """Return what may still fill, or has filled unseen: what must stay reserved."""
        if self.state >= OrderState.FILLED:
            return max(0, self.venue_filled_lots - self.filled_lots)
        return max(0, self.quantity_lots - self.filled_lots, self.venue_filled_lots - self.filled_lots)


def sending_order(record: OrderSending) -> LiveOrder:
    """Return the order that the record says is about to be sent."""
    return LiveOrder(
        client_order_id=record.client_order_id,
        account=record.account,
        instrument=record.instrument,
        instrument_version=record.instrument_version,
        strategy=record.strategy,
        side=record.side,
        type=record.type,
        tif=record.tif,
        price_ticks=record.price_ticks,
        quantity_lots=record.quantity_lots,
        reserved_ticks=record.reserved_ticks,
        signed_at_ms=record.signed_at_ms,
        recv_window_ms=record.recv_window_ms,
        command_id=record.command_id,
        tag=record.tag,
    )


def adopted_order(record: OrderAdopted) -> LiveOrder:
    """Return the order that the venue knew."""
    return LiveOrder(
        client_order_id=record.client_order_id,
        account=record.account,
        instrument=record.instrument,
        instrument_version=record.instrument_version,
        strategy=record.strategy,
        side=record.side,
        type=record.type,
        tif=record.tif,
        price_ticks=record.price_ticks,
        quantity_lots=record.quantity_lots,
        reserved_ticks=record.reserved_ticks,
        venue_order_id=record.venue_order_id,
        ours=record.ours,
        state=OrderState.OPEN,
    )


def advance(order: LiveOrder, report: OrderReport) -> None:
    """Bring the order to where a report without a trade puts it."""
    kind = report.kind
    order.venue_order_id = order.venue_order_id or report.venue_order_id
    order.venue_filled_lots = max(order.venue_filled_lots, report.filled_lots)
    if kind is ReportKind.CANCEL_REJECTED:
        order.canceling = False
    elif kind is ReportKind.NOT_SENT:
        if order.state in UNANSWERED and not order.filled_lots:
            # Behind an unknown outcome nobody can know that nothing left.
            order.presumed = order.state is OrderState.UNKNOWN
            end(order, OrderState.NOT_SENT)
    elif kind is ReportKind.UNKNOWN:
        if order.state in (OrderState.PENDING, OrderState.SENDING):
            order.state = OrderState.UNKNOWN
    elif kind is ReportKind.ACK:
        if order.state in UNANSWERED or order.state is OrderState.NOT_SENT:
            order.state = OrderState.OPEN
    elif kind in ENDS:
        advance_to_end(order, ENDS[kind])


def advance_to_end(order: LiveOrder, state: OrderState) -> None:
    """End the order by the exchange's word, unless an earlier word contradicts it."""
    if order.terminal and order.state is not OrderState.NOT_SENT:
        return
    # The exchange cannot refuse what it accepted: a refusal then belongs to another request.
    if state is OrderState.REJECTED and order.state not in UNANSWERED:
        return
    end(order, state)


def end(order: LiveOrder, state: OrderState) -> None:
    """Put the order into a terminal state."""
    order.state = state
    order.canceling = False


def take_fill(order: LiveOrder, lots: int, quote_units: int, report_filled_lots: int) -> None:
    """Add a trade. The caller has made sure that it is new."""
    order.filled_lots += lots
    order.filled_quote_units += quote_units
    order.venue_filled_lots = max(order.venue_filled_lots, report_filled_lots)
    if order.terminal and order.state is not OrderState.NOT_SENT:
        return
    if order.filled_lots >= order.quantity_lots:
        end(order, OrderState.FILLED)
    else:
        order.state = OrderState.PARTIALLY_FILLED
