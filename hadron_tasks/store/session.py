"""Connections to PostgreSQL: one engine a process, and errors that say whether to try again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import cast

import psycopg2
from psycopg2 import errorcodes
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from sqlalchemy import Engine, create_engine, exc
from sqlalchemy.engine import URL, make_url

from hadron_tasks.errors import ConfigurationError, StoreUnavailable

CONNECT_TIMEOUT_S = 5
KEPT_CONNECTIONS = 5
"""Connections that a process keeps once it has opened them: as many as a drain has. One beyond
these is closed after each use."""

_TRANSIENT_CLASSES = {
    errorcodes.CLASS_CONNECTION_EXCEPTION,
    errorcodes.CLASS_TRANSACTION_ROLLBACK,  # deadlock, serialisation failure
    errorcodes.CLASS_INSUFFICIENT_RESOURCES,  # disk full, too many connections
    errorcodes.CLASS_OPERATOR_INTERVENTION,  # shutdown, crash, starting up, cancelled
    errorcodes.CLASS_SYSTEM_ERROR,
}
_DATA_FAULT_CLASSES = {
    errorcodes.CLASS_DATA_EXCEPTION,
    errorcodes.CLASS_INTEGRITY_CONSTRAINT_VIOLATION,
    errorcodes.CLASS_PROGRAM_LIMIT_EXCEEDED,
}
_TRANSIENT_CODES = {
    errorcodes.LOCK_NOT_AVAILABLE,
    errorcodes.READ_ONLY_SQL_TRANSACTION,  # a standby that is about to take over
}


def sqlalchemy_url(database_url: str) -> URL:
    """``HADRON_DATABASE_URL`` for SQLAlchemy, with the psycopg2 driver.

    Raises:
        ConfigurationError: It is no PostgreSQL address.
    """
    try:
        url = make_url(database_url)
    except exc.ArgumentError:
        raise ConfigurationError(_BAD_URL) from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigurationError(_BAD_URL)
    return url.set(drivername="postgresql+psycopg2")


_BAD_URL = (
    "HADRON_DATABASE_URL is no PostgreSQL address. "
    "It should look like postgresql://user:password@host:5432/hadron"
)


@lru_cache(maxsize=4)
def engine_for(database_url: str) -> Engine:
    """This process's engine for a database; connections are checked before each use."""
    return create_engine(
        sqlalchemy_url(database_url),
        pool_pre_ping=True,
        pool_size=KEPT_CONNECTIONS,
        max_overflow=4,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "hadron"},
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same statement may succeed later: the server is away, or a deadlock."""
    if isinstance(error, exc.DBAPIError):
        if error.connection_invalidated:
            return True
        return error.orig is not None and is_transient(error.orig)
    if isinstance(error, StoreUnavailable | exc.TimeoutError):
        return True
    if not isinstance(error, psycopg2.Error):
        return False
    code = error.pgcode
    if code is None:
        # No code: the connection broke before the server could give one. In the middle of a COPY
        # psycopg2 then raises the bare DatabaseError ("no message from the libpq").
        return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) or (
            type(error) is psycopg2.DatabaseError
        )
    return code[:2] in _TRANSIENT_CLASSES or code in _TRANSIENT_CODES


def blames_the_data(error: BaseException) -> bool:
    """Whether what was written is at fault, so that writing less of it may succeed.

    Not so for a missing table or a refused permission: everything would fail alike.
    """
    return not isinstance(error, psycopg2.Error) or (
        error.pgcode is not None and error.pgcode[:2] in _DATA_FAULT_CLASSES
    )


@contextmanager
def raw_connection(engine: Engine) -> Iterator[PgConnection]:
    """A psycopg2 connection for one or more transactions; rolled back when left open.

    Raises:
        StoreUnavailable: The database cannot be reached, or gave way for a moment.
    """
    try:
        pooled = engine.raw_connection()
    except Exception as error:
        if is_transient(error):
            raise StoreUnavailable(_reason(error)) from error
        raise
    try:
        yield cast(PgConnection, pooled.driver_connection)
    except StoreUnavailable:  # another connection's, and told already
        raise
    except Exception as error:
        if is_transient(error):
            pooled.invalidate(error)
            raise StoreUnavailable(_reason(error)) from error
        raise
    finally:
        if pooled.is_valid:
            pooled.close()


def _reason(error: BaseException) -> str:
    text = str(error).strip().split("\n", 1)[0]
    return f"PostgreSQL is not available now ({text}). Work is kept and tried again."
