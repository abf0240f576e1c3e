"""There is one way to a venue: no other code than the order path calls `place` on one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("mexoms", "backtests", "strategies", "trading", "risk", "accounts", "venues")
ORDER_PATH = "trading/engine/order_path.py"
#: Whose `place` is not a venue's: the connector's own inside, and the exchange that we simulate.
OWN_AFFAIRS = {
    "venues/binance/spot.py": "hands the order on to its connection",
    "venues/simulator": "the exchange itself",
}
BY_NAME = ("getattr", "methodcaller", "operator.methodcaller")


def calls_of_place(path: Path) -> list[str]:
    """Return the receivers on which the file calls a method `place`, or gets hold of it by name."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr == "place":
            found.append(ast.unparse(node.value))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "getattr",
            "methodcaller",
            "operator.methodcaller",
        ):
            found += [
                ast.unparse(node)
                for one in node.args
                if isinstance(one, ast.Constant) and one.value == "place"
            ]
    return found


def is_own_affair(name: str) -> bool:
    return any(name == allowed or name.startswith(f"{allowed}/") for allowed in OWN_AFFAIRS)


def test_only_the_order_path_calls_a_venues_place():
    callers = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            if not is_own_affair(name) and (receivers := calls_of_place(path)):
                callers[name] = receivers
    assert callers == {ORDER_PATH: ["self.venue"]}


def test_no_compiled_code_calls_a_venues_place():
    callers = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.pyx")
        for line in path.read_text().splitlines()
        if re.search(r"\.place\(|\"place\"|'place'", line) and not line.lstrip().startswith("#")
    ]
    assert [caller for caller in callers if not is_own_affair(caller.split(":")[0])] == []


def test_place_is_called_at_one_place_in_submit():
    tree = ast.parse((ROOT / ORDER_PATH).read_text())
    functions = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self.venue.place"
    ]
    assert functions == ["submit"]


def test_the_scan_would_find_another_caller(tmp_path):
    for number, text in enumerate(
        ("venue.place(order)", "engine.venue.place(x)", "getattr(venue, 'place')(x)")
    ):
        path = tmp_path / f"{number}.py"
        path.write_text(text)
        assert calls_of_place(path), text
