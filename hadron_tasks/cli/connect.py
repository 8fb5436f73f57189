"""How commands reach Redis and PostgreSQL: the settings, else a fleet that runs here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.errors import ConfigurationError, HadronError
from hadron_tasks.settings import Settings, get_settings
from hadron_tasks.store.session import engine_for, raw_connection

if TYPE_CHECKING:
    from celery import Celery

_ADDRESSES = "fleet.json"


def announce_fleet(data_dir: Path, redis_url: str, database_url: str) -> None:
    """Leave the addresses of a local fleet where commands in the same directory find them."""
    path = data_dir / _ADDRESSES
    path.touch(mode=0o600)
    path.write_text(json.dumps({"redis_url": redis_url, "database_url": database_url}))


def withdraw_fleet(data_dir: Path) -> None:
    """Take the addresses away: the fleet has stopped."""
    (data_dir / _ADDRESSES).unlink(missing_ok=True)


def redis_url(settings: Settings | None = None) -> str:
    """The Redis to use: HADRON_REDIS_URL, else that of the fleet running in the data directory."""
    settings = settings or get_settings()
    return _address(settings, "redis_url", settings.redis_url.get_secret_value())


def database_url(settings: Settings | None = None) -> str:
    """The database to use: HADRON_DATABASE_URL, else that of the fleet running here."""
    settings = settings or get_settings()
    return _address(settings, "database_url", settings.database_url.get_secret_value())


@contextmanager
def redis_client() -> Iterator[redis.Redis]:
    """A Redis client that answered.

    Raises:
        HadronError: It cannot be reached; says what to do.
    """
    with redis.Redis.from_url(redis_url(), socket_timeout=5, socket_connect_timeout=3) as client:
        try:
            client.ping()
        except redis.RedisError as error:
            raise HadronError(
                f"Redis cannot be reached ({error}). Start a fleet with 'hadron up', "
                "or set HADRON_REDIS_URL to the address of yours."
            ) from None
        yield client


@contextmanager
def database() -> Iterator[PgConnection]:
    """A database connection whose schema is there.

    Raises:
        HadronError: It cannot be reached or has no schema; says what to do.
    """
    with raw_connection(engine_for(database_url())) as connection:
        try:
            yield connection
        except psycopg2.errors.UndefinedTable:
            raise ConfigurationError(
                "The database has no Hadron schema, or an old one. Run: hadron db upgrade"
            ) from None


def celery_app() -> Celery:
    """The application, which sends to the Redis that commands use.

    It takes its addresses from the settings when it is imported, so what is found of a fleet that
    runs here is made a setting first. Import modules of tasks only behind this.

    Raises:
        HadronError: Redis cannot be reached; says what to do.
    """
    with redis_client():
        pass
    os.environ.setdefault("HADRON_REDIS_URL", redis_url())
    os.environ.setdefault("HADRON_DATABASE_URL", database_url())
    get_settings.cache_clear()
    from hadron_tasks.app import app

    return app


def _address(settings: Settings, name: str, default: str) -> str:
    if name in settings.model_fields_set:
        return default
    try:
        document = json.loads((settings.data_dir / _ADDRESSES).read_text())
        return str(document[name])
    except (OSError, ValueError, KeyError):
        return default
