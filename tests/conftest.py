"""What every test may ask for: servers on demand, the two desks, the running platform."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.desks import api, demo_desk, other_desk
from tests.platform import platform
from tests.postgres import RunningServers, Servers, clone_template, empty_tables

__all__ = ["api", "demo_desk", "other_desk", "platform"]

SERVERS = pytest.StashKey[Servers]()
RUNNING = pytest.StashKey[RunningServers]()
WORKER = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Point the settings at servers that are started when a test first needs them."""
    worker_input: dict[str, Any] = getattr(config, "workerinput", {})
    servers = Servers(**worker_input["servers"]) if worker_input else Servers.plan()
    config.stash[SERVERS] = servers
    config.stash[WORKER] = worker_input.get("workerid", "main")
    point_settings(servers, config.stash[WORKER])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start the servers before the first worker, which all of them then share."""
    node.workerinput["servers"] = start(node.config).as_dict()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers with the run."""
    running = config.stash.get(RUNNING, None)
    if running is not None:
        running.stop()
    elif not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[SERVERS].directory, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the servers; run tests on whole platforms last: idling, they slow the others."""
    for item in items:
        if item.get_closest_marker("django_db") and not item.get_closest_marker("platform"):
            item.add_marker(pytest.mark.services)
    items.sort(key=lambda item: item.get_closest_marker("platform") is not None)


def start(config: pytest.Config) -> Servers:
    """Start the run's servers unless they run."""
    servers = config.stash[SERVERS]
    if RUNNING not in config.stash:
        config.stash[RUNNING] = RunningServers(servers)
        config.stash[RUNNING].start()
    return servers


def point_settings(servers: Servers, worker: str) -> None:
    """Load the settings again with the worker's own home, database and broker.

    The variables are put back: a platform that a test starts must not take the tests' servers for its own.
    """
    from django.conf import settings
    from django.core.cache import caches
    from django.db import connections

    from mexoms import environment
    from mexoms import settings as module

    before = dict(os.environ)
    os.environ |= {
        "DATABASE_URL": servers.url(servers.roles[1], servers.database(worker)),
        "REDIS_URL": servers.redis_url(number_of(worker)),
        "MEXOMS_HOME": str(Path(servers.directory) / f"home-{worker}"),
        "MEXOMS_SECRET_KEY": "only-for-tests",
    }
    environment.environment.cache_clear()
    try:
        importlib.reload(module)
    finally:
        os.environ.clear()
        os.environ.update(before)
    module.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    module.WHITENOISE_AUTOREFRESH = True  # files are looked up when asked for, not all at each client's start
    layer: Any = module.CHANNEL_LAYERS["default"]["CONFIG"]
    layer["prefix"] = f"test-{worker}"
    for name in filter(str.isupper, dir(module)):
        setattr(settings, name, getattr(module, name))
    handlers: tuple[Any, ...] = (connections, caches)
    for handler in handlers:
        handler.__dict__.pop("settings", None)
        handler._settings = None
        with contextlib.suppress(AttributeError):  # nobody has used it yet
            del handler["default"]


def number_of(worker: str) -> int:
    """Return the number of the worker's own database in Valkey, which has 16."""
    return int(worker.removeprefix("gw")) % 15 + 1 if worker.startswith("gw") else 0


@pytest.fixture(scope="session")
def services(request: pytest.FixtureRequest) -> Servers:
    """Run PostgreSQL and Valkey; tests marked `services` have them."""
    config = request.config
    return config.stash[SERVERS] if hasattr(config, "workerinput") else start(config)


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, services: Servers, django_db_blocker: Any
) -> Iterator[None]:
    """Give the worker its own database, used by the role that the application has in production."""
    from django.db import connection
    from django.test import TransactionTestCase

    worker = request.config.stash[WORKER]
    clone_template(services, worker)
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: empty_tables(services, worker))
        refuse_other_database()
        yield
        connection.close()


def refuse_other_database() -> None:
    """End the run before it touches a database that is not a test's, or as a role that sees everything."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_database(), rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        name, bypasses = cursor.fetchone()
    if not name.startswith("test_") or bypasses:
        pytest.exit(f"tests would run on the database {name}, bypassing row-level security: {bypasses}", 3)


@pytest.fixture(autouse=True)
def services_by_marker(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the services for tests so marked, and leave their Valkey as empty as it was."""
    if request.node.get_closest_marker("services"):
        request.getfixturevalue("services")
    yield
    servers = request.config.stash[SERVERS]
    if (servers.sockets / "valkey.sock").exists():
        from redis import Redis

        with Redis.from_url(servers.redis_url(number_of(request.config.stash[WORKER]))) as valkey:
            valkey.flushdb()


@pytest.fixture(autouse=True)
def own_home(settings: Any, tmp_path: Path) -> Path:
    """Keep the files of one test's home from the next test's."""
    settings.HOME = tmp_path / "home"
    settings.KEY_RING_PATH = settings.HOME / "keys" / "ring.json"
    settings.GATE_PATH = settings.HOME / "risk" / "gate"
    settings.FLAGS_PATH = settings.HOME / "risk" / "flags"
    settings.RATE_BUDGET_PATH = settings.HOME / "rate_budget"
    settings.JOURNAL_PATH = settings.HOME / "journal"
    return tmp_path
