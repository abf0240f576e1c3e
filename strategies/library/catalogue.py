"""The strategies that an instance may name, by their key."""

from __future__ import annotations

from typing import Any

from strategies.base import Strategy
from strategies.library.market_maker.two_sided_quotes import TwoSidedQuotes

STRATEGIES: dict[str, type[Strategy[Any]]] = {strategy.key: strategy for strategy in (TwoSidedQuotes,)}
