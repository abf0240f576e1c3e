"""What the projector must know beyond the journal: whose account it is, what a tick is worth."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from accounts import selectors as accounts_selectors
from trading.models import InstrumentVersion
from trading.projector.rows import Scale


class Directory:
    """Caches facts that never change once they are there; asks the database for what it lacks."""

    def __init__(self, strategy_of: Callable[[int], UUID | None]) -> None:
        self._strategy_of = strategy_of
        self._strategies: dict[int, UUID | None] = {0: None}
        self._owners: dict[tuple[int, int], tuple[UUID, UUID]] = {}
        self._scales: dict[tuple[int, int], Scale] = {}

    def owner(self, shard: int, account: int) -> tuple[UUID, UUID] | None:
        """Return (tenant id, account id) of the account's slot, None where the desk has none such."""
        if (shard, account) not in self._owners:
            self.load_owners(shard)
        return self._owners.get((shard, account))

    def owners(self, shard: int) -> list[tuple[UUID, UUID]]:
        """Return (tenant id, account id) of every account of the shard."""
        self.load_owners(shard)
        return [owner for (of_shard, _), owner in self._owners.items() if of_shard == shard]

    def load_owners(self, shard: int) -> None:
        """Read the shard's accounts anew."""
        for account in accounts_selectors.accounts_of_shard(shard):
            self._owners[shard, account.slot] = (account.tenant_id, account.id)

    def scale(self, instrument: int, version: int) -> Scale:
        """Return what ticks and lots are worth; raises KeyError for a version nobody wrote."""
        if (instrument, version) not in self._scales:
            rows = InstrumentVersion.objects.values_list(
                "instrument_id", "version", "tick", "lot", "quote_scale"
            )
            self._scales = {
                (slot, number): Scale(tick, lot, scale) for slot, number, tick, lot, scale in rows
            }
        return self._scales[instrument, version]

    def strategy(self, slot: int) -> UUID | None:
        """Return the instance's id; call inside its tenant's scope."""
        if slot not in self._strategies:
            self._strategies[slot] = self._strategy_of(slot)
        return self._strategies[slot]
