"""Bringing a database to the current schema, with Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from alembic import command
from hadron_tasks.errors import ConfigurationError
from hadron_tasks.store.session import sqlalchemy_url

_LOCK_ID = 7_241_001
"""Advisory lock that lets one of several starting processes migrate while the rest wait."""


def upgrade(database_url: str) -> str:
    """Migrate to the newest schema; safe to run from several processes at once.

    Returns:
        The revision the database is at afterwards.
    """
    config = _config()
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": _LOCK_ID})
        connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            return MigrationContext.configure(connection).get_current_revision() or ""
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": _LOCK_ID})
            connection.commit()


def newest_revision() -> str:
    """The revision that this version of Hadron wants."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config() -> Config:
    ini = Path(__file__).resolve().parents[2] / "alembic.ini"
    if not ini.exists():
        raise ConfigurationError(
            f"The migrations are not at {ini.parent}. Run Hadron from its checkout "
            "(pip install -e .) or its container image."
        )
    return Config(str(ini))
