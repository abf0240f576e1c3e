"""Load and write whole batches of rows, one statement per table.

Rows travel as one JSON document that PostgreSQL takes apart by the table's own
column types: one round trip, exact decimals, and row-level security applies, as
it does not allow COPY. `RETURNING` tells which rows really changed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
from django.db import connection

from trading.models import Order
from trading.projector.fold import OrderKey
from trading.projector.rows import (
    BalanceRow,
    CommandRow,
    FillRow,
    JournalledRow,
    OrderRow,
    PositionRow,
    StatusRow,
)

ORDER_COLUMNS = OrderRow.__struct_fields__
#: What a later record never changes, so that an update leaves it alone.
BIRTH = frozenset({"id", "tenant_id", "account_id", "created_at"})

encoder = msgspec.json.Encoder(decimal_format="string")


def load_orders(client_order_ids: Iterable[str]) -> dict[OrderKey, OrderRow]:
    """Return the tenant's order rows with these client order ids."""
    rows = Order.objects.filter(client_order_id__in=list(client_order_ids)).values_list(*ORDER_COLUMNS)
    loaded = [OrderRow(**dict(zip(ORDER_COLUMNS, row, strict=True))) for row in rows]
    return {(row.account_id, row.client_order_id): row for row in loaded}


def write_orders(rows: Sequence[OrderRow]) -> list[UUID]:
    """Insert or bring forward orders; return the ids that changed."""
    return upsert("trading_order", OrderRow, "id", rows)


def write_positions(rows: Sequence[PositionRow]) -> list[UUID]:
    """Insert or bring forward positions; return the ids that changed."""
    return upsert("trading_position", PositionRow, "account_id, instrument_id", rows)


def write_balances(rows: Sequence[BalanceRow]) -> list[UUID]:
    """Insert or bring forward balances; return the ids that changed."""
    return upsert("trading_balance", BalanceRow, "account_id, asset", rows)


def write_statuses(rows: Sequence[StatusRow]) -> list[UUID]:
    """Insert or bring forward account states; return the accounts that changed."""
    return upsert("trading_accountstatus", StatusRow, "account_id", rows, returning="account_id")


def write_fills(rows: Sequence[FillRow]) -> list[UUID]:
    """Insert the fills that are not there yet; return their ids."""
    columns = ", ".join(FillRow.__struct_fields__)
    return run(
        f"INSERT INTO trading_fill ({columns}) SELECT {columns} "  # noqa: S608  (names from our own classes)
        "FROM json_populate_recordset(NULL::trading_fill, %s) "
        "ON CONFLICT (account_id, instrument_id, trade_id) DO NOTHING RETURNING id",
        rows,
    )


def write_commands(rows: Sequence[CommandRow]) -> list[UUID]:
    """Write the engine's answers; they outrank what the sweeper assumed."""
    return run(
        "UPDATE trading_command AS c SET state = r.state, code = r.code, text = r.text, "
        "handled_at = r.handled_at, client_order_id = CASE WHEN r.client_order_id = '' "
        "THEN c.client_order_id ELSE r.client_order_id END "
        "FROM json_populate_recordset(NULL::trading_command, %s) AS r "
        "WHERE c.id = r.id AND c.handled_at IS DISTINCT FROM r.handled_at RETURNING c.id",
        rows,
    )


def upsert(
    table: str, kind: type[JournalledRow], conflict: str, rows: Sequence[JournalledRow], returning: str = "id"
) -> list[UUID]:
    """Insert rows, or update those that an older record wrote; return the ids of both."""
    return run(upsert_statement(table, kind.__struct_fields__, conflict, returning), rows)


@functools.cache
def upsert_statement(table: str, fields: tuple[str, ...], conflict: str, returning: str) -> str:
    """Return the statement; its last condition is what makes applying twice harmless."""
    columns = ", ".join(fields)
    changes = ", ".join(f"{field} = EXCLUDED.{field}" for field in fields if field not in BIRTH)
    return (
        f"INSERT INTO {table} AS t ({columns}) SELECT {columns} "  # noqa: S608  (names from our own classes)
        f"FROM json_populate_recordset(NULL::{table}, %s) "
        f"ON CONFLICT ({conflict}) DO UPDATE SET {changes} "
        "WHERE t.shard <> EXCLUDED.shard OR (t.epoch, t.sequence) < (EXCLUDED.epoch, EXCLUDED.sequence) "
        f"RETURNING t.{returning}"
    )


def run(statement: str, rows: Sequence[msgspec.Struct]) -> list[UUID]:
    """Run the statement over the rows as one document; return its first column."""
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [encoder.encode(rows).decode()])
        return [row[0] for row in cursor.fetchall()]
