from __future__ import annotations

import django.db.models.deletion
import uuid
from django.db import migrations, models

from accounts.row_security import keep_in_tenant, protect


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="JournalCursor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("shard", models.PositiveSmallIntegerField(unique=True)),
                ("segment", models.BigIntegerField(default=0)),
                ("offset", models.BigIntegerField(default=0)),
                ("epoch", models.BigIntegerField(default=0)),
                ("sequence", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Asset",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=32, unique=True)),
                ("slot", models.PositiveIntegerField(unique=True)),
                ("scale", models.PositiveSmallIntegerField(default=8)),
            ],
            options={
                "ordering": ["code"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("slot__gt", 0)), name="asset_slot_positive")
                ],
            },
        ),
        migrations.CreateModel(
            name="EngineEpoch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("shard", models.PositiveSmallIntegerField(unique=True)),
                ("epoch", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("epoch__gte", 0)), name="epoch_not_negative")
                ],
            },
        ),
        migrations.CreateModel(
            name="Instrument",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("venue", models.CharField(max_length=32)),
                ("symbol", models.CharField(max_length=32)),
                ("base", models.CharField(max_length=32)),
                ("quote", models.CharField(max_length=32)),
                ("tick", models.DecimalField(decimal_places=18, max_digits=38)),
                ("lot", models.DecimalField(decimal_places=18, max_digits=38)),
                ("price_min_ticks", models.BigIntegerField()),
                ("price_max_ticks", models.BigIntegerField()),
                ("quantity_min_lots", models.BigIntegerField()),
                ("quantity_max_lots", models.BigIntegerField()),
                ("market_quantity_max_lots", models.BigIntegerField()),
                ("notional_min_units", models.BigIntegerField()),
                ("base_scale", models.PositiveSmallIntegerField()),
                ("quote_scale", models.PositiveSmallIntegerField()),
                ("trading", models.BooleanField()),
                ("version", models.PositiveIntegerField(default=1)),
            ],
            options={
                "ordering": ["venue", "symbol"],
                "constraints": [
                    models.UniqueConstraint(fields=("venue", "symbol"), name="instrument_once_per_venue"),
                    models.CheckConstraint(
                        condition=models.Q(("id__gt", 0)), name="instrument_slot_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lot__gt", 0), ("tick__gt", 0)), name="instrument_steps_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version__gt", 0)), name="instrument_version_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("shard", models.PositiveSmallIntegerField()),
                ("epoch", models.BigIntegerField()),
                ("sequence", models.BigIntegerField()),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("instrument_version", models.PositiveIntegerField()),
                ("strategy_instance", models.UUIDField(null=True)),
                ("client_order_id", models.CharField(max_length=36)),
                ("venue_order_id", models.BigIntegerField(null=True)),
                ("side", models.CharField(max_length=4)),
                ("type", models.CharField(max_length=16)),
                ("tif", models.CharField(max_length=4)),
                ("price", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("quantity", models.DecimalField(decimal_places=18, max_digits=38)),
                ("filled_quantity", models.DecimalField(decimal_places=18, default=0, max_digits=38)),
                ("average_price", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("state", models.CharField(max_length=16)),
                ("code", models.CharField(blank=True, max_length=48)),
                ("text", models.CharField(blank=True, max_length=500)),
                ("refusal", models.JSONField(null=True)),
                ("tag", models.CharField(blank=True, max_length=100)),
                ("why", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.exchangeaccount",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="trading.instrument"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Fill",
            fields=[
                ("shard", models.PositiveSmallIntegerField()),
                ("epoch", models.BigIntegerField()),
                ("sequence", models.BigIntegerField()),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("strategy_instance", models.UUIDField(null=True)),
                ("trade_id", models.BigIntegerField()),
                ("side", models.CharField(max_length=4)),
                ("price", models.DecimalField(decimal_places=18, max_digits=38)),
                ("quantity", models.DecimalField(decimal_places=18, max_digits=38)),
                ("quote_quantity", models.DecimalField(decimal_places=18, max_digits=38)),
                ("fee", models.DecimalField(decimal_places=18, max_digits=38)),
                ("fee_asset", models.CharField(blank=True, max_length=32)),
                ("maker", models.BooleanField()),
                ("executed_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.exchangeaccount",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="trading.instrument"
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fills",
                        to="trading.order",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Position",
            fields=[
                ("shard", models.PositiveSmallIntegerField()),
                ("epoch", models.BigIntegerField()),
                ("sequence", models.BigIntegerField()),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("quantity", models.DecimalField(decimal_places=18, max_digits=38)),
                ("cost", models.DecimalField(decimal_places=18, max_digits=38)),
                ("realised", models.DecimalField(decimal_places=18, max_digits=38)),
                ("updated_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.exchangeaccount",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="trading.instrument"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AccountStatus",
            fields=[
                ("shard", models.PositiveSmallIntegerField()),
                ("epoch", models.BigIntegerField()),
                ("sequence", models.BigIntegerField()),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="status",
                        serialize=False,
                        to="accounts.exchangeaccount",
                    ),
                ),
                ("state", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("changed_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "account statuses",
                "indexes": [models.Index(fields=["tenant", "state"], name="account_status_state")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["ready", "stale", "incomplete"])),
                        name="account_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Balance",
            fields=[
                ("shard", models.PositiveSmallIntegerField()),
                ("epoch", models.BigIntegerField()),
                ("sequence", models.BigIntegerField()),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("asset", models.CharField(max_length=32)),
                ("total", models.DecimalField(decimal_places=18, max_digits=38)),
                ("locked", models.DecimalField(decimal_places=18, max_digits=38)),
                ("updated_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.exchangeaccount",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "-updated_at", "-id"], name="balance_newest")],
                "constraints": [models.UniqueConstraint(fields=("account", "asset"), name="balance_once")],
            },
        ),
        migrations.CreateModel(
            name="Command",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=16)),
                ("payload", models.JSONField()),
                ("awaits", models.UUIDField(null=True)),
                ("shard", models.PositiveSmallIntegerField()),
                ("requested_by", models.CharField(max_length=150)),
                ("deadline_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("accepted", "Accepted"),
                            ("refused", "Refused"),
                            ("expired", "Expired"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=48)),
                ("text", models.CharField(blank=True, max_length=500)),
                ("client_order_id", models.CharField(blank=True, max_length=36)),
                ("created_at", models.DateTimeField()),
                ("handled_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.exchangeaccount",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["tenant", "-created_at"], name="command_newest"),
                    models.Index(
                        condition=models.Q(("state", "pending")),
                        fields=["tenant", "created_at"],
                        name="command_pending",
                    ),
                    models.Index(
                        condition=models.Q(("awaits__isnull", False), ("state", "pending")),
                        fields=["tenant", "awaits"],
                        name="command_awaiting",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["pending", "accepted", "refused", "expired"])),
                        name="command_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["place", "cancel", "cancel_all"])),
                        name="command_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InstrumentVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("tick", models.DecimalField(decimal_places=18, max_digits=38)),
                ("lot", models.DecimalField(decimal_places=18, max_digits=38)),
                ("quote_scale", models.PositiveSmallIntegerField()),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="trading.instrument",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("instrument", "version"), name="instrument_version_once")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["tenant", "-created_at", "-id"], name="order_newest"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["tenant", "account", "-created_at"], name="order_of_account"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["filled", "canceled", "expired", "rejected", "refused", "not_sent"]),
                    _negated=True,
                ),
                fields=["tenant", "account", "instrument"],
                name="order_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "pending",
                            "sending",
                            "unknown",
                            "open",
                            "partially_filled",
                            "filled",
                            "canceled",
                            "expired",
                            "rejected",
                            "refused",
                            "not_sent",
                        ],
                    )
                ),
                name="order_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("side__in", ["BUY", "SELL"])), name="order_side_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "refused"), ("quantity__gt", 0), _connector="OR"),
                name="order_quantity_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("filled_quantity__gte", 0)), name="order_filled_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(("client_order_id__startswith", "mx-")),
                fields=("client_order_id",),
                name="order_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                fields=("account", "client_order_id"), name="order_once_per_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="order_of_tenant"),
        ),
        migrations.AddIndex(
            model_name="fill",
            index=models.Index(fields=["tenant", "-executed_at", "-id"], name="fill_newest"),
        ),
        migrations.AddIndex(
            model_name="fill",
            index=models.Index(fields=["tenant", "account", "-executed_at"], name="fill_of_account"),
        ),
        migrations.AddConstraint(
            model_name="fill",
            constraint=models.UniqueConstraint(
                fields=("account", "instrument", "trade_id"), name="fill_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="fill",
            constraint=models.CheckConstraint(
                condition=models.Q(("side__in", ["BUY", "SELL"])), name="fill_side_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="fill",
            constraint=models.CheckConstraint(
                condition=models.Q(("price__gt", 0), ("quantity__gt", 0)), name="fill_positive"
            ),
        ),
        migrations.AddIndex(
            model_name="position",
            index=models.Index(fields=["tenant", "-updated_at", "-id"], name="position_newest"),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.UniqueConstraint(fields=("account", "instrument"), name="position_once"),
        ),
        protect("trading_command"),
        keep_in_tenant("trading_command", "account_id"),
        protect("trading_order"),
        keep_in_tenant("trading_order", "account_id"),
        protect("trading_fill"),
        keep_in_tenant("trading_fill", "account_id"),
        protect("trading_position"),
        keep_in_tenant("trading_position", "account_id"),
        protect("trading_balance"),
        keep_in_tenant("trading_balance", "account_id"),
        protect("trading_accountstatus"),
        keep_in_tenant("trading_accountstatus", "account_id"),
        keep_in_tenant("trading_fill", "order_id", "trading_order"),
    ]
