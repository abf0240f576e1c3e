"""The migration operations that put a table under row-level security.

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


def let_read(table: str, policy: str, using: str) -> RunSQL:
    """Return the operation that lets rows be read, never written, on one more condition."""
    return RunSQL(
        sql=[f"CREATE POLICY {policy} ON {table} FOR SELECT USING ({using})"],
        reverse_sql=[f"DROP POLICY {policy} ON {table}"],
    )


def keep_in_tenant(table: str, column: str, target: str = "accounts_exchangeaccount") -> RunSQL:
    """Return the operation that binds a foreign key to rows of the same tenant.

    Foreign keys look past row-level security, so without this a row could point
    to another tenant's. The target needs a unique constraint on (tenant_id, id).
    """
    name = f"{table}_{column}_of_tenant"
    return RunSQL(
        sql=[
            f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
            f"REFERENCES {target} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED"
        ],
        reverse_sql=[f"ALTER TABLE {table} DROP CONSTRAINT {name}"],
    )
