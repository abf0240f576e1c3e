from __future__ import annotations

import django.db.models.deletion
import uuid
from django.db import migrations, models

from accounts.row_security import protect


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="StrategyInstance",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("slot", models.PositiveIntegerField(unique=True)),
                ("name", models.CharField(max_length=100)),
                ("strategy", models.CharField(max_length=64)),
                ("venue", models.CharField(max_length=32)),
                ("symbols", models.JSONField()),
                ("parameters", models.JSONField(blank=True, default=dict)),
                ("enabled", models.BooleanField(default=False)),
                ("accounts", models.ManyToManyField(related_name="+", to="accounts.exchangeaccount")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "name"), name="instance_name_once"),
                    models.CheckConstraint(
                        condition=models.Q(("slot__gt", 0)), name="instance_slot_positive"
                    ),
                ],
            },
        ),
        protect("strategies_strategyinstance"),
        # The link has no tenant of its own: it is seen where its instance is.
        protect(
            "strategies_strategyinstance_accounts",
            using="EXISTS (SELECT 1 FROM strategies_strategyinstance i WHERE i.id = strategyinstance_id)",
        ),
    ]
