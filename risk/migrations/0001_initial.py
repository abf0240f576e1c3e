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
            name="KillSwitch",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("scope", models.CharField(max_length=16)),
                ("target", models.UUIDField(blank=True, null=True)),
                ("slot", models.PositiveIntegerField()),
                ("state", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("set_by", models.CharField(max_length=150)),
                ("changed_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "kill switches",
                "indexes": [models.Index(fields=["tenant", "-changed_at", "-id"], name="kill_switch_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "scope", "target"), name="kill_switch_once", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["tenant", "account", "strategy"])),
                        name="kill_switch_scope_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["ACTIVE", "REDUCING", "HALTED"])),
                        name="kill_switch_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("slot__gt", 0)), name="kill_switch_slot_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Limit",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("scope", models.CharField(max_length=16)),
                ("target", models.UUIDField(blank=True, null=True)),
                ("slot", models.PositiveIntegerField(blank=True, null=True)),
                ("symbol", models.CharField(blank=True, max_length=32)),
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("order_value_max", "Order Value Max"),
                            ("open_value_max", "Open Value Max"),
                            ("gross_value_max", "Gross Value Max"),
                            ("orders_per_second_max", "Orders Per Second Max"),
                            ("order_quantity_max", "Order Quantity Max"),
                            ("position_quantity_max", "Position Quantity Max"),
                        ],
                        max_length=32,
                    ),
                ),
                ("value", models.DecimalField(decimal_places=18, max_digits=38)),
                ("version", models.PositiveIntegerField()),
                ("set_by", models.CharField(max_length=150)),
                ("approved_by", models.CharField(blank=True, max_length=150)),
                ("reason", models.CharField(max_length=500)),
                ("valid_from", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "-valid_from", "-id"], name="limit_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "scope", "target", "symbol", "name", "version"),
                        name="limit_version_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["tenant", "account", "strategy"])),
                        name="limit_scope_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "name__in",
                                [
                                    "order_value_max",
                                    "open_value_max",
                                    "gross_value_max",
                                    "orders_per_second_max",
                                    "order_quantity_max",
                                    "position_quantity_max",
                                ],
                            )
                        ),
                        name="limit_name_known",
                    ),
                    models.CheckConstraint(condition=models.Q(("value__gte", 0)), name="limit_not_negative"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("slot__isnull", True), ("target__isnull", True)),
                            models.Q(("slot__gt", 0), ("slot__isnull", False), ("target__isnull", False)),
                            _connector="OR",
                        ),
                        name="limit_target_has_slot",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("name__in", ["order_quantity_max", "position_quantity_max"]),
                                ("scope", "account"),
                                models.Q(("symbol", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(
                                    ("name__in", ["order_quantity_max", "position_quantity_max"]),
                                    _negated=True,
                                ),
                                ("symbol", ""),
                            ),
                            _connector="OR",
                        ),
                        name="limit_quantity_has_symbol",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LimitRaise",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("scope", models.CharField(max_length=16)),
                ("target", models.UUIDField(blank=True, null=True)),
                ("slot", models.PositiveIntegerField(blank=True, null=True)),
                ("symbol", models.CharField(blank=True, max_length=32)),
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("order_value_max", "Order Value Max"),
                            ("open_value_max", "Open Value Max"),
                            ("gross_value_max", "Gross Value Max"),
                            ("orders_per_second_max", "Orders Per Second Max"),
                            ("order_quantity_max", "Order Quantity Max"),
                            ("position_quantity_max", "Position Quantity Max"),
                        ],
                        max_length=32,
                    ),
                ),
                ("value", models.DecimalField(decimal_places=18, max_digits=38)),
                ("reason", models.CharField(max_length=500)),
                ("requested_by", models.CharField(max_length=150)),
                ("requested_at", models.DateTimeField()),
                ("approved_by", models.CharField(blank=True, max_length=150)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "-requested_at"], name="limit_raise_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["tenant", "account", "strategy"])),
                        name="limit_raise_scope_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("approved_by", models.F("requested_by")), _negated=True),
                        name="limit_raise_by_two_people",
                    ),
                ],
            },
        ),
        protect("risk_limit"),
        protect("risk_limitraise"),
        protect("risk_killswitch"),
    ]
