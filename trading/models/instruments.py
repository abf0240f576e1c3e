"""What can be traded. These tables are global: every tenant reads the same."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q

from venues.base import Instrument as VenueInstrument

#: Decimal digits kept of every amount, price and quantity in the database.
AMOUNT_DIGITS = 38
AMOUNT_PLACES = 18


def amount_field(**options: object) -> models.DecimalField[Decimal, Decimal]:
    """Return the column of an exact amount: 20 digits before the point, 18 after."""
    return models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=AMOUNT_PLACES, **options)  # type: ignore[arg-type]


class Asset(models.Model):
    """A coin that is base or quote of an instrument; `slot` is its column in the risk gate."""

    code = models.CharField(max_length=32, unique=True)
    slot = models.PositiveIntegerField(unique=True)
    scale = models.PositiveSmallIntegerField(default=8)

    class Meta:
        ordering = ["code"]
        constraints = [models.CheckConstraint(condition=Q(slot__gt=0), name="asset_slot_positive")]

    def __str__(self) -> str:
        return self.code


class Instrument(models.Model):
    """A pair of one venue with the filters that the venue enforces; its id is its slot in the gate."""

    venue = models.CharField(max_length=32)
    symbol = models.CharField(max_length=32)
    base = models.CharField(max_length=32)
    quote = models.CharField(max_length=32)
    tick = amount_field()
    lot = amount_field()
    price_min_ticks = models.BigIntegerField()
    price_max_ticks = models.BigIntegerField()
    quantity_min_lots = models.BigIntegerField()
    quantity_max_lots = models.BigIntegerField()
    market_quantity_max_lots = models.BigIntegerField()
    notional_min_units = models.BigIntegerField()
    base_scale = models.PositiveSmallIntegerField()
    quote_scale = models.PositiveSmallIntegerField()
    trading = models.BooleanField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["venue", "symbol"]
        constraints = [
            models.UniqueConstraint(fields=["venue", "symbol"], name="instrument_once_per_venue"),
            models.CheckConstraint(condition=Q(id__gt=0), name="instrument_slot_positive"),
            models.CheckConstraint(condition=Q(tick__gt=0, lot__gt=0), name="instrument_steps_positive"),
            models.CheckConstraint(condition=Q(version__gt=0), name="instrument_version_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}"

    def contract(self) -> VenueInstrument:
        """Return the row as the venue layer's value, with its slot and version."""
        return VenueInstrument(
            venue=self.venue,
            symbol=self.symbol,
            base=self.base,
            quote=self.quote,
            tick=self.tick.normalize(),
            lot=self.lot.normalize(),
            price_min_ticks=self.price_min_ticks,
            price_max_ticks=self.price_max_ticks,
            quantity_min_lots=self.quantity_min_lots,
            quantity_max_lots=self.quantity_max_lots,
            market_quantity_max_lots=self.market_quantity_max_lots,
            notional_min_units=self.notional_min_units,
            base_scale=self.base_scale,
            quote_scale=self.quote_scale,
            trading=self.trading,
            slot=self.pk,
            version=self.version,
        )


class InstrumentVersion(models.Model):
    """What a tick, a lot and a quote unit were worth under one version.

    Journal records count in ticks and lots of the version they carry, so an old
    record still reads rightly after the venue changed its filters.
    """

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    tick = amount_field()
    lot = amount_field()
    quote_scale = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instrument", "version"], name="instrument_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} v{self.version}"
