"""Alembic's entry: migrates the database that HADRON_DATABASE_URL names."""

from __future__ import annotations

from sqlalchemy import Connection, create_engine

from alembic import context
from hadron_tasks.settings import get_settings
from hadron_tasks.store.models import Base
from hadron_tasks.store.session import sqlalchemy_url


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        include_name=_is_ours,
    )
    with context.begin_transaction():
        context.run_migrations()


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Partitions are made by the maintenance task, not by migrations."""
    return not (kind == "table" and name is not None and name.startswith("ticks_"))


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    engine = create_engine(sqlalchemy_url(get_settings().database_url.get_secret_value()))
    with engine.connect() as connection:
        _run(connection)
