"""The tests' own servers: one PostgreSQL and one Valkey for a run, a database of its own for each worker.

The application's role in them is neither owner nor superuser, so that row-level
security holds in tests as it does in production. `DATABASE_URL` (of an
administrator) and `REDIS_URL` replace the embedded servers; what is made there
bears names of this run and is dropped in the end.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg import sql

from mexoms.supervisor import valkey
from mexoms.supervisor.postgres import (
    APP_ROLE,
    OWNER_ROLE,
    EmbeddedPostgres,
    as_role,
    at_database,
    prepare_database,
)

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 60.0
POLL_S = 0.02
LOCK_TIMEOUT_MS = 10_000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
# A crash of the machine may lose a test run.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "100"}
# Rows that migrations made and every test needs.
KEPT_TABLES = ("django_migrations", "django_content_type", "auth_permission")


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Where the run's servers are; plain values, so that it can be handed to workers."""

    directory: str
    password: str
    given_database_url: str
    given_redis_url: str

    @classmethod
    def plan(cls) -> Servers:
        """Return servers that nobody has started yet."""
        return cls(
            directory=tempfile.mkdtemp(prefix="mx-test-"),
            password=secrets.token_urlsafe(16),
            given_database_url=os.environ.get("DATABASE_URL", ""),
            given_redis_url=os.environ.get("REDIS_URL", ""),
        )

    def as_dict(self) -> dict[str, str]:
        """Return what `Servers(**…)` takes."""
        return asdict(self)

    @property
    def run(self) -> str:
        """Return the run's name, which what it makes on a given server bears."""
        return Path(self.directory).name.removeprefix("mx-test-").lower()

    @property
    def roles(self) -> tuple[str, str]:
        """Return the owner's and the application's role; a given server's own stay as they are."""
        if not self.given_database_url:
            return OWNER_ROLE, APP_ROLE
        return f"test_{self.run}_owner", f"test_{self.run}_app"

    @property
    def template(self) -> str:
        """Return the name of the migrated database that workers clone."""
        return f"test_{self.run}"

    def database(self, worker: str) -> str:
        """Return the name of the worker's own database."""
        return f"test_{self.run}_{worker}"

    @property
    def sockets(self) -> Path:
        """Return the directory that the embedded servers listen in."""
        return Path(self.directory) / "run"

    @property
    def embedded(self) -> EmbeddedPostgres:
        """Return the run's embedded PostgreSQL."""
        return EmbeddedPostgres(Path(self.directory) / "postgres", self.sockets)

    @property
    def admin_url(self) -> str:
        """Return the administrator's address; the embedded server must have been started."""
        return self.given_database_url or self.embedded.admin_url

    def url(self, role: str, database: str) -> str:
        """Return a role's address of a database, known before the server runs."""
        base = self.given_database_url or f"postgresql://@/?{urlencode({'host': str(self.sockets)})}"
        return as_role(base, database, role, self.password)

    def redis_url(self, number: int) -> str:
        """Return the address of the worker's own database number in Valkey."""
        base = self.given_redis_url.split("?")[0] or f"unix://{self.sockets}/valkey.sock"
        return f"{base}?db={number}"


class RunningServers:
    """Starts what a plan names and ends it again; one process of the run holds it."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self._children: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []

    def start(self) -> None:
        """Start both servers and migrate the template."""
        sockets = self.servers.sockets
        sockets.mkdir(mode=0o700)
        if not self.servers.given_redis_url:
            socket = sockets / "valkey.sock"
            child = self._run(valkey.command(socket), signal.SIGTERM)
            self._wait(socket.exists, child, "Valkey")
        if not self.servers.given_database_url:
            postgres = self.servers.embedded
            postgres.initialise()
            child = self._run(postgres.command(FAST), signal.SIGINT)
            self._wait(postgres.ready, child, "PostgreSQL")
        self._make_template()

    def stop(self) -> None:
        """Drop what was made on a given server, end the embedded ones, delete their files."""
        try:
            if self.servers.given_database_url:
                self._drop()
        finally:
            for child, number in self._children:
                child.send_signal(number)
            for child, _ in self._children:
                child.wait(START_TIMEOUT_S)
            shutil.rmtree(self.servers.directory, ignore_errors=True)

    def _run(self, command: Sequence[str], orphan_signal: signal.Signals) -> subprocess.Popen[bytes]:
        log = (Path(self.servers.directory) / f"{Path(command[0]).name}.log").open("wb")
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, int(orphan_signal)),
        )
        log.close()
        self._children.append((child, orphan_signal))
        return child

    def _wait(self, ready: Callable[[], bool], child: subprocess.Popen[bytes], name: str) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            if child.poll() is not None or time.monotonic() > deadline:
                logs = [path.read_text() for path in Path(self.servers.directory).glob("*.log")]
                raise RuntimeError(f"{name} did not start: {' '.join(logs)[-2000:]}")
            time.sleep(POLL_S)

    def _make_template(self) -> None:
        """Migrate once, as the owner, in a process that has no other database in its settings."""
        servers = self.servers
        owner_url, _ = prepare_database(
            servers.admin_url,
            database=servers.template,
            owner_password=servers.password,
            app_password=servers.password,
            roles=servers.roles,
        )
        if servers.roles[0] not in owner_url:
            raise RuntimeError("tests need a DATABASE_URL whose role may create roles and databases")
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": owner_url, "MEXOMS_HOME": servers.directory},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"the test database cannot be migrated:\n{done.stderr[-4000:]}")

    def _drop(self) -> None:
        names = sql.SQL("SELECT datname FROM pg_database WHERE datname LIKE {}").format(
            sql.Literal(f"{self.servers.template}%")
        )
        with psycopg.connect(self.servers.admin_url, autocommit=True) as admin:
            for (name,) in admin.execute(names).fetchall():
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for role in self.servers.roles:
                admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def clone_template(servers: Servers, worker: str) -> None:
    """Make the worker's own database."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
        sql.Identifier(servers.database(worker)),
        sql.Identifier(servers.template),
        sql.Identifier(servers.roles[0]),
    )
    with psycopg.connect(servers.admin_url, autocommit=True) as admin:
        admin.execute(statement)


def empty_tables(servers: Servers, worker: str) -> None:
    """Empty the worker's tables as an administrator, whom row-level security does not bind.

    A transaction that some thread left open would hold this up; it fails instead.
    """
    with psycopg.connect(at_database(servers.admin_url, servers.database(worker))) as owner:
        owner.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT_MS)))
        rows = owner.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "AND relname <> ALL(%s)",
            [list(KEPT_TABLES)],
        ).fetchall()
        tables = sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows)
        owner.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))
