"""A connection to a migrated, empty database."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2.extensions import connection as PgConnection  # noqa: N812


@pytest.fixture
def connection(database_url: str) -> Iterator[PgConnection]:
    opened = psycopg2.connect(database_url)
    yield opened
    opened.close()
