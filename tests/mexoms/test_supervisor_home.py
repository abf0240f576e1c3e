from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mexoms.supervisor.home_lock import HomeBusy, lock_home
from mexoms.supervisor.ports import PortTaken, check_port
from mexoms.supervisor.preparation import migrations_digest, read_note, write_note
from mexoms.supervisor.run_directory import (
    LONGEST_SOCKET_NAME,
    SOCKET_PATH_BYTES_MAX,
    UnsafeDirectory,
    process_of,
    remove_sockets,
    socket_directory,
)
from mexoms.supervisor.runtime_file import load_runtime, save_runtime

ROOT = Path(__file__).resolve().parents[2]


def test_a_second_platform_on_the_same_home_is_refused_with_the_holders_number(tmp_path):
    held = lock_home(tmp_path)
    with pytest.raises(HomeBusy, match=f"process {os.getpid()}"):
        lock_home(tmp_path)
    held.close()
    lock_home(tmp_path).close()


def test_a_lock_dies_with_its_holder(tmp_path):
    script = (
        "import sys, os; from pathlib import Path; from mexoms.supervisor.home_lock import lock_home; "
        "held = lock_home(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path], cwd=ROOT).returncode == -9
    lock_home(tmp_path).close()


def test_clean_refuses_a_home_that_runs(tmp_path):
    held = lock_home(tmp_path)
    command = [sys.executable, ROOT / "mexoms" / "supervisor" / "home_lock.py", tmp_path]
    assert subprocess.run(command, capture_output=True).returncode != 0
    held.close()
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_a_taken_port_names_the_variable_that_moves_it():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} .* set MEXOMS_PORT to a free one"):
            check_port(port, "MEXOMS_PORT")
    check_port(port, "MEXOMS_PORT")


def test_sockets_stand_in_the_home_where_its_path_allows():
    home = Path("/tmp") / f"mx{os.getpid()}"
    try:
        directory = socket_directory(home)
        assert directory == home / "run"
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    finally:
        (home / "run").rmdir()
        home.rmdir()


@pytest.mark.parametrize("name", ["x" * 120, "a path with spaces", "per%20cent", "quote'd"])
def test_a_path_too_long_or_odd_for_a_socket_gets_a_private_short_one(tmp_path, name):
    home = tmp_path / name
    directory = socket_directory(home)
    try:
        assert home not in directory.parents
        assert len(os.fsencode(directory / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert socket_directory(home) == directory
        assert socket_directory(tmp_path / (name + "2")) != directory
    finally:
        remove_sockets(directory)
        remove_sockets(socket_directory(tmp_path / (name + "2")))
    assert not directory.exists()


def test_a_socket_directory_that_somebody_laid_out_for_us_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    home = tmp_path / ("x" * 120)
    directory = socket_directory(home)
    directory.rmdir()
    (tmp_path / "elsewhere").mkdir()
    directory.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeDirectory):
        socket_directory(home)


def test_secrets_are_made_once_and_readable_by_their_owner_alone(tmp_path):
    first = save_runtime(tmp_path, load_runtime(tmp_path), redis_url="unix:///x")
    again = load_runtime(tmp_path)
    assert again == first
    assert len({first.secret_key, first.owner_password, first.app_password}) == 3
    assert stat.S_IMODE((tmp_path / "runtime.json").stat().st_mode) == 0o600


def test_a_shell_beside_the_platform_reads_the_runtime_file(tmp_path):
    save_runtime(tmp_path, load_runtime(tmp_path), redis_url="unix:///x", database_url="postgresql://y")
    script = "from mexoms.environment import environment as e; print(e().redis_url, e().database_url)"
    environment = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**environment, "MEXOMS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["unix:///x", "postgresql://y"], done.stderr


def test_a_pid_file_of_the_dead_names_nobody(tmp_path):
    pid_file = tmp_path / "postmaster.pid"
    assert process_of(pid_file) is None
    pid_file.write_text(f"{os.getpid()}\n/data\n")
    assert process_of(pid_file) == os.getpid()
    with subprocess.Popen(["/bin/true"]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        pid_file.write_text(f"{zombie.pid}\n")
        assert process_of(pid_file) is None


def test_the_schemas_digest_follows_every_migration(tmp_path):
    (tmp_path / "requirements.lock").write_text("django==5")
    (tmp_path / "accounts" / "migrations").mkdir(parents=True)
    (tmp_path / "accounts" / "row_security.py").touch()
    first = migrations_digest(tmp_path)
    (tmp_path / "accounts" / "migrations" / "0001_initial.py").write_text("a")
    second = migrations_digest(tmp_path)
    (tmp_path / "requirements.lock").write_text("django==6")
    assert len({first, second, migrations_digest(tmp_path)}) == 3


def test_notes_keep_each_other(tmp_path):
    write_note(tmp_path, "one", "1")
    write_note(tmp_path, "two", "2")
    assert json.loads((tmp_path / "prepared.json").read_text()) == {"one": "1", "two": "2"}
    assert read_note(tmp_path, "three") == ""
