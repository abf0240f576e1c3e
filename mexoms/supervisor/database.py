"""Step of the start: the database and its two roles, neither of which sees past row-level security."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from mexoms.supervisor.postgres import prepare_database
from mexoms.supervisor.runtime_file import load_runtime, save_runtime

DATABASE_NAME = "mexoms"
# Databases that belong to the server itself: a URL that ends in one names none of ours.
SERVER_DATABASES = {"", "postgres", "template0", "template1"}


def main() -> None:
    """Prepare the database that the administrator's URL leads to, and note the addresses in the home."""
    admin_url, home = os.environ["MEXOMS_ADMIN_URL"], Path(os.environ["MEXOMS_HOME"])
    named = urlsplit(admin_url).path.lstrip("/")
    runtime = load_runtime(home)
    owner_url, app_url = prepare_database(
        admin_url,
        database=DATABASE_NAME if named in SERVER_DATABASES else named,
        owner_password=runtime.owner_password,
        app_password=runtime.app_password,
    )
    refuse_bypassing_role(app_url)
    save_runtime(home, runtime, database_owner_url=owner_url, database_url=app_url)


def refuse_bypassing_role(app_url: str) -> None:
    """End the start unless row-level security binds the role that the application will use."""
    import psycopg

    with psycopg.connect(app_url) as connection:
        row = connection.execute(
            "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    if row is None or row[1]:
        sys.exit(
            f"the role {row[0] if row else '?'} bypasses row-level security, so tenants would see "
            "each other: give DATABASE_URL of a role that may create roles, or of one without BYPASSRLS"
        )


if __name__ == "__main__":
    main()
