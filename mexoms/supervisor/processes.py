"""The table of everything that runs: name, command, colour, what it needs, when it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial

from mexoms.supervisor.child import Process, Stage
from mexoms.supervisor.plan import Plan
from mexoms.supervisor.preparation import migrated, note_migrated, note_seeded, seeded
from mexoms.supervisor.readiness import answers_http, reports_trading
from mexoms.supervisor.runtime_file import load_runtime
from mexoms.supervisor.services import embedded_postgres

PYTHON = sys.executable
MANAGE = (PYTHON, "manage.py")
CELERY = (PYTHON, "-m", "celery", "-A", "mexoms.celery")
# One worker alone has nobody to gossip with; tasks run in its own process to spare memory.
WORKER = ("worker", "-Q", "default,venue", "--pool", "solo")
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")
QUIET = ("--loglevel", "WARNING")


def process_table(plan: Plan) -> tuple[Process, ...]:
    """Return everything that runs besides the embedded databases of services.py."""
    return (*steps(plan), *traders(plan), *followers(plan))


def steps(plan: Plan) -> tuple[Process, ...]:
    """Return what is done once, before the platform trades."""
    return (
        Process(
            name="database",
            command=(PYTHON, "-m", "mexoms.supervisor.database"),
            colour=245,
            needs=("postgres",),
            once=True,
            environment=partial(admin_environment, plan),
        ),
        Process(
            name="migrations",
            command=(*MANAGE, "migrate", "--verbosity", "0", "--skip-checks"),
            colour=245,
            needs=("database",),
            once=True,
            skip=partial(migrated, plan),
            done=partial(note_migrated, plan),
            environment=partial(owner_environment, plan),
        ),
        Process(
            name="demo",
            command=(*MANAGE, "seed_demo", "--accounts", str(plan.accounts)),
            colour=245,
            needs=("migrations", "simulator"),
            once=True,
            skip=partial(seeded, plan),
            done=partial(note_seeded, plan),
            environment=partial(app_environment, plan),
        ),
    )


def traders(plan: Plan) -> tuple[Process, ...]:
    """Return the exchange, the engine that trades on it, and the desk's face."""
    app = partial(app_environment, plan)
    return (
        Process(
            name="simulator",
            command=simulator_command(plan),
            colour=179,
            ready=answers_http(plan.simulator_port, "/api/v3/ping"),
            stop_stage=Stage.FOLLOWERS,
            environment=app,
        ),
        Process(
            name="engine",
            command=(*MANAGE, "engine", "--shard", "0"),
            colour=114,
            needs=("demo", "valkey"),
            ready=reports_trading(plan.home / "engine-0.json"),
            environment=app,
        ),
        Process(
            name="web",
            command=web_command(plan),
            colour=75,
            needs=("migrations", "valkey"),
            ready=answers_http(plan.port, "/readyz"),
            environment=app,
        ),
    )


def followers(plan: Plan) -> tuple[Process, ...]:
    """Return who writes down what happened, and who works in the background."""
    app = partial(app_environment, plan)
    return (
        Process(
            name="projector",
            command=(*MANAGE, "projector"),
            colour=140,
            needs=("migrations", "valkey"),
            stop_stage=Stage.FOLLOWERS,
            environment=app,
        ),
        # Nobody waits for these two at the start, so they leave the cores to the others.
        Process(
            name="worker",
            command=(*CELERY, *WORKER, *ALONE, *QUIET),
            colour=174,
            needs=("web", "engine"),
            environment=app,
        ),
        Process(
            name="beat",
            # Its schedule is in the database, and the supervisor keeps it single: no pid file to go stale.
            command=(*CELERY, "beat", "--pidfile=", *QUIET),
            colour=180,
            needs=("web", "engine"),
            environment=app,
        ),
    )


def simulator_command(plan: Plan) -> tuple[str, ...]:
    """Return the exchange's command; two accounts more than the demo desk has, for the other desk."""
    command = (*MANAGE, "simulator", "--port", str(plan.simulator_port), "--accounts", str(plan.accounts + 2))
    return (*command, "--replay", plan.replay) if plan.replay else command


def web_command(plan: Plan) -> tuple[str, ...]:
    """Return the ASGI server's command, which listens on loopback alone."""
    options = ("--host", "127.0.0.1", "--port", str(plan.port), "--no-access-log")
    limits = ("--log-level", "warning", "--timeout-graceful-shutdown", "1")
    return (PYTHON, "-m", "uvicorn", "mexoms.asgi:application", *options, *limits)


def app_environment(plan: Plan) -> Mapping[str, str]:
    """Return what a process of the application sees; no administrator's or owner's address is in it.

    Read anew at each start of a process: the addresses are known only once the services run.
    """
    runtime = load_runtime(plan.home)
    own = {
        "MEXOMS_HOME": str(plan.home),
        "MEXOMS_PORT": str(plan.port),
        "MEXOMS_SIM_PORT": str(plan.simulator_port),
        "MEXOMS_SECRET_KEY": os.environ.get("MEXOMS_SECRET_KEY") or runtime.secret_key,
        "DATABASE_URL": runtime.database_url,
        "REDIS_URL": runtime.redis_url,
        "DJANGO_SETTINGS_MODULE": "mexoms.settings",
        "PYTHONUNBUFFERED": "1",
    }
    return {name: text for name, text in os.environ.items() if name != "DATABASE_OWNER_URL"} | own


def owner_environment(plan: Plan) -> Mapping[str, str]:
    """Return what the step sees that changes the schema."""
    return {**app_environment(plan), "DATABASE_URL": load_runtime(plan.home).database_owner_url}


def admin_environment(plan: Plan) -> Mapping[str, str]:
    """Return what the step sees that makes the database and its roles."""
    admin_url = plan.database_url or embedded_postgres(plan).admin_url
    return {**app_environment(plan), "MEXOMS_ADMIN_URL": admin_url}
