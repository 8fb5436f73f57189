"""Secrets from files, and simulated exchanges that stand in for venues without a key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.settings import Settings, get_settings


def secret(setting: Any) -> str:
    return str(setting.get_secret_value())


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("key").write_text("  from-a-file\n")
    monkeypatch.setenv("POLYGON_API_KEY_FILE", "key")
    monkeypatch.setenv("HADRON_REDIS_URL_FILE", "key")
    monkeypatch.setenv("KALSHI_API_KEY_2_FILE", "key")
    monkeypatch.setenv("KALSHI_PRIVATE_KEY_2_PATH", "2.pem")
    settings = get_settings()
    assert secret(settings.polygon_api_key) == "from-a-file"
    assert secret(settings.redis_url) == "from-a-file"
    assert settings.kalshi_keys()[0].key_id == "from-a-file"
    monkeypatch.setenv("POLYGON_API_KEY", "from-the-environment")
    assert secret(Settings().polygon_api_key) == "from-the-environment"


def test_only_secrets_are_read_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("level").write_text("debug")
    monkeypatch.setenv("HADRON_LOG_LEVEL_FILE", "level")
    assert Settings().log_level == "info"


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADRON_REDIS_PASSWORD_FILE", "/no/such/file")
    with pytest.raises(ConfigurationError, match="HADRON_REDIS_PASSWORD_FILE"):
        get_settings()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("redis://redis:6379/0", "redis://:p%40ss%2Fword@redis:6379/0"),
        ("rediss://hadron@redis:6379/1", "rediss://hadron:p%40ss%2Fword@redis:6379/1"),
        ("redis://:own@redis:6379/0", "redis://:own@redis:6379/0"),
    ],
)
def test_a_password_is_put_into_the_address_that_has_none(
    monkeypatch: pytest.MonkeyPatch, address: str, expected: str
) -> None:
    monkeypatch.setenv("HADRON_REDIS_URL", address)
    monkeypatch.setenv("HADRON_REDIS_PASSWORD", "p@ss/word")
    settings = Settings()
    assert secret(settings.redis_url) == expected
    assert "ss/word" not in repr(settings)


def test_a_database_address_over_a_socket_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADRON_DATABASE_PASSWORD", "secret")
    monkeypatch.setenv("HADRON_DATABASE_URL", "postgresql://hadron@db:5432/hadron?sslmode=require")
    expected = "postgresql://hadron:secret@db:5432/hadron?sslmode=require"
    assert secret(Settings().database_url) == expected
    monkeypatch.setenv("HADRON_DATABASE_URL", "postgresql://postgres@/hadron?host=/run/pg")
    assert secret(Settings().database_url) == "postgresql://postgres@/hadron?host=/run/pg"


def write_simulator(**changes: Any) -> None:
    Path("simulator.json").write_text(
        json.dumps(
            {
                "kalshi_ws_url": "ws://simulator:1/ws",
                "kalshi_rest_url": "http://simulator:3/trade-api/v2",
                "kalshi_keys": [{"slot": 1, "key_id": "sim", "private_key_path": "/s/1.pem"}],
                "kalshi_series": ["KXFED"],
                "polygon_ws_url": "ws://simulator:2",
                "polygon_rest_url": "http://simulator:3",
                "polygon_api_key": "simulated",
                "polygon_requests_per_minute": 300,
                "seed": 1,
            }
            | changes
        )
    )


def test_simulated_exchanges_stand_in_for_venues_without_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HADRON_SIMULATOR_FILE", "simulator.json")
    monkeypatch.setenv("KALSHI_ENV", "production")
    assert get_settings().kalshi_keys() == ()  # no simulator runs
    get_settings.cache_clear()
    write_simulator()
    settings = get_settings()
    assert settings.kalshi_ws_address == "ws://simulator:1/ws"
    assert settings.kalshi_rest_address == "http://simulator:3/trade-api/v2"
    assert settings.kalshi_books == ["KXFED"]
    assert [key.private_key_path for key in settings.kalshi_keys()] == [Path("/s/1.pem")]
    assert secret(settings.polygon_api_key) == "simulated"
    assert settings.polygon_ws_url == "ws://simulator:2"
    assert settings.polygon_requests_per_minute == 300


def test_a_venue_with_a_key_is_not_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    write_simulator()
    monkeypatch.setenv("HADRON_SIMULATOR_FILE", "simulator.json")
    monkeypatch.setenv("KALSHI_API_KEY_3", "mine")
    monkeypatch.setenv("KALSHI_PRIVATE_KEY_3_PATH", "3.pem")
    settings = get_settings()
    assert [key.key_id for key in settings.kalshi_keys()] == ["mine"]
    assert settings.kalshi_ws_address.startswith("wss://external-api-ws.kalshi.com")
    assert settings.polygon_ws_url == "ws://simulator:2"
    monkeypatch.setenv("POLYGON_API_KEY", "mine")
    get_settings.cache_clear()
    assert get_settings().polygon_ws_url == "wss://socket.massive.com"


def test_a_file_that_no_simulator_wrote_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("simulator.json").write_text("{}")
    monkeypatch.setenv("HADRON_SIMULATOR_FILE", "simulator.json")
    with pytest.raises(ConfigurationError, match="HADRON_SIMULATOR_FILE"):
        get_settings()
