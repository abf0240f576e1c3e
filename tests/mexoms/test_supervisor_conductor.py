from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mexoms.supervisor.child import Stage
from mexoms.supervisor.conductor import STOP_GRACE_S
from tests.mexoms.process_table import is_alive, wait_until

ROOT = Path(__file__).resolve().parents[2]
# Tells where it runs, is ready, and waits for its end.
PATIENT = """
import os, pathlib, signal, sys, time
name = {name!r}
def end(*_):
    with open("ends", "a") as file: file.write(name + "\\n")
    sys.exit()
signal.signal(signal.SIGTERM, end)
with open("starts", "a") as file: file.write(name + "\\n")
pathlib.Path(name + ".pid").write_text(str(os.getpid()))
pathlib.Path(name + ".ready").touch()
while True: time.sleep(60)
"""
STUBBORN = PATIENT.replace("signal.SIGTERM, end", "signal.SIGTERM, signal.SIG_IGN")


class Toy:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.popen: subprocess.Popen | None = None

    def start(self, *rows: dict) -> None:
        command = [sys.executable, "-m", "tests.mexoms.toy_platform", json.dumps(rows), str(self.directory)]
        with (self.directory / "output").open("w") as output:
            self.popen = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)

    def text(self, name: str) -> str:
        path = self.directory / name
        return path.read_text() if path.exists() else ""

    def pid(self, name: str) -> int:
        return int(self.text(f"{name}.pid") or 0)

    def wait_ready(self) -> None:
        wait_until(lambda: "everything is ready" in self.text("output"), "the toy platform")


@pytest.fixture
def toy(tmp_path):
    platform = Toy(tmp_path)
    yield platform
    if platform.popen is not None and platform.popen.poll() is None:
        platform.popen.kill()
        platform.popen.wait()


def patient(name: str, **row) -> dict:
    return {"name": name, "script": PATIENT.format(name=name), **row}


def test_processes_start_after_those_that_they_need(toy):
    toy.start(patient("last", needs=["middle"]), patient("middle", needs=["first"]), patient("first"))
    toy.wait_ready()
    assert toy.text("starts").split() == ["first", "middle", "last"]


def test_a_step_runs_once_before_those_that_need_it(toy):
    step = {"name": "step", "script": "open('starts', 'a').write('step\\n')", "once": True}
    toy.start(patient("after", needs=["step"]), step)
    toy.wait_ready()
    assert toy.text("starts").split() == ["step", "after"]


def test_a_step_that_fails_ends_the_platform_and_names_itself(toy):
    step = {"name": "step", "script": "raise SystemExit(3)", "once": True}
    toy.start(patient("other"), patient("after", needs=["step"]), step)
    assert toy.popen.wait(20) != 0
    assert "step ended with status 3" in toy.text("output")
    assert "after" not in toy.text("starts")
    assert not is_alive(toy.pid("other"))


def test_a_child_that_dies_is_started_again_and_its_end_is_told(toy):
    toy.start(patient("engine"))
    toy.wait_ready()
    first = toy.pid("engine")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: toy.pid("engine") not in {0, first}, "the second engine")
    assert "engine | ended by SIGKILL; starting again in 0.5 s" in toy.text("output")


def test_a_child_that_keeps_dying_is_started_ever_later(toy):
    toy.start({"name": "broken", "script": "print('no'); raise SystemExit(1)"})
    wait_until(lambda: "starting again in 2 s" in toy.text("output"), "the third pause")
    told = [line.rsplit(" ", 2)[1] for line in toy.text("output").splitlines() if "again" in line]
    assert told == ["0.5", "1", "2"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_in_stages_and_leaves_nothing(toy, number):
    toy.start(
        patient("base", stop_stage=2),
        patient("face", needs=["base"]),
        patient("tail", needs=["base"], stop_stage=1),
    )
    toy.wait_ready()
    toy.popen.send_signal(number)
    assert toy.popen.wait(20) == 0
    assert toy.text("ends").split() == ["face", "tail", "base"]
    assert not any(is_alive(toy.pid(name)) for name in ("base", "face", "tail"))


def test_a_child_that_does_not_listen_is_killed_after_its_grace(toy):
    toy.start({"name": "deaf", "script": STUBBORN.format(name="deaf")})
    toy.wait_ready()
    toy.popen.send_signal(signal.SIGTERM)
    assert toy.popen.wait(20) == 0
    assert f"deaf   | did not end within {STOP_GRACE_S:g} s; killed" in toy.text("output")
    assert not is_alive(toy.pid("deaf"))


def test_the_graces_of_all_stages_fit_into_five_seconds():
    assert len(Stage) * STOP_GRACE_S < 5


def test_what_a_child_has_started_ends_with_it(toy):
    grandchild = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', "
        + repr(PATIENT.format(name="grandchild"))
        + "])\n"
        + PATIENT.format(name="child")
    )
    toy.start({"name": "child", "script": grandchild})
    toy.wait_ready()
    wait_until(lambda: toy.pid("grandchild"), "the grandchild")
    toy.popen.send_signal(signal.SIGTERM)
    assert toy.popen.wait(20) == 0
    wait_until(lambda: not is_alive(toy.pid("grandchild")), "the grandchild's end")


def test_children_die_with_a_supervisor_that_is_killed(toy):
    toy.start(patient("one"), {"name": "deaf", "script": STUBBORN.format(name="deaf")})
    toy.wait_ready()
    toy.popen.kill()
    toy.popen.wait()
    wait_until(lambda: not is_alive(toy.pid("one")) and not is_alive(toy.pid("deaf")), "the children's end")


def test_a_reader_that_does_not_read_stops_nobody(tmp_path):
    flood = PATIENT.format(name="flood").replace(
        "while True: time.sleep(60)", "while True: print('x' * 1000)"
    )
    rows = json.dumps([{"name": "flood", "script": flood}])
    popen = subprocess.Popen(
        [sys.executable, "-m", "tests.mexoms.toy_platform", rows, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until((tmp_path / "flood.pid").exists, "the flood")
        popen.send_signal(signal.SIGTERM)
        assert popen.wait(20) == 0
    finally:
        popen.kill()
        popen.wait()
        assert popen.stdout is not None
        popen.stdout.close()
