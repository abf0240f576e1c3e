"""`python -m mexoms.supervisor`: the platform in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from mexoms.supervisor.child import Process, StepFailed
from mexoms.supervisor.conductor import Conductor, NotReady
from mexoms.supervisor.home_lock import HomeBusy, lock_home
from mexoms.supervisor.output import Console, colour_wanted
from mexoms.supervisor.plan import ACCOUNTS_DEFAULT, ACCOUNTS_MAX, ROOT, Plan
from mexoms.supervisor.ports import PortTaken, check_port
from mexoms.supervisor.postgres import PostgresMissing
from mexoms.supervisor.preparation import read_note
from mexoms.supervisor.processes import process_table
from mexoms.supervisor.run_directory import UnsafeDirectory, remove_sockets, socket_directory
from mexoms.supervisor.runtime_file import load_runtime, save_runtime
from mexoms.supervisor.services import clear_earlier_run, embedded_postgres, redis_url, service_table
from mexoms.supervisor.valkey import ValkeyMissing

STANDARD_OUTPUT = 1
CANNOT_START = (HomeBusy, PortTaken, UnsafeDirectory, PostgresMissing, ValkeyMissing, StepFailed, NotReady)


def main() -> None:
    """Run the platform; a start that cannot succeed ends with one line and status 1."""
    started = time.monotonic()
    try:
        plan = read_plan(sys.argv[1:])
        lock = lock_home(plan.home)
        check_port(plan.port, "MEXOMS_PORT")
        check_port(plan.simulator_port, "MEXOMS_SIM_PORT")
        plan = replace(plan, sockets=socket_directory(plan.home))
        run_platform(plan, started)
        lock.close()
    except CANNOT_START as error:
        sys.exit(f"mexoms: {error}")


def read_plan(arguments: list[str]) -> Plan:
    """Return what the command line and the environment ask for."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--accounts", type=int, help="exchange accounts of the demo desk (ACCOUNTS=)")
    parser.add_argument("--replay", default="", help="a raw capture for the simulator to replay (REPLAY=)")
    options = parser.parse_args(arguments)
    home = Path(os.environ.get("MEXOMS_HOME") or ROOT / "var").resolve()
    accounts = desk_size(options.accounts, int(read_note(home, "accounts") or 0))
    if not 1 <= accounts <= ACCOUNTS_MAX:
        parser.error(f"--accounts must lie between 1 and {ACCOUNTS_MAX}")
    if options.replay and not Path(options.replay).exists():
        parser.error(f"there is no capture at {options.replay}")
    return Plan(
        home=home,
        sockets=home / "run",
        port=int(os.environ.get("MEXOMS_PORT") or 8000),
        simulator_port=int(os.environ.get("MEXOMS_SIM_PORT") or 9000),
        accounts=accounts,
        replay=str(Path(options.replay).resolve()) if options.replay else "",
        database_url=os.environ.get("DATABASE_URL", ""),
        redis_url=os.environ.get("REDIS_URL", ""),
    )


def desk_size(wanted: int | None, known: int) -> int:
    """Return how many accounts to run with: a desk keeps those that it has, and may grow."""
    return max(wanted or known or ACCOUNTS_DEFAULT, known)


def run_platform(plan: Plan, started: float) -> None:
    """Start everything, say where it is, and return when it has ended."""
    save_runtime(plan.home, load_runtime(plan.home), redis_url=redis_url(plan))
    clear_earlier_run(plan)
    if not plan.database_url:
        embedded_postgres(plan).initialise()
    os.environ["MEXOMS_HOME"] = str(plan.home)
    table = (*service_table(plan), *process_table(plan))
    console = Console(
        STANDARD_OUTPUT,
        name_width=max(len(process.name) for process in table),
        colour=colour_wanted(STANDARD_OUTPUT),
    )
    try:
        asyncio.run(conduct(plan, table, console, started))
    finally:
        console.close()
        remove_sockets(plan.sockets)


async def conduct(plan: Plan, table: tuple[Process, ...], console: Console, started: float) -> None:
    """Run the table's processes until a signal ends them."""

    def when_ready() -> None:
        console.text(welcome(plan, time.monotonic() - started))

    console.text(f"mexoms: starting on {plan.home}; Ctrl-C ends everything")
    await Conductor(table, console, ROOT).run(when_ready)
    console.text("mexoms: everything has ended")


def welcome(plan: Plan, took_s: float) -> str:
    """Return the lines that a person needs to get in."""
    demo = json.loads((plan.home / "demo.json").read_text())
    return "\n".join(
        (
            "",
            f"  mExOms is ready after {took_s:.1f} s",
            f"  dashboard   {demo['url']}",
            f"  login       {demo['user']}",
            f"  password    {demo['password']}",
            f"  exchange    {demo['simulator_url']} (simulated)",
            "",
        )
    )


if __name__ == "__main__":
    main()
