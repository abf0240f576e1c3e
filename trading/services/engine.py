"""What an engine needs from Postgres when it starts."""

from __future__ import annotations

from django.db import transaction

from trading.models import EngineEpoch


def next_epoch(*, shard: int) -> int:
    """Raise the shard's epoch by one and return it; concurrent starts get different ones."""
    with transaction.atomic():
        EngineEpoch.objects.get_or_create(shard=shard, defaults={"epoch": 0})
        row = EngineEpoch.objects.select_for_update().get(shard=shard)
        row.epoch += 1
        row.save(update_fields=["epoch"])
    return row.epoch
