"""Connections to migrated databases that are empty."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2.extensions import connection as PgConnection  # noqa: N812


@pytest.fixture
def catalogue(module_database_url: str) -> Iterator[PgConnection]:
    """A connection to the module's database, whose catalogue is empty: quicker than a new one."""
    opened = psycopg2.connect(module_database_url)
    yield opened
    opened.rollback()
    with opened, opened.cursor() as cursor:
        cursor.execute(
            "TRUNCATE instruments, events, series, lifecycle_events, learnt_codes,"
            " crawl_seen, crawl_vanished CASCADE"
        )
    opened.close()
