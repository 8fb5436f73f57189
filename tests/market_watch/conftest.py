"""A connection to a database of the test's own."""

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
