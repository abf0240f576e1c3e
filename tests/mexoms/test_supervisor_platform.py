"""The supervisor with the real processes: what an operator meets at start and at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mexoms.supervisor.run_directory import socket_directory
from tests.mexoms.process_table import is_alive, processes_naming, wait_until
from tests.platform import Platform, new_home

pytestmark = [pytest.mark.platform, pytest.mark.xdist_group("platform")]


@pytest.fixture
def own():
    """A platform that the test may break."""
    started = Platform(new_home())
    yield started
    started.remove()


def sockets_below(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_socket()]


def test_ctrl_c_ends_everything_politely_and_leaves_nothing(own):
    # The machine may be busy with other tests, and this one is about manners, not speed.
    own.environment["MEXOMS_STOP_GRACE_S"] = "20"
    own.start()
    own.wait_ready()
    family = [
        own.pid(name) for name in ("postgres", "valkey", "simulator", "engine", "web", "worker", "beat")
    ]
    assert all(is_alive(pid) for pid in family)
    assert own.stop(signal.SIGINT) == 0
    # Nobody had to be killed; that all graces together keep the five seconds is another test's.
    assert "did not end within" not in own.output()
    assert not any(is_alive(pid) for pid in family)
    assert processes_naming(str(own.home)) == []
    assert sockets_below(own.home) == []


def test_a_supervisor_that_is_killed_leaves_nothing_and_the_next_start_finds_the_desk(own):
    own.start()
    own.wait_ready()
    tenant = own.demo["tenant"]
    assert own.popen is not None
    own.popen.kill()
    own.popen.wait()
    wait_until(lambda: processes_naming(str(own.home)) == [], "the end of all processes")
    own.start()
    own.wait_ready()
    assert own.demo["tenant"] == tenant
    assert own.api("/api/v1/accounts/")[0] == 200


def test_a_second_platform_on_the_same_home_says_so_and_ends(platform):
    second = Platform(platform.home)
    second.start()
    assert second.popen is not None
    assert second.popen.wait(20) == 1
    assert f"a platform already runs on {platform.home}" in second.output()


@pytest.mark.parametrize("variable", ["MEXOMS_PORT", "MEXOMS_SIM_PORT"])
def test_a_taken_port_is_named_with_its_variable(own, variable):
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(own.environment[variable])))
        other.listen()
        own.start()
        assert own.popen is not None
        assert own.popen.wait(20) == 1
    assert f"set {variable} to a free one" in own.output()


def test_what_is_secret_is_readable_by_its_owner_alone(platform):
    for name in ("runtime.json", "demo.json"):
        assert (platform.home / name).stat().st_mode & 0o777 == 0o600


def test_the_app_cannot_bypass_row_level_security(platform):
    import json

    import psycopg

    runtime = json.loads((platform.home / "runtime.json").read_text())
    with psycopg.connect(runtime["database_url"]) as connection:
        row = connection.execute(
            "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == (False,)
        assert connection.execute("SELECT count(*) FROM accounts_exchangeaccount").fetchone() == (0,)


def test_no_process_of_the_application_knows_the_owners_address(platform):
    for name in ("engine", "web", "projector", "worker", "beat"):
        environment = Path(f"/proc/{platform.pid(name)}/environ").read_bytes()
        assert b"mexoms_owner" not in environment
        assert b"MEXOMS_ADMIN_URL" not in environment


def test_a_home_whose_path_is_too_long_for_sockets_works(tmp_path):
    long = Platform(tmp_path / ("a rather long name " * 6).strip())
    long.home.mkdir()
    try:
        long.start()
        long.wait_ready()
        outside = socket_directory(long.home)
        assert long.api("/api/v1/accounts/")[0] == 200
        assert long.stop() == 0
        assert not outside.exists()
    finally:
        long.remove()


def python_for(prefix: tuple[str, ...]) -> str:
    """Return a Python of this version that the user behind the prefix may run, empty when there is none."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for candidate in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        # Started by a shell of that user: root's own start would reach into closed folders.
        shell = (*prefix, "/bin/sh", "-c", f"exec '{candidate}' -c 'import ssl'")
        if subprocess.run(shell, capture_output=True).returncode == 0:
            return candidate
    return ""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_can_run_it(own):
    nobody = pwd.getpwnam("nobody")
    setpriv = shutil.which("setpriv") or ""
    prefix = (setpriv, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    python = python_for(prefix)
    if not python:
        pytest.skip("every Python of this version lies where an ordinary user may not go")
    os.chown(own.home, nobody.pw_uid, nobody.pw_gid)
    own.environment |= {"HOME": str(own.home), "PYTHONPATH": sysconfig.get_paths()["purelib"]}
    own.start(command=(*prefix, python, "-m", "mexoms.supervisor"))
    own.wait_ready()
    owners = {
        Path(f"/proc/{own.pid(name)}").stat().st_uid for name in ("postgres", "valkey", "engine", "web")
    }
    assert owners == {nobody.pw_uid}
    assert own.api("/api/v1/accounts/")[0] == 200
