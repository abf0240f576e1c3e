"""What travels on an order's way. Messages never change once made; no Django here."""

from __future__ import annotations

import uuid
from enum import IntEnum

import msgspec

from venues.base import Instrument, OrderType, Side, TimeInForce

#: This prefix alone means that an order is ours.
CLIENT_ID_PREFIX = "mx-"
#: The strategy slot of orders that people and programs place themselves.
MANUAL_STRATEGY = 0


class OrderState(IntEnum):
    """Where an order stands. PLANNED…UNKNOWN are ours, the rest are exchange facts."""

    PENDING = 0
    SENDING = 1
    UNKNOWN = 2
    OPEN = 3
    PARTIALLY_FILLED = 4
    FILLED = 5
    CANCELED = 6
    EXPIRED = 7
    REJECTED = 8
    REFUSED = 9
    NOT_SENT = 10

    @property
    def terminal(self) -> bool:
        """Return whether nothing but a late fill can follow."""
        return self >= OrderState.FILLED


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants done, in ticks and lots, before routing and risk.

    `account` and `instrument` are slots; `strategy` is the slot of the strategy
    instance, MANUAL_STRATEGY for people and programs. `price_ticks` is 0 for
    MARKET. `command_id` names the command row that asked for it, "" for a strategy.
    """

    account: int
    instrument: int
    strategy: int
    side: Side
    type: OrderType
    tif: TimeInForce
    price_ticks: int
    quantity_lots: int
    command_id: str = ""
    tag: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the order path answered at once. `code` is a `risk.codes.Code`, 0 when sent."""

    client_order_id: str
    code: int = 0
    text: str = ""

    @property
    def accepted(self) -> bool:
        """Return whether the order was journalled and written to the venue."""
        return self.code == 0


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A venue account as the engine knows it: slots for the gate, ids for the journal."""

    slot: int
    id: str
    tenant_slot: int
    tenant_id: str
    name: str
    venue: str
    kind: str
    reserved_for: int = -1


class AccountSecret(msgspec.Struct, frozen=True):
    """The opened key of an account; it exists only in the engine's memory."""

    account: int
    api_key: str
    api_secret: str

    def __repr__(self) -> str:
        return f"AccountSecret(account={self.account}, ***)"


class StrategyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One instance of a strategy: which code, on which accounts and instruments, with which parameters."""

    slot: int
    id: str
    tenant_slot: int
    tenant_id: str
    name: str
    strategy: str
    accounts: tuple[int, ...]
    instruments: tuple[int, ...]
    parameters: dict[str, object]


class CommandMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What a command row tells the engine. `deadline_ns` is absolute."""

    id: str
    tenant_id: str
    deadline_ns: int


class PlaceCommand(CommandMessage, frozen=True, kw_only=True, tag="place"):
    """Place one order; fields as in Intent, account and instrument as slots."""

    account: int
    instrument: int
    side: Side
    type: OrderType
    tif: TimeInForce
    price_ticks: int
    quantity_lots: int


class CancelCommand(CommandMessage, frozen=True, kw_only=True, tag="cancel"):
    """Cancel the open order with this client order id."""

    client_order_id: str


class CancelAllCommand(CommandMessage, frozen=True, kw_only=True, tag="cancel_all"):
    """Cancel every open order of the tenant, or of one account (slot), or of one strategy (slot)."""

    account: int = -1
    strategy: int = -1


Command = PlaceCommand | CancelCommand | CancelAllCommand


def to_base36(number: int) -> str:
    """Return a non-negative int in base 36, lower case."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    if number < 36:
        return digits[number]
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = digits[digit] + text
    return text


def client_order_id(shard: int, epoch: int, sequence: int) -> str:
    """Return `mx-{shard}-{epoch}-{seq}` in base 36: unique for ever, since every start raises the epoch."""
    return f"{CLIENT_ID_PREFIX}{to_base36(shard)}-{to_base36(epoch)}-{to_base36(sequence)}"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine knows of its shard at start; read from Postgres once.

    `instruments` by slot; `assets` gives the gate's slot of each asset code.
    """

    shard: int
    epoch: int
    accounts: tuple[Account, ...]
    secrets: tuple[AccountSecret, ...]
    instruments: tuple[Instrument, ...]
    assets: dict[str, int]
    strategies: tuple[StrategyConfig, ...]


ORDER_NAMESPACE = uuid.UUID("6d5a1f0e-5d6c-5a53-9c0b-0b1f7a0c9e11")


def order_id(client_order_id: str, command_id: str = "") -> str:
    """Return the order's public id: the command's where one asked for it, else derived from our order id."""
    return command_id or str(uuid.uuid5(ORDER_NAMESPACE, client_order_id))
