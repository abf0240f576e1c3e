"""A platform of small scripts under the real conductor: `python -m tests.mexoms.toy_platform TABLE DIR`.

TABLE is JSON: a list of {name, script, needs, once, stop_stage}; a process is
ready when it has made the file DIR/NAME.ready. Scripts find DIR as their working directory.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from mexoms.supervisor.child import Process, Stage, StepFailed
from mexoms.supervisor.conductor import Conductor
from mexoms.supervisor.output import Console


def process(row: dict, directory: Path) -> Process:
    """Return one row of the toy's table."""

    async def ready() -> bool:
        return (directory / f"{row['name']}.ready").exists()

    return Process(
        name=row["name"],
        command=(sys.executable, "-c", row["script"]),
        colour=1,
        needs=tuple(row.get("needs", ())),
        ready=ready,
        once=row.get("once", False),
        stop_stage=Stage(row.get("stop_stage", 0)),
    )


def main() -> None:
    """Run the table until a signal."""
    directory = Path(sys.argv[2])
    table = tuple(process(row, directory) for row in json.loads(sys.argv[1]))
    console = Console(1, name_width=6, colour=False)
    try:
        asyncio.run(Conductor(table, console, directory).run(lambda: console.text("everything is ready")))
    except StepFailed as error:
        sys.exit(str(error))
    finally:
        console.close()


if __name__ == "__main__":
    main()
