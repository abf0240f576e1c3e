"""The embedded server and the roles, on a server of the tests' own."""

from __future__ import annotations

import shutil
import subprocess

import psycopg
import pytest

from mexoms.supervisor.database import refuse_bypassing_role
from mexoms.supervisor.postgres import EmbeddedPostgres, at_database, prepare_database
from tests.mexoms.process_table import wait_until
from tests.platform import new_home

OWNER_PASSWORD, APP_PASSWORD = "owner's/first", "app's:first"


@pytest.fixture(scope="module")
def server():
    home = new_home()
    (home / "run").mkdir(mode=0o700)
    postgres = EmbeddedPostgres(home / "postgres", home / "run")
    postgres.initialise()
    running = subprocess.Popen(postgres.command(), stderr=subprocess.DEVNULL)
    try:
        wait_until(postgres.ready, "PostgreSQL")
        yield postgres
    finally:
        running.terminate()
        running.wait()
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def urls(server):
    return prepare(server.admin_url)


def prepare(admin_url: str) -> tuple[str, str]:
    return prepare_database(
        admin_url, database="desk", owner_password=OWNER_PASSWORD, app_password=APP_PASSWORD
    )


def test_a_finished_data_directory_is_left_alone_and_a_torn_one_made_anew(tmp_path):
    postgres = EmbeddedPostgres(tmp_path / "data", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "half").touch()
    postgres.initialise()
    version = tmp_path / "data" / "PG_VERSION"
    assert version.exists()
    assert not (tmp_path / "data" / "half").exists()
    made = version.stat().st_ino
    postgres.initialise()
    assert version.stat().st_ino == made
    assert postgres.ready() is False


def test_the_server_listens_on_no_port_and_syncs_what_it_commits(server):
    with psycopg.connect(server.admin_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_a_password_is_needed_also_on_the_socket(server):
    wrong = server.admin_url.replace("postgres:", "postgres:not", 1)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


@pytest.mark.parametrize("which", [0, 1])
def test_neither_role_sees_past_row_level_security_or_makes_roles(urls, which):
    with psycopg.connect(urls[which]) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False,) * 5
    refuse_bypassing_role(urls[which])


def test_the_application_uses_what_the_owner_makes_and_makes_nothing_itself(urls):
    owner_url, app_url = urls
    with psycopg.connect(owner_url) as owner:
        owner.execute("CREATE TABLE thing (id serial PRIMARY KEY, name text)")
    with psycopg.connect(app_url) as app:
        app.execute("INSERT INTO thing (name) VALUES ('x')")
        assert app.execute("SELECT name FROM thing").fetchall() == [("x",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("DROP TABLE thing")
    with psycopg.connect(app_url) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("CREATE TABLE other (id int)")


def test_preparing_again_keeps_the_data_and_takes_the_new_passwords(server, urls):
    with psycopg.connect(urls[0]) as owner:
        owner.execute("CREATE TABLE kept (id int)")
    again = prepare_database(server.admin_url, database="desk", owner_password="n", app_password="m")
    with psycopg.connect(again[1]) as app:
        assert app.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(urls[1])
    assert prepare(server.admin_url) == urls


def test_a_given_role_that_bypasses_row_level_security_is_refused(server, urls):
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE sneaky LOGIN BYPASSRLS PASSWORD 'x'")
    given = at_database(server.admin_url, "desk")
    given = given.replace(given[len("postgresql://") : given.index("@")], "sneaky:x")
    assert prepare(given) == (given, given)
    with pytest.raises(SystemExit, match="sneaky bypasses row-level security"):
        refuse_bypassing_role(given)


def test_a_superuser_is_refused_as_the_applications_role(server):
    with pytest.raises(SystemExit, match="bypasses row-level security"):
        refuse_bypassing_role(server.admin_url)
