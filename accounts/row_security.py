"""The migration operation that puts a table under row-level security.

FORCE makes the policy hold for the table's owner too. The policy compares with
a transaction-local setting; without it the comparison is with NULL and no row
is seen.
"""

from __future__ import annotations

from django.db.migrations.operations import RunSQL

TENANT_POLICY = "tenant_id = NULLIF(current_setting('mx.tenant', true), '')::uuid"


def protect(table: str, using: str = TENANT_POLICY, check: str | None = None) -> RunSQL:
    """Return the operation that enables and forces row-level security on the table.

    `using` decides which rows are seen, `check` (the same, unless given) which
    may be written.
    """
    return RunSQL(
        sql=[
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} USING ({using}) WITH CHECK ({check or using})",
        ],
        reverse_sql=[
            f"DROP POLICY tenant ON {table}",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ],
    )
