"""The limits that a new tenant begins with, from `configs/risk.yaml`, checked against their schema."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from risk.errors import DefaultsInvalid

DEFAULTS_PATH = Path(__file__).resolve().parent.parent / "configs" / "risk.yaml"


def exact(value: object) -> object:
    """Let no float in: YAML must quote amounts."""
    if isinstance(value, float):
        raise ValueError("quote the amount, so that it is exact")
    return value


Amount = Annotated[Decimal, BeforeValidator(exact), Field(ge=0, allow_inf_nan=False)]


class Part(BaseModel):
    """Base of the parts: nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScopeLimits(Part):
    """Limits of a tenant, an account or a strategy: values in USDT."""

    order_value_max: Amount
    open_value_max: Amount
    gross_value_max: Amount
    orders_per_second_max: int = Field(ge=0)


class QuantityLimits(Part):
    """Limits of every account in one instrument, in the base asset."""

    order_quantity_max: Amount
    position_quantity_max: Amount


class MarketGuards(Part):
    """How the gate looks at the market."""

    collar_bps: int = Field(gt=0, le=10_000)
    quote_age_max_ms: int = Field(gt=0, le=60_000)
    fee_bps: int = Field(ge=0, le=1_000)
    dollar_quotes: tuple[str, ...]


class RiskDefaults(Part):
    """The whole file."""

    market: MarketGuards
    host: ScopeLimits
    tenant: ScopeLimits
    account: ScopeLimits
    strategy: ScopeLimits
    instruments: dict[str, QuantityLimits]


def load_defaults(path: Path = DEFAULTS_PATH) -> RiskDefaults:
    """Return the file's content; raises DefaultsInvalid naming what is wrong."""
    try:
        return RiskDefaults.model_validate(yaml.safe_load(path.read_text()))
    except (ValidationError, yaml.YAMLError, OSError) as error:
        raise DefaultsInvalid(f"{path.name}: {error}") from error
