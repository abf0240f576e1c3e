"""The books as they stood where a segment begins, so that a start need not replay the whole journal.

A checkpoint is a copy, never the truth: one that is missing, damaged, of another
build or of another desk is passed over, and more of the journal is replayed.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from zlib import crc32

import msgspec

from trading.engine.holdings import CountedTrades, Holding, Money
from trading.engine.journal_format import segment_path
from trading.engine.ledger import Ledger
from trading.engine.live_order import LiveOrder
from trading.types import Decision

log = logging.getLogger(__name__)

#: Raised with every change of what is written here or of what it means.
VERSION = 2
CHECKSUM_BYTES = 4
KEPT_MAX = 2


class Memory(msgspec.Struct):
    """What the journal remembers besides the ledger.

    `born_ns` is when each account first was ready: positions count trades from then on.
    `unreported` are orders whose trade was written and whose report was cut off;
    `unanswered` commands that were acted on and not answered. `differences` counts
    records that the ledger's code would write otherwise today.
    """

    clean: bool = True
    ended_ns: int = 0
    in_step_ns: dict[int, int] = {}
    ready: set[int] = set()
    born_ns: dict[int, int] = {}
    answered: dict[str, Decision] = {}
    unanswered: dict[str, tuple[str, Decision]] = {}
    unreported: set[tuple[int, str]] = set()
    records: int = 0
    differences: int = 0


class Books(msgspec.Struct, array_like=True):
    """Everything that a ledger holds, and the accounts and instruments whose story it tells."""

    version: int
    accounts: list[int]
    instruments: dict[int, int]
    memory: Memory
    orders: list[LiveOrder]
    closed: list[tuple[int, str]]
    holdings: list[tuple[int, int, Holding]]
    strategy_lots: list[tuple[int, int, int, int]]
    money: list[tuple[int, str, Money]]
    trades: list[tuple[int, int, list[int], int]]


def write_checkpoint(directory: Path, segment: int, ledger: Ledger, memory: Memory) -> None:
    """Write what is known where the segment begins. A disk that refuses costs time at the next start only."""
    payload = msgspec.msgpack.encode(books_of(ledger, memory))
    path = checkpoint_path(directory, segment)
    draft = path.with_suffix(".draft")
    try:
        draft.write_bytes(crc32(payload).to_bytes(CHECKSUM_BYTES, "little") + payload)
        os.replace(draft, path)
        for old in checkpoints_in(directory)[:-KEPT_MAX]:
            checkpoint_path(directory, old).unlink()
    except OSError as error:
        log.error("no checkpoint at segment %d: %s", segment, error)


def restore_checkpoint(directory: Path, ledger: Ledger) -> tuple[int, Memory] | None:
    """Fill an empty ledger from the newest usable checkpoint; return its segment and memory."""
    for segment in reversed(checkpoints_in(directory)):
        books = read_books(checkpoint_path(directory, segment))
        if books is not None and segment_path(directory, segment).exists() and fits(books, ledger):
            restore(books, ledger)
            return segment, books.memory
    return None


def checkpoint_path(directory: Path, segment: int) -> Path:
    """Return the file of the checkpoint at the segment's beginning."""
    return directory / f"{segment:08d}.books"


def checkpoints_in(directory: Path) -> list[int]:
    """Return the segments that have a checkpoint, in order."""
    return sorted(int(path.stem) for path in directory.glob("*.books"))


def read_books(path: Path) -> Books | None:
    """Return what the file says, None where it is damaged."""
    data = path.read_bytes()
    payload = data[CHECKSUM_BYTES:]
    if crc32(payload).to_bytes(CHECKSUM_BYTES, "little") != data[:CHECKSUM_BYTES]:
        log.error("%s is damaged and passed over", path)
        return None
    try:
        books = msgspec.msgpack.decode(payload, type=Books)
    except msgspec.MsgspecError as error:
        log.warning("%s is of another build and passed over: %s", path, error)
        return None
    return books if books.version == VERSION else None


def fits(books: Books, ledger: Ledger) -> bool:
    """Return whether the books tell the story of every account and instrument of this desk."""
    instruments = {slot: one.version for slot, one in ledger.instruments.items()}
    return set(books.accounts) >= ledger.accounts.keys() and books.instruments.items() >= instruments.items()


def books_of(ledger: Ledger, memory: Memory) -> Books:
    """Return the ledger's content."""
    return Books(
        version=VERSION,
        accounts=list(ledger.accounts),
        instruments={slot: one.version for slot, one in ledger.instruments.items()},
        memory=memory,
        orders=[*ledger.orders.values(), *ledger.foreign.values()],
        closed=list(ledger.closed),
        holdings=[(*key, holding) for key, holding in ledger.holdings.items()],
        strategy_lots=[(*key, lots) for key, lots in ledger.strategy_lots.items()],
        money=[(*key, money) for key, money in ledger.money.items()],
        trades=[(*key, list(one.in_order), one.forgotten_up_to) for key, one in ledger.trades.items()],
    )


def restore(books: Books, ledger: Ledger) -> None:
    """Put the content into an empty ledger, but for accounts and instruments that the desk lost."""

    def concerns(account: int, instrument: int) -> bool:
        return account in ledger.accounts and instrument in ledger.instruments

    for order in books.orders:
        if concerns(order.account, order.instrument):
            # The gate begins anew, so that it holds nothing yet.
            order.reserved_lots = 0
            ledger.take_back(order)
    ledger.closed.extend(key for key in books.closed if key[0] in ledger.accounts)
    ledger.holdings.update({(a, i): holding for a, i, holding in books.holdings if concerns(a, i)})
    ledger.strategy_lots.update({(a, i, s): lots for a, i, s, lots in books.strategy_lots if concerns(a, i)})
    ledger.money.update({(a, asset): money for a, asset, money in books.money if a in ledger.accounts})
    ledger.trades.update(
        {(a, i): CountedTrades(ids, up_to) for a, i, ids, up_to in books.trades if concerns(a, i)}
    )
