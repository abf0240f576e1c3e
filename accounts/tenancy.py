"""Whose data is being read or written: the tenant of the running work.

Two walls, each enough alone. The manager of every tenant model filters by the
current tenant and raises where there is none. PostgreSQL's row-level security
does the same below the ORM, fed by a setting that lives only as long as the
transaction (`set_config(..., true)`), so that a pooled connection carries
nothing over to the next request.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Self

from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction

_current: ContextVar[uuid.UUID | None] = ContextVar("tenant", default=None)
#: The database connection, one per thread, whose transaction has been told the current tenant.
_told: ContextVar[object] = ContextVar("told", default=None)

#: Settings that row-level security policies read, see `accounts.row_security`.
TENANT_SETTING = "mx.tenant"
USER_SETTING = "mx.user"
TOKEN_SETTING = "mx.token"  # noqa: S105  (a setting's name)


class TenantMissing(RuntimeError):
    """Tenant data was touched outside `tenant_scope`; this is a bug, never user input."""


def current_tenant_id() -> uuid.UUID:
    """Return the tenant of the running work; raise TenantMissing outside a scope."""
    tenant_id = _current.get()
    if tenant_id is None:
        raise TenantMissing("tenant data needs `with tenant_scope(tenant_id)`")
    return tenant_id


def set_local(name: str, value: str) -> str:
    """Set a transaction-local setting and return what it was before."""
    if not connection.in_atomic_block:
        raise TenantMissing("row-level security needs a transaction")
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH before AS MATERIALIZED (SELECT coalesce(current_setting(%s, true), '') AS value) "
            "SELECT value, set_config(%s, %s, true) FROM before",
            [name, name, value],
        )
        row = cursor.fetchone()
    return str(row[0])


@contextmanager
def tenant_scope(tenant_id: uuid.UUID | str) -> Iterator[None]:
    """Do the work inside as this tenant, in one transaction. Scopes nest; the inner one wins."""
    tenant_id = tenant_id if isinstance(tenant_id, uuid.UUID) else uuid.UUID(tenant_id)
    if is_told(tenant_id):
        with transaction.atomic():
            yield
        return
    with setting_scope(TENANT_SETTING, str(tenant_id)), scope_of_told(tenant_id):
        yield


def is_told(tenant_id: uuid.UUID) -> bool:
    """Return whether this thread's transaction runs as the tenant already."""
    same = _current.get() == tenant_id and _told.get() is connections[DEFAULT_DB_ALIAS]
    return same and connection.in_atomic_block


@contextmanager
def scope_of_told(tenant_id: uuid.UUID) -> Iterator[None]:
    """Do the work inside as the tenant that the running transaction's setting names already."""
    current, told = _current.set(tenant_id), _told.set(connections[DEFAULT_DB_ALIAS])
    try:
        yield
    finally:
        _current.reset(current)
        _told.reset(told)


@contextmanager
def setting_scope(name: str, value: str) -> Iterator[None]:
    """Let row-level security see the setting inside, in one transaction."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        before = set_local(name, value)
        yield
        # A failed body does not reach this line: the setting is rolled back with the rest, as it is
        # where the body asked for a rollback. The end of the outermost transaction forgets it anyway.
        if not outermost and not connection.needs_rollback:
            set_local(name, before)


class CurrentTenant(models.Expression):
    """The tenant in whose scope the query runs; raises TenantMissing when it runs outside of one.

    Looked up when the SQL is made, so that forms and views may build queries before there is a tenant.
    """

    output_field: ClassVar[models.UUIDField[Any, Any]] = models.UUIDField()

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return the id as a parameter."""
        return "%s", [current_tenant_id()]


class TenantManager(models.Manager[Any]):
    """Returns only rows of the current tenant; raises TenantMissing where there is none."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Return the tenant's rows."""
        return super().get_queryset().filter(tenant_id=CurrentTenant())


class TenantModel(models.Model):
    """Base of every table that holds a tenant's data; new rows take the current tenant."""

    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[TenantManager] = TenantManager()

    class Meta:
        abstract = True

    @classmethod
    def new(cls, **values: Any) -> Self:
        """Return an unsaved row of the current tenant."""
        return cls(tenant_id=current_tenant_id(), **values)
