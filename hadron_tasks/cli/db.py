"""``hadron db``: the database schema."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from hadron_tasks.cli.connect import database_url
from hadron_tasks.store.migrations import upgrade
from hadron_tasks.store.partitions import ensure_partitions_ahead
from hadron_tasks.store.session import engine_for, raw_connection


@click.group()
def db() -> None:
    """Make and migrate the database."""


@db.command("upgrade")
def upgrade_command() -> None:
    """Bring the database to this version's schema; also makes an empty one ready.

    \b
    Example:
      HADRON_DATABASE_URL=postgresql://hadron:secret@db/hadron hadron db upgrade
    """
    url = database_url()
    engine = engine_for(url)
    # First, because it tells an unreachable database in one line.
    with raw_connection(engine):
        revision = upgrade(url)
    with raw_connection(engine) as connection:
        made = ensure_partitions_ahead(connection, datetime.now(UTC))
    click.echo(f"The database is at schema {revision}; {len(made)} partitions made.")
