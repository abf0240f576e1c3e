"""`python -m venues.simulator`: the exchange without Django."""

from __future__ import annotations

import argparse

from venues.simulator.command import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m venues.simulator", description=__doc__)
    add_arguments(parser)
    run(parser.parse_args())
