"""Keep the instruments equal to what the venues say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import Max

from trading.models import Asset, Instrument, InstrumentVersion
from venues.base import Instrument as VenueInstrument

#: Key of the advisory lock under which slots are given, so that two engines give none twice.
SLOTS_LOCK = 0x6D78_0001


def sync_instruments(*, venue: str, instruments: Iterable[VenueInstrument]) -> list[VenueInstrument]:
    """Write what the venue lists and return it with slots and versions.

    The version rises when any filter changed. What the venue no longer lists
    stops trading and keeps its slot; it is not part of the answer.
    """
    listed = {instrument.symbol: instrument for instrument in instruments}
    with transaction.atomic():
        lock_slots()
        known = {row.symbol: row for row in Instrument.objects.filter(venue=venue)}
        give_asset_slots(listed.values())
        for symbol, row in known.items():
            if symbol not in listed and row.trading:
                write_version(row, {"trading": False})
        return [write_instrument(known.get(symbol), listed[symbol]) for symbol in sorted(listed)]


def lock_slots() -> None:
    """Wait until no other transaction gives slots."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SLOTS_LOCK])


def give_asset_slots(instruments: Iterable[VenueInstrument]) -> None:
    """Give every asset that has none the next slot; the caller holds the lock."""
    scales: dict[str, int] = {}
    for instrument in instruments:
        scales[instrument.base] = instrument.base_scale
        scales[instrument.quote] = instrument.quote_scale
    known = set(Asset.objects.filter(code__in=scales).values_list("code", flat=True))
    last = Asset.objects.aggregate(last=Max("slot"))["last"] or 0
    new = sorted(set(scales) - known)
    Asset.objects.bulk_create(
        Asset(code=code, slot=last + number, scale=scales[code]) for number, code in enumerate(new, start=1)
    )


def write_instrument(row: Instrument | None, instrument: VenueInstrument) -> VenueInstrument:
    """Create or change the row where it differs; return the value with slot and version."""
    values = msgspec.structs.asdict(instrument)
    del values["slot"], values["version"]
    if row is None:
        row = Instrument(**values, version=0)
        # Slots are counted here and not by a sequence, which a rolled back transaction would advance.
        row.pk = (Instrument.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
        write_version(row, values)
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if changed:
        write_version(row, changed)
    return row.contract()


def write_version(row: Instrument, values: dict[str, Any]) -> None:
    """Set the values under the next version and remember what that version meant."""
    for name, value in values.items():
        setattr(row, name, value)
    row.version += 1
    row.save()
    InstrumentVersion.objects.create(
        instrument=row, version=row.version, tick=row.tick, lot=row.lot, quote_scale=row.quote_scale
    )
