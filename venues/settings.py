"""Read `configs/venues.yaml`; what the schema does not know is an error."""

from __future__ import annotations

from pathlib import Path

import msgspec

from venues.binance.settings import BinanceSpotSettings


class VenuesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The environments of each venue, by name."""

    binance_spot: dict[str, BinanceSpotSettings]


def load_venues(path: Path) -> VenuesConfig:
    """Return the file's content; raises msgspec.ValidationError naming the wrong field, or EgressRefused."""
    config = msgspec.yaml.decode(path.read_bytes(), type=VenuesConfig)
    for settings in config.binance_spot.values():
        settings.urls.check()
    return config
