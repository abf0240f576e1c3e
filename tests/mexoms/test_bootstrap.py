from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mexoms import bootstrap


@pytest.fixture
def told():
    """Run check_machine and return the line that it ends with."""

    def run() -> str:
        with pytest.raises(SystemExit) as ended:
            bootstrap.check_machine()
        return str(ended.value)

    return run


def test_a_machine_with_everything_passes():
    bootstrap.check_machine()


def test_an_old_python_is_named_with_the_packages_that_mend_it(monkeypatch, told):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    line = told()
    assert "Python 3.11 or newer is needed" in line
    assert "apt-get install python3.11 python3.11-venv python3.11-dev" in line
    assert "\n" not in line


def test_a_python_without_venv_is_named_with_its_package(monkeypatch, told):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert "apt-get install python3-venv" in told()


def test_missing_headers_are_named_with_their_package(monkeypatch, told, tmp_path):
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    assert told() == "mexoms: the Python headers are missing. On Debian: apt-get install python3-dev"


def test_a_missing_compiler_is_named_with_its_package(monkeypatch, told, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert told() == "mexoms: a C compiler is missing. On Debian: apt-get install build-essential"


def test_the_digest_follows_contents_and_names(monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    one, other = tmp_path / "one.pyx", tmp_path / "other.pyx"
    one.write_text("a")
    first = bootstrap.digest([one])
    one.write_text("b")
    second = bootstrap.digest([one])
    one.rename(other)
    assert len({first, second, bootstrap.digest([other])}) == 3


def test_an_environment_in_step_with_its_lock_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    lock, venv = tmp_path / "requirements.lock", tmp_path / "venv"
    lock.write_text("x==1")
    venv.mkdir()
    (venv / ".lock-digest").write_text(bootstrap.digest([lock]))
    bootstrap.ensure_environment(venv, lock)  # would run pip, which is not there, and end
    lock.write_text("x==2")
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to("/bin/false")
    with pytest.raises(SystemExit, match="this step failed"):
        bootstrap.ensure_environment(venv, lock)


def test_a_step_that_fails_ends_with_its_command_and_no_traceback():
    with pytest.raises(SystemExit, match=r"^mexoms: this step failed: .*false"):
        bootstrap.run("/bin/false")


def test_bootstrap_needs_nothing_but_the_standard_library():
    # -S leaves site-packages out, -I the environment and the working directory.
    script = Path(bootstrap.__file__)
    done = subprocess.run([sys.executable, "-I", "-S", script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
