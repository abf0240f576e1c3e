"""A day in the journal of one shard: records as an engine writes them, for several tenants."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import msgspec

from trading import records
from trading.engine.journal import Entry, Position
from trading.types import OrderState, client_order_id
from venues.base import OrderReport, OrderType, ReportKind, Side, TimeInForce

SHARD = 0
START_NS = 1_780_000_000_000_000_000


class Owner(msgspec.Struct, frozen=True):
    """An account with its slot, and its tenant."""

    slot: int
    account_id: UUID
    tenant_id: UUID

    @property
    def ids(self) -> dict:
        return {
            "tenant_id": str(self.tenant_id),
            "account_id": str(self.account_id),
            "account": self.slot,
        }


class Story:
    """Writes entries with rising sequences; `instrument` is a slot of version 1."""

    def __init__(self, instrument: int = 1, epoch: int = 1, shard: int = SHARD) -> None:
        self.instrument = instrument
        self.epoch = epoch
        self.shard = shard
        self.sequence = 0
        self.trades = 0
        self.entries: list[Entry] = []
        self.positions: dict[int, int] = {}

    def write(self, record: records.AnyRecord) -> Entry:
        self.sequence += 1
        entry = Entry(
            self.shard,
            self.epoch,
            self.sequence,
            START_NS + self.sequence * 1_000_000,
            record,
            Position(self.epoch, self.sequence),
        )
        self.entries.append(entry)
        return entry

    def terms(self, owner: Owner, client_id: str, lots: int, side: Side, strategy: int) -> dict:
        return owner.ids | {
            "client_order_id": client_id,
            "instrument": self.instrument,
            "instrument_version": 1,
            "strategy": strategy,
            "side": side,
            "type": OrderType.LIMIT,
            "tif": TimeInForce.GTC,
            "price_ticks": 6_168_599,
            "quantity_lots": lots,
        }

    def send(
        self, owner: Owner, lots: int = 100, side: Side = Side.BUY, strategy: int = 0, command_id: str = ""
    ) -> str:
        client_id = client_order_id(self.shard, self.epoch, self.sequence + 1)
        terms = self.terms(owner, client_id, lots, side, strategy)
        self.write(
            records.OrderSending(
                **terms,
                reserved_ticks=6_168_599,
                signed_at_ms=1,
                recv_window_ms=5_000,
                command_id=command_id,
                why="the account with the most free balance",
            )
        )
        return client_id

    def refuse(self, owner: Owner, code: int, text: str, command_id: str = "") -> str:
        client_id = client_order_id(self.shard, self.epoch, self.sequence + 1)
        terms = self.terms(owner, client_id, 100, Side.BUY, 0)
        self.write(
            records.OrderRefused(
                **terms, code=code, text=text, scope=2, unit=2, limit=50, current=10, reserved=5,
                requested=100, would_be=115, limits_version=3, command_id=command_id,
            )
        )  # fmt: skip
        return client_id

    def report(
        self, owner: Owner, client_id: str, kind: ReportKind, state: OrderState, filled: int = 0, **fields
    ) -> None:
        report = OrderReport(
            kind=kind,
            account=owner.slot,
            symbol="BTCUSDT",
            client_order_id=client_id,
            venue_order_id=fields.pop("venue_order_id", 777),
            **fields,
        )
        self.write(
            records.OrderReported(
                report=report,
                state_after=int(state),
                filled_lots_after=filled,
                filled_quote_units_after=filled * 61_685_990,
            )
        )

    def fill(self, owner: Owner, client_id: str, lots: int, side: Side = Side.BUY, strategy: int = 0) -> None:
        self.trades += 1
        signed = lots if side is Side.BUY else -lots
        position = self.positions[owner.slot] = self.positions.get(owner.slot, 0) + signed
        self.write(
            records.FillApplied(
                **owner.ids,
                client_order_id=client_id,
                instrument=self.instrument,
                instrument_version=1,
                strategy=strategy,
                side=side,
                trade_id=self.trades,
                venue_order_id=777,
                price_ticks=6_168_599,
                lots=lots,
                quote_units=lots * 61_685_990,
                fee_units=100,
                fee_asset="BNB",
                maker=False,
                event_ns=START_NS + self.sequence * 1_000_000,
                position_lots_after=position,
                cost_units_after=position * 61_685_990,
                realised_units_after=0,
            )
        )

    def balance(self, owner: Owner, asset: str, total: int, locked: int = 0) -> None:
        self.write(
            records.BalanceChanged(
                **owner.ids, asset=asset, total_units_after=total, locked_units_after=locked, cause="fill"
            )
        )

    def handled(self, owner: Owner, command_id: str, outcome: str, **fields) -> None:
        self.write(
            records.CommandHandled(
                command_id=command_id, tenant_id=str(owner.tenant_id), outcome=outcome, **fields
            )
        )

    def state(self, owner: Owner, state: str, reason: str = "") -> None:
        self.write(records.AccountStateChanged(**owner.ids, state=state, reason=reason))

    def round_trip(self, owner: Owner, strategy: int = 0) -> None:
        """Write what an order that fills in two parts leaves behind: nine records."""
        client_id = self.send(owner, strategy=strategy)
        self.report(owner, client_id, ReportKind.ACK, OrderState.OPEN)
        for part, filled in ((40, 40), (60, 100)):
            done = OrderState.FILLED if filled == 100 else OrderState.PARTIALLY_FILLED
            self.report(owner, client_id, ReportKind.FILL, done, filled)
            self.fill(owner, client_id, part, strategy=strategy)
            self.balance(owner, "BTC", self.positions[owner.slot] * 1_000)


def day(owners: list[Owner], rounds: int = 20) -> list[Entry]:
    """Return a story in which every account trades, is refused and goes stale."""
    story = Story()
    for owner in owners:
        story.state(owner, "ready")
    for number in range(rounds):
        owner = owners[number % len(owners)]
        story.round_trip(owner)
        story.refuse(owner, code=15, text="the position would be too large")
        story.balance(owner, "USDT", 10**12 - number, locked=number)
    story.state(owners[0], "stale", "the stream is lost")
    return story.entries


def cut(entries: list[Entry], size: int) -> Iterator[list[Entry]]:
    """Yield the entries in batches."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
