"""Strategies over the API: for now, their kill switches."""

from __future__ import annotations

from uuid import UUID

from strategies import selectors
from trading.api import kill_switches


class KillSwitchViewSet(kill_switches.KillSwitchViewSet):
    """Kill switches of a tenant, an account or a strategy instance."""

    def slot_of_strategy(self, target: UUID | None) -> int | None:
        """Return the instance's slot, None where the tenant has none such."""
        return selectors.slot_of_instance(target) if target else None
