"""The embedded PostgreSQL and Valkey, unless the environment names others."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from mexoms.supervisor.child import Process, Stage
from mexoms.supervisor.plan import Plan
from mexoms.supervisor.postgres import EmbeddedPostgres
from mexoms.supervisor.readiness import answers_ping
from mexoms.supervisor.run_directory import command_line, process_of
from mexoms.supervisor.valkey import command as valkey_command

EARLIER_RUN_TIMEOUT_S = 5.0
EARLIER_RUN_POLL_S = 0.05


def service_table(plan: Plan) -> tuple[Process, ...]:
    """Return the rows of the services that are ours to run."""
    rows = []
    if not plan.database_url:
        server = embedded_postgres(plan)

        async def ready() -> bool:
            return server.ready()

        rows.append(
            Process(
                name="postgres",
                command=tuple(server.command()),
                colour=67,
                ready=ready,
                stop_stage=Stage.SERVICES,
                # PostgreSQL's fast shutdown: sessions are cut, the data is written.
                stop_signal=signal.SIGINT,
                orphan_signal=signal.SIGINT,
            )
        )
    if not plan.redis_url:
        socket = valkey_socket(plan)
        rows.append(
            Process(
                name="valkey",
                command=tuple(valkey_command(socket)),
                colour=167,
                ready=answers_ping(socket),
                stop_stage=Stage.SERVICES,
            )
        )
    return tuple(rows)


def embedded_postgres(plan: Plan) -> EmbeddedPostgres:
    """Return the home's own server."""
    return EmbeddedPostgres(plan.home / "postgres", plan.sockets)


def valkey_socket(plan: Plan) -> Path:
    """Return where the home's own Valkey listens."""
    return plan.sockets / "valkey.sock"


def redis_url(plan: Plan) -> str:
    """Return the address of the broker that this start uses."""
    return plan.redis_url or f"unix://{valkey_socket(plan)}?db=0"


def clear_earlier_run(plan: Plan) -> None:
    """Wait for the databases of a killed run to end, then remove the pid file and sockets that it left.

    The caller holds the home's lock, so a server on our data belongs to a
    supervisor that is dead. A process that only inherited its number is not ours:
    PostgreSQL would refuse to start because of it, so the file goes.
    """
    data = plan.home / "postgres"
    pid_file = data / "postmaster.pid"
    deadline = time.monotonic() + EARLIER_RUN_TIMEOUT_S
    while (pid := process_of(pid_file)) and str(data) in command_line(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGQUIT)  # at once, to be recovered from the log
            deadline += EARLIER_RUN_TIMEOUT_S
        time.sleep(EARLIER_RUN_POLL_S)
    pid_file.unlink(missing_ok=True)
    for path in plan.sockets.iterdir():
        if path.is_socket() or path.name.endswith(".lock"):
            path.unlink(missing_ok=True)
