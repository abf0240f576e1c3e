"""The simulator's command line, the same for `manage.py simulator` and `python -m venues.simulator`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Any

from venues.simulator.server import ServerOptions, default_home, serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    port = int(os.environ.get("MEXOMS_SIM_PORT") or 9000)
    parser.add_argument("--port", type=int, default=port, help="loopback port (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="gives keys, accounts and the market (default 1)")
    parser.add_argument("--accounts", type=int, default=14, help="how many accounts (default 14)")
    parser.add_argument(
        "--home", type=Path, default=None, help="where keys and state go (default $MEXOMS_HOME or var/)"
    )
    parser.add_argument(
        "--replay", type=Path, default=None, help="replay this raw capture, a file or a folder of .gz"
    )
    parser.add_argument("--speed", type=float, default=1.0, help="how fast the market runs (default 1)")
    parser.add_argument("--paused", action="store_true", help="start with the market paused")
    parser.add_argument(
        "--fresh", action="store_true", help="ignore the state that the last orderly stop left"
    )


def run(options: Any) -> None:
    """Run with parsed options, given as attributes."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    serve(
        ServerOptions(
            port=options.port,
            seed=options.seed,
            accounts=options.accounts,
            home=(options.home or default_home()).absolute(),
            replay=options.replay,
            speed=options.speed,
            paused=options.paused,
            fresh=options.fresh,
        )
    )
