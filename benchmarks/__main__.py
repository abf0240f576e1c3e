"""`python -m benchmarks [ID[,ID]…]`: measure, print a table, write bench.json."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benchmarks

Row = dict[str, Any]
KEYS = ("id", "what", "unit", "median", "p99", "n", "reference", "goal", "met")
BENCH_FILE = Path(__file__).resolve().parents[1] / "bench.json"


def available() -> dict[str, Callable[[], Row | list[Row]]]:
    """Return the measurements by id, in the order of their modules' names."""
    found = {}
    for module_info in pkgutil.iter_modules(benchmarks.__path__):
        if module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"benchmarks.{module_info.name}")
        if hasattr(module, "ID") and hasattr(module, "measure"):
            found[module.ID] = module.measure
    return found


def wanted(arguments: list[str], known: dict[str, Callable[[], Row | list[Row]]]) -> list[str]:
    """Return the ids to run: those named, by spaces or commas, else all."""
    ids = [name for argument in arguments for name in argument.split(",") if name]
    if unknown := [name for name in ids if name not in known]:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(known)}")
    return ids or list(known)


def complete(row: Row) -> Row:
    """Return the row with every key of bench.json, in their order, and whatever more it tells."""
    return {**{key: row.get(key) for key in KEYS}, **row}


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    lines = [KEYS, *(tuple(cell(row[key]) for key in KEYS) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(KEYS))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "-" if value is None else str(value)


def main() -> None:
    """Run what is asked for. A measurement that breaks is told and makes the run fail."""
    known = available()
    rows: list[Row] = []
    broken: list[str] = []
    for name in wanted(sys.argv[1:], known):
        print(f"measuring {name}", flush=True)
        try:
            result = known[name]()
        except Exception:  # noqa: BLE001  (one broken measurement must not hide the others)
            traceback.print_exc()
            broken.append(name)
            continue
        rows.extend(complete(row) for row in (result if isinstance(result, list) else [result]))
    show(rows)
    BENCH_FILE.write_text(json.dumps(rows, indent=1, default=str) + "\n")
    if broken:
        sys.exit(f"could not be measured: {', '.join(broken)}")


if __name__ == "__main__":
    main()
