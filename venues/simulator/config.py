"""`configs/simulator.yaml`, checked against these shapes; an unknown name is an error."""

from __future__ import annotations

from pathlib import Path

import msgspec
import yaml

DEFAULT_PATH = Path(__file__).resolve().parents[2] / "configs" / "simulator.yaml"


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file."""


class MarketShape(Shape, frozen=True, kw_only=True):
    """How the synthetic participants of one symbol behave. Offsets are in ticks, rates per second."""

    start_price: str
    volatility_percent_year: float
    half_spread_ticks: int
    depth_ticks: int
    quantity: str
    quotes_per_step: int = 2
    takers_per_second: float = 2.0
    taker_reach_ticks: int
    orders_per_side_max: int = 150


class SymbolShape(Shape, frozen=True, kw_only=True):
    """One symbol: its filters, as exchangeInfo states them, and its market."""

    symbol: str
    base: str
    quote: str
    tick: str
    lot: str
    price_max: str
    quantity_max: str
    market_quantity_max: str
    notional_min: str
    notional_max: str
    price_up: str = "5"
    price_down: str = "0.2"
    orders_max: int = 200
    market: MarketShape


class FeeShape(Shape, frozen=True, kw_only=True):
    """Commission rates as fractions of the asset received."""

    maker: str
    taker: str


class LimitShape(Shape, frozen=True, kw_only=True):
    """What one address and one account may do; see exchangeInfo's rateLimits."""

    weight_per_minute: int
    requests_per_5_minutes: int
    orders_per_10_seconds: int
    orders_per_day: int
    refused_requests_before_ban: int
    ban_s: int
    ban_max_s: int
    maker_fill_returns: int
    taker_fill_returns: int
    stream_messages_per_second: int
    streams_per_connection: int
    subscriptions_per_connection: int
    frames_pending_max: int


class HistoryShape(Shape, frozen=True, kw_only=True):
    """How much of the past is kept in memory."""

    closed_orders_per_account_max: int
    trades_per_account_max: int
    trades_per_symbol_max: int
    minutes_per_symbol_max: int
    ledger_entries_max: int
    requests_max: int


class SimulatorConfig(Shape, frozen=True, kw_only=True):
    """The whole file."""

    symbols: tuple[SymbolShape, ...]
    opening_balances: dict[str, str]
    fees: FeeShape
    limits: LimitShape
    history: HistoryShape
    step_ms: int
    steps_behind_max: int


def load_config(path: Path = DEFAULT_PATH) -> SimulatorConfig:
    """Return the file's content; raises msgspec.ValidationError naming what is wrong."""
    return msgspec.convert(yaml.safe_load(path.read_text()), SimulatorConfig)
