"""Everything that differs between environments, read once, typed, in one place.

Values come from the process environment; what the supervisor decided at start
(sockets of the embedded services, generated secrets) stands in
`$MEXOMS_HOME/runtime.json`, so that `manage.py shell` beside a running platform
finds the same database. The environment wins.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class RuntimeFile(PydanticBaseSettingsSource):
    """Reads what the supervisor left in `runtime.json`; silent where there is none."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: the file is read whole in `__call__`."""
        raise AssertionError("unreachable: RuntimeFile answers as a whole")

    def __call__(self) -> dict[str, Any]:
        """Return the file's values under the names of the variables that they stand for."""
        path = home() / "runtime.json"
        if not path.exists():
            return {}
        values: dict[str, Any] = json.loads(path.read_text())
        fields = self.settings_cls.model_fields
        return {str(fields[name].validation_alias): value for name, value in values.items() if name in fields}


class Environment(BaseSettings):
    """The typed settings of one process. See README for the variables that people set."""

    model_config = SettingsConfigDict(extra="ignore")

    debug: bool = Field(default=False, validation_alias="MEXOMS_DEBUG")
    live: bool = Field(default=False, validation_alias="MEXOMS_LIVE")
    #: Which environment of `configs/venues.yaml` engines trade on.
    venue: str = Field(default="simulator", validation_alias="MEXOMS_VENUE")
    port: int = Field(default=8000, validation_alias="MEXOMS_PORT")
    simulator_port: int = Field(default=9000, validation_alias="MEXOMS_SIM_PORT")
    allowed_hosts: str = Field(default="127.0.0.1,localhost", validation_alias="MEXOMS_ALLOWED_HOSTS")
    database_url: str = Field(default="", validation_alias="DATABASE_URL")
    database_owner_url: str = Field(default="", validation_alias="DATABASE_OWNER_URL")
    redis_url: str = Field(default="", validation_alias="REDIS_URL")
    secret_key: SecretStr = Field(default=SecretStr(""), validation_alias="MEXOMS_SECRET_KEY")
    key_ring: Path | None = Field(default=None, validation_alias="MEXOMS_KEY_RING")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the supervisor's file."""
        return init_settings, env_settings, RuntimeFile(settings_cls)


def home() -> Path:
    """Return the data directory: `$MEXOMS_HOME`, else `var/` in the checkout."""
    return Path(os.environ.get("MEXOMS_HOME") or ROOT / "var").resolve()


@cache
def environment() -> Environment:
    """Return this process's settings, read at the first call."""
    return Environment()
