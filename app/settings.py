"""What an operator can set: every setting is `GATEWAY_<NAME>` in the environment, validated before anything starts."""

from __future__ import annotations

import ipaddress
import os
import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.domain.errors import InvalidSetting

PREFIX = "GATEWAY_"
_FOR_TESTS = "GATEWAY_TEST_"
_SHORTEST_SECRET = 32


class LogFormat(StrEnum):
    """How log lines are written."""

    CONSOLE = "console"
    JSON = "json"


class Settings(BaseSettings):
    """The operator's settings. Descriptions are what the README lists."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    database_url: str = Field(
        "sqlite:///.gateway/gateway.db",
        description="Where the ledger lives: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user@host/name`.",
    )
    database_connections: int = Field(
        10, ge=3, description="Connections to PostgreSQL that one process takes at most; a third of them are for writing."
    )
    database_statement_seconds: float = Field(
        60.0, gt=0, le=86_400, description="How long PostgreSQL may work on one statement, in seconds; then it is given up."
    )
    artifacts: Path | None = Field(
        None, description="Folder of the exports' files. Default: `artifacts` beside the embedded database, or in `.gateway`."
    )
    rejects_retention_days: int = Field(
        90,
        ge=0,
        le=36_500,
        description="Days after which what was sent and not recorded is forgotten, payload and reason; 0 keeps it for ever.",
    )
    export_retention_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        description="Days after which the file of an export is deleted; its record and digests stay. Default: files are kept.",
    )
    secret: str | None = Field(
        None,
        description=(
            "Signs links and sessions and seals signing keys, at least 32 characters. Default: a secret for each account, made"
            " when first needed and kept in the database."
        ),
    )
    checkpoint_seconds: float = Field(
        3_600.0,
        ge=0,
        description="How often the ledgers that have grown are signed as they end, in seconds; 0 for never.",
    )
    checkpoint_file: Path | None = Field(None, description="A file that each of these checkpoints is appended to.")
    checkpoint_webhook: str | None = Field(None, description="An http or https URL that each of them is posted to, as JSON.")
    checkpoint_print: bool = Field(False, description="Whether each of them is printed in the log.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(None, description="The URL that callers see, behind a proxy too. Default: `http://host:port`.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses or networks, comma-separated, whose `X-Forwarded-For` is believed."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins, comma-separated, whose pages may call the API from a browser; `*` for any."
    )
    max_future_seconds: int = Field(
        86_400, ge=0, description="How far ahead of the clock an event may be dated, in seconds; later ones are refused."
    )
    graphql_price: int = Field(10_000, ge=1, description="Points that one GraphQL operation may cost.")
    graphql_points: int = Field(
        60_000_000, ge=0, description="Points that one key may spend on GraphQL in a minute, in each process; 0 for no bound."
    )
    rest_calls: int = Field(
        0, ge=0, description="Calls of REST that one key may make in a minute, in each process; 0 for no bound."
    )
    introspection: bool = Field(True, description="Whether GraphQL tells its schema to those who ask.")
    suggestions: bool = Field(True, description="Whether GraphQL's errors say which name may have been meant.")
    trusted_documents: Path | None = Field(
        None,
        description="A JSON file of GraphQL documents by id (Relay's, or an Apollo manifest) that callers may ask for by id.",
    )
    trusted_documents_only: bool = Field(False, description="Whether GraphQL takes the documents in that file and no others.")
    log_level: str = Field("info", description="Least level that is logged: debug, info, warning or error.")
    log_format: LogFormat = Field(LogFormat.CONSOLE, description="`console` for people, `json` for machines.")

    @field_validator("trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                ipaddress.ip_network(each, strict=False)
            except ValueError:
                raise ValueError(f"{each} is not an address or a network such as 10.0.0.0/8") from None
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each != "*" and not re.fullmatch(r"https?://[^/\s?#]+", each):
                raise ValueError(f"{each} is not an origin such as https://app.example.com")
        return value

    @field_validator("checkpoint_webhook")
    @classmethod
    def _hook(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/\s?#]+[^\s#]*", value):
            raise ValueError("must be an http or https URL")
        return value

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/\s?#]+(?:/[^\s?#]*)?", value):
            raise ValueError("must be an http or https URL without query")
        return value.rstrip("/") if value else None

    @field_validator("database_url")
    @classmethod
    def _engine(cls, value: str) -> str:
        if not re.fullmatch(r"sqlite:///[^?#]+|postgresql://[^\s]+", value):
            raise ValueError("must look like sqlite:///path/to/gateway.db or postgresql://user:password@host:5432/name")
        return value

    @field_validator("secret")
    @classmethod
    def _long(cls, value: str | None) -> str | None:
        if value is not None and len(value) < _SHORTEST_SECRET:
            raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.lower() not in ("debug", "info", "warning", "error"):
            raise ValueError("must be debug, info, warning or error")
        return value.lower()

    @property
    def embedded(self) -> bool:
        """Whether the database is a file of this machine's, and not a server."""
        return self.database_url.startswith("sqlite:")

    @property
    def database_path(self) -> Path:
        """The file of the embedded database."""
        assert self.embedded
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def database_name(self) -> str:
        """How the database is spoken of: its file, or its URL without user, password and options."""
        if self.embedded:
            return str(self.database_path)
        place = self.database_url.removeprefix("postgresql://").partition("?")[0]
        return f"postgresql://{place.rpartition('@')[2]}"

    @property
    def home(self) -> Path:
        """The folder of what is kept beside the database: that of the embedded one, `.gateway` with a server."""
        return self.database_path.parent if self.embedded else Path(".gateway")

    @property
    def artifacts_path(self) -> Path:
        """The folder of the exports' files."""
        return self.artifacts if self.artifacts is not None else self.home / "artifacts"

    @property
    def max_future(self) -> timedelta:
        """How far ahead of the clock an event may be dated."""
        return timedelta(seconds=self.max_future_seconds)

    @property
    def rejects_retention(self) -> timedelta | None:
        """How long rejects are kept; None for ever."""
        return timedelta(days=self.rejects_retention_days) if self.rejects_retention_days else None

    @property
    def export_retention(self) -> timedelta | None:
        """How long files of exports are kept; None for ever."""
        return None if self.export_retention_days is None else timedelta(days=self.export_retention_days)

    def url(self) -> str:
        """The URL that callers see."""
        if self.public_url is not None:
            return self.public_url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def load(**overrides: Any) -> Settings:
    """The settings from the environment, `overrides` first. Raises InvalidSetting naming the variable and the reason."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith(PREFIX) and not name.startswith(_FOR_TESTS) and name not in known:
            raise InvalidSetting(name, f"is not a setting; the settings are {', '.join(sorted(known))}")
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else PREFIX
        raise InvalidSetting(name, first["msg"].removeprefix("Value error, ")) from None
