from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Stands where the environment's Python would, and tells how it was called.
RECORDER = '#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done >> calls\n'


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose path has spaces, with a Python that only records."""
    folder = tmp_path / "a checkout with spaces"
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for recorder in (folder / ".venv" / "bin" / "python", folder / "python"):
        recorder.write_text(RECORDER)
        recorder.chmod(0o755)
    return folder


def make(folder: Path, *arguments: str) -> list[str]:
    """Return the words that Python was called with, bootstrap first."""
    command = ["make", "-s", *arguments, "PYTHON=./python"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "calls").read_text().splitlines()


def test_run_brings_the_environment_up_to_date_and_starts_the_platform(checkout):
    assert make(checkout, "run") == ["mexoms/bootstrap.py", "-m", "mexoms.supervisor"]


def test_run_hands_on_the_desks_size_and_a_recording_with_spaces_in_its_path(checkout):
    words = make(checkout, "run", "ACCOUNTS=200", "REPLAY=a recording/spot")
    assert words[1:] == ["-m", "mexoms.supervisor", "--accounts", "200", "--replay", "a recording/spot"]


@pytest.mark.parametrize("target", ["test", "lint", "bench"])
def test_what_checks_the_project_brings_the_tools_for_it(checkout, target):
    assert make(checkout, target)[:2] == ["mexoms/bootstrap.py", "--dev"]


def test_bench_measures_only_what_is_asked_for(checkout):
    assert make(checkout, "bench", "ONLY=gate_accept,memory")[2:] == [
        "-m",
        "benchmarks",
        "gate_accept,memory",
    ]


def test_clean_asks_whether_a_platform_runs_before_it_deletes(checkout):
    (checkout / "var").mkdir()
    (checkout / "python").write_text("#!/bin/sh\nexit 1\n")
    refused = subprocess.run(["make", "-s", "clean", "PYTHON=./python"], cwd=checkout, capture_output=True)
    assert refused.returncode != 0
    assert (checkout / "var").exists()
