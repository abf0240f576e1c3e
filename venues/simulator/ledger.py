"""The exchange's double-entry ledger: the ground truth about who owns what.

A holder is an account's free or locked part, the exchange's fees, or the
outside world, from which deposits come and against which the synthetic or
recorded participants trade. Every entry sums to zero per asset, so the sum over
all holders is always zero.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import NamedTuple

FREE = "free"
LOCKED = "locked"
FEES = -1
WORLD = -2


class Leg(NamedTuple):
    """One side of an entry: a holder gains (or loses) units of an asset."""

    holder: int
    part: str
    asset: str
    units: int


class Entry(NamedTuple):
    """What happened, why, and when; the legs sum to zero per asset."""

    number: int
    kind: str
    reference: int
    time_ns: int
    legs: tuple[Leg, ...]


class Ledger:
    """Balances by (holder, part, asset), with the last entries that led to them."""

    def __init__(self, entries_max: int) -> None:
        self.balances: defaultdict[tuple[int, str, str], int] = defaultdict(int)
        self.entries: deque[Entry] = deque(maxlen=entries_max)
        self.entry_count = 0
        self.moved: Counter[tuple[str, str]] = Counter()

    def post(self, kind: str, reference: int, now_ns: int, *legs: Leg) -> None:
        """Book an entry; nothing is booked when it does not balance or overdraws an account."""
        used = tuple(leg for leg in legs if leg.units)
        sums: Counter[str] = Counter()
        for leg in used:
            sums[leg.asset] += leg.units
            if leg.holder >= 0:
                left = self.balances[leg.holder, leg.part, leg.asset] + leg.units
                assert left >= 0, f"{kind} {reference} overdraws {leg}"
        assert not any(sums.values()), f"{kind} {reference} does not balance: {used}"
        for leg in used:
            self.balances[leg.holder, leg.part, leg.asset] += leg.units
            if leg.units > 0:
                self.moved[kind, leg.asset] += leg.units
        self.entry_count += 1
        self.entries.append(Entry(self.entry_count, kind, reference, now_ns, used))

    def free(self, account: int, asset: str) -> int:
        """Return what the account may spend."""
        return self.balances.get((account, FREE, asset), 0)

    def locked(self, account: int, asset: str) -> int:
        """Return what the account's open orders hold."""
        return self.balances.get((account, LOCKED, asset), 0)

    def deposit(self, account: int, asset: str, units: int, reference: int, now_ns: int) -> None:
        """Bring money in from the outside world."""
        legs = (Leg(account, FREE, asset, units), Leg(WORLD, FREE, asset, -units))
        self.post("deposit", reference, now_ns, *legs)

    def lock(self, account: int, asset: str, units: int, reference: int, now_ns: int) -> None:
        """Set money aside for an order; a negative amount gives it back."""
        legs = (Leg(account, FREE, asset, -units), Leg(account, LOCKED, asset, units))
        self.post("lock" if units > 0 else "release", reference, now_ns, *legs)

    def sums(self) -> dict[str, dict[str, int]]:
        """Return per asset what accounts (free, locked), fees and the world hold, and the total."""
        found: dict[str, dict[str, int]] = {}
        for (holder, part, asset), units in self.balances.items():
            row = found.setdefault(asset, {"free": 0, "locked": 0, "fees": 0, "world": 0, "total": 0})
            name = {FEES: "fees", WORLD: "world"}.get(holder, part)
            row[name] += units
            row["total"] += units
        return found

    def _check(self) -> None:
        """Assert that all money is somewhere and no account owes any."""
        for asset, row in self.sums().items():
            assert row["total"] == 0, f"{asset} does not sum to zero: {row}"
        for (holder, part, asset), units in self.balances.items():
            assert holder < 0 or units >= 0, f"account {holder} holds {units} {asset} {part}"
