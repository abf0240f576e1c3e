"""Balances as the exchange tells them, compared with ours; repaired only when nothing is under way."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from trading.engine.exposure import Exposure
from trading.engine.journal import Journal
from trading.engine.ledger import Ledger
from venues.base import Balance, Venue

log = logging.getLogger(__name__)

#: How long a difference must stand, without a trade in the asset, before it is repaired.
SETTLE_NS = 1_000_000_000
#: How often balances are asked for anew because the stream told of others meanwhile.
FETCHES_MAX = 3


class Difference(msgspec.Struct):
    """A balance of the stream that is not ours: told when, and what we had then."""

    balance: Balance
    since_ns: int
    ours_units: int


class Balances:
    """What the exchange says that accounts have."""

    def __init__(self, *, venue: Venue, ledger: Ledger, journal: Journal, exposure: Exposure) -> None:
        self._venue = venue
        self._ledger = ledger
        self._journal = journal
        self._exposure = exposure
        self._differences: dict[tuple[int, str], Difference] = {}
        self._told: dict[int, int] = {}
        self._fetched: dict[int, list[Balance]] = {}

    def on_stream(self, account: int, balances: Sequence[Balance], known: bool, now_ns: int) -> None:
        """Compare with ours; an account that is not in step yet is asked when it is reconciled."""
        self._told[account] = self._told.get(account, 0) + 1
        if not known:
            return
        for balance in balances:
            ours = self._total(account, balance.asset)
            if ours != balance.free_units + balance.locked_units:
                self._differences[account, balance.asset] = Difference(balance, now_ns, ours)
            else:
                self._differences.pop((account, balance.asset), None)
                self._set(account, balance, "stream", now_ns)

    def on_timer(self, now_ns: int) -> None:
        """Repair differences that have stood long enough."""
        for (account, asset), difference in list(self._differences.items()):
            ours = self._total(account, asset)
            theirs = difference.balance.free_units + difference.balance.locked_units
            if ours != theirs and ours != difference.ours_units:
                difference.since_ns, difference.ours_units = now_ns, ours
            if ours == theirs:
                del self._differences[account, asset]
                self._set(account, difference.balance, "stream", now_ns)
            elif now_ns - difference.since_ns >= SETTLE_NS and not self._under_way(account):
                del self._differences[account, asset]
                self._repair(account, difference.balance, "stream", now_ns)

    async def compare(self, account: int, *, known: bool) -> list[str]:
        """Ask for the account's balances; return the assets in which we differ. Raises VenueError."""
        for _ in range(FETCHES_MAX):
            told = self._told.get(account, 0)
            self._fetched[account] = await self._venue.balances(account)
            if self._told.get(account, 0) == told:
                break
        if not known:
            return []
        return [
            balance.asset
            for balance in self._whole(account)
            if self._total(account, balance.asset) != balance.free_units + balance.locked_units
        ]

    def take_over(self, account: int, *, known: bool, now_ns: int) -> None:
        """Make what was last asked for ours; a difference to what we knew is journalled as drift."""
        for balance in self._whole(account):
            self._differences.pop((account, balance.asset), None)
            total = balance.free_units + balance.locked_units
            if known and self._total(account, balance.asset) != total:
                self._repair(account, balance, "reconcile", now_ns)
            else:
                self._set(account, balance, "reconcile", now_ns)
        self._fetched.pop(account, None)

    def _whole(self, account: int) -> list[Balance]:
        """Return what was fetched, with zero for what we have and the exchange does not list."""
        fetched = self._fetched.get(account, [])
        listed = {balance.asset for balance in fetched}
        ours = [asset for owner, asset in self._ledger.money if owner == account]
        return [*fetched, *(Balance(asset, 0, 0) for asset in ours if asset not in listed)]

    def _under_way(self, account: int) -> bool:
        """Return whether trades of the account are known to be missing."""
        return any(owner == account for owner, _ in self._ledger.owing)

    def _repair(self, account: int, balance: Balance, cause: str, now_ns: int) -> None:
        ours = self._total(account, balance.asset)
        theirs = balance.free_units + balance.locked_units
        record = self._ledger.drift(account, f"balance of {balance.asset}", ours, theirs)
        self._journal.note((record,), now_ns)
        self._set(account, balance, cause, now_ns)

    def _set(self, account: int, balance: Balance, cause: str, now_ns: int) -> None:
        self._journal.note(self._ledger.set_balance(account, balance, cause), now_ns)
        self._exposure.set_total(account, balance.asset)

    def _total(self, account: int, asset: str) -> int:
        money = self._ledger.money.get((account, asset))
        return money.total_units if money else 0
