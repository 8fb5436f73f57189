"""The migrations make exactly the schema that the models describe."""

from __future__ import annotations

from contextlib import closing

import psycopg2
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from alembic import command
from hadron_tasks.local.postgres_server import PostgresServer
from hadron_tasks.store import migrations
from hadron_tasks.store.models import Base
from hadron_tasks.store.search import search_instruments
from hadron_tasks.store.session import sqlalchemy_url


def test_models_and_migrations_agree(database_url: str) -> None:
    engine = create_engine(sqlalchemy_url(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_the_schema_goes_up_from_nothing_and_down_again(postgres_server: PostgresServer) -> None:
    url = postgres_server.create_database("up_and_down")
    assert migrations.upgrade(url) == migrations.newest_revision()
    assert migrations.upgrade(url) == migrations.newest_revision()
    engine = create_engine(sqlalchemy_url(url))
    with engine.begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert migrations.upgrade(url) == migrations.newest_revision()
    engine.dispose()


def test_what_was_stored_before_there_was_a_search_is_found(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.create_database("before_search")
    engine = create_engine(sqlalchemy_url(url))
    with engine.begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        connection.exec_driver_sql(
            "INSERT INTO instruments (ticker, asset_class, primary_source, venue, name, title)"
            " VALUES ('KXA-1', 'other', 'kalshi', 'kalshi', 'name', 'Boston wins?')"
        )
    engine.dispose()
    migrations.upgrade(url)
    with closing(psycopg2.connect(url)) as opened:
        for text in ("boston", "kxa"):
            (found,) = search_instruments(opened, text, limit=5)
            assert found.ticker == "KXA-1"
