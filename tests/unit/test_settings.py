"""Settings are checked at start: a wrong one is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import InvalidSetting
from app.settings import load


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)


def test_nothing_needs_to_be_set() -> None:
    settings = load()
    assert settings.url() == "http://127.0.0.1:8000"
    assert settings.max_future.total_seconds() == 86_400
    assert settings.export_retention is None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("GATEWAY_DATABASE_URL", "mysql://db", "sqlite:///"),
        ("GATEWAY_DATABASE_URL", "postgres://db", "postgresql://user:password@host:5432/name"),
        ("GATEWAY_DATABASE_CONNECTIONS", "2", "greater than or equal to 3"),
        ("GATEWAY_DATABASE_STATEMENT_SECONDS", "0", "greater than 0"),
        ("GATEWAY_EXPORT_RETENTION_DAYS", "0", "greater than or equal to 1"),
        ("GATEWAY_PORT", "70000", "65535"),
        ("GATEWAY_PORT", "http", "integer"),
        ("GATEWAY_SECRET", "short", "at least 32 characters"),
        ("GATEWAY_PUBLIC_URL", "gateway.example.com", "http"),
        ("GATEWAY_TRUSTED_PROXIES", "10.0.0.0/8,proxy", "proxy is not an address"),
        ("GATEWAY_CORS_ORIGINS", "https://a.example/path", "not an origin"),
        ("GATEWAY_MAX_FUTURE_SECONDS", "-1", "greater than or equal to 0"),
        ("GATEWAY_LOG_LEVEL", "chatty", "debug, info"),
        ("GATEWAY_LOG_FORMAT", "xml", "'console' or 'json'"),
        ("GATEWAY_DATABSE_URL", "sqlite:///x.db", "is not a setting"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting) as refused:
        load()
    assert refused.value.field == name
    assert reason in refused.value.reason


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")
    monkeypatch.setenv("GATEWAY_CORS_ORIGINS", "https://a.example,http://localhost:3000")
    settings = load()
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")


def test_the_public_url_stands_before_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://usage.example.com/gw/")
    assert load().url() == "https://usage.example.com/gw"


def test_a_server_is_spoken_of_without_its_password() -> None:
    settings = load(database_url="postgresql://gateway:p@ss@db.example:5433/usage?sslmode=require")
    assert settings.database_name == "postgresql://db.example:5433/usage"
    assert settings.artifacts_path == Path(".gateway/artifacts")
