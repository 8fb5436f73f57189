"""What is tried again, how often and when: by kind of error; and what a message tells of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from kombu.exceptions import OperationalError
from psycopg2 import errors as postgres
from sqlalchemy import exc

from hadron_tasks.errors import (
    AuthenticationRefused,
    ConfigurationError,
    GivenUp,
    StoreNotReady,
    StoreUnavailable,
    StreamUnavailable,
)
from hadron_tasks.task_past import HEADER, Past
from hadron_tasks.tasks.retries import EXCHANGE_ATTEMPTS, LONGEST_WAIT_S, decide
from hadron_tasks.venues.rest.errors import (
    BadRequest,
    ErrorAnswer,
    ExchangeFailed,
    ExchangeUnreachable,
    RateLimited,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=5)
ANSWER = ErrorAnswer("", "")
RATE_LIMITED = RateLimited("Kalshi GET /markets", 429, ANSWER, 17.0)
RATE_LIMITED_LONG = RateLimited("Kalshi GET /markets", 429, ANSWER, 3600.0)
UNREACHABLE = ExchangeUnreachable("Kalshi GET /markets", "no answer")


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailable("away"),
        StoreNotReady("no schema"),
        StreamUnavailable("away"),
        psycopg2.OperationalError("server closed the connection unexpectedly"),
        psycopg2.InterfaceError("connection already closed"),
        postgres.DeadlockDetected(),
        redis.ConnectionError("refused"),
        redis.TimeoutError("timed out"),
        redis.exceptions.BusyLoadingError("LOADING Redis is loading the dataset in memory"),
        redis.exceptions.OutOfMemoryError("OOM command not allowed"),
        redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
        OperationalError("the broker is away"),
        exc.TimeoutError("QueuePool limit"),
        exc.OperationalError("SELECT 1", {}, psycopg2.OperationalError("away")),
    ],
    ids=lambda error: f"{type(error).__module__}.{type(error).__name__}",
)
def test_what_is_away_is_waited_for_however_long(error: Exception) -> None:
    past = Past(waits=100_000, failures=2, first_failed_at=EARLIER)
    again = decide(error, past, 3, NOW)
    assert again is not None
    assert again.wait_s <= LONGEST_WAIT_S
    assert again.past == Past(waits=100_001, failures=2, first_failed_at=EARLIER)


WAITED_FOR = {
    "57P01": "SELECT pg_terminate_backend(pg_backend_pid())",
    "57014": "SET statement_timeout = '20ms'; SELECT pg_sleep(5)",
    "55P03": "SET lock_timeout = '20ms'; SELECT pg_advisory_lock(2)",
    "25006": "SET default_transaction_read_only = on; COMMIT; CREATE TABLE unwanted ()",
    # It waits for lock 2 while its holder waits for lock 1.
    "40P01": "SET deadlock_timeout = '20ms'; SELECT pg_advisory_lock(2)",
}
NOT_WAITED_FOR = {
    "42601": "SELEC 1",
    "42P01": "SELECT 1 FROM nowhere",
    "22012": "SELECT 1 / 0",
    "23505": "CREATE TEMP TABLE once (id int UNIQUE); INSERT INTO once VALUES (1), (1)",
}


@pytest.mark.parametrize("code", WAITED_FOR)
def test_what_a_server_refuses_for_a_moment_is_waited_for(
    module_database_url: str, code: str
) -> None:
    error = refusal(module_database_url, WAITED_FOR[code], deadlock=code == "40P01")
    # A connection may break before the server's reason is read.
    assert error.pgcode == code or (code == "57P01" and error.pgcode is None)
    again = decide(error, Past(failures=2), 3, NOW)
    assert again is not None
    assert again.past.waits == 1


@pytest.mark.parametrize("code", NOT_WAITED_FOR)
def test_what_a_server_refuses_for_good_is_not(module_database_url: str, code: str) -> None:
    error = refusal(module_database_url, NOT_WAITED_FOR[code], deadlock=False)
    assert error.pgcode == code
    assert decide(error, Past(failures=2), 3, NOW) is None


def refusal(database_url: str, statements: str, *, deadlock: bool) -> psycopg2.Error:
    """What a server says to statements while another session holds lock 2.

    With ``deadlock`` that one waits for lock 1, which these statements' session holds.
    """
    with (
        closing(psycopg2.connect(database_url)) as holder,
        holder.cursor() as held,
        ThreadPoolExecutor(1) as pool,
        closing(psycopg2.connect(database_url)) as asking,
        asking.cursor() as cursor,
    ):
        held.execute("SELECT pg_advisory_lock(2)")
        if deadlock:
            # Or, after a second, it might be the holder that finds out and is refused.
            held.execute("SET deadlock_timeout = '60s'")
            cursor.execute("SELECT pg_advisory_lock(1)")
            pool.submit(held.execute, "SELECT pg_advisory_lock(1)")
            _wait_until_somebody_waits(database_url)
        with pytest.raises(psycopg2.Error) as raised:
            cursor.execute(statements)
        return raised.value


def _wait_until_somebody_waits(database_url: str) -> None:
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone():
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("not set"),
        AuthenticationRefused("no"),
        GivenUp("enough"),
        BadRequest("Kalshi GET /markets", 400, ANSWER),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_waiting_mends_is_given_up_at_once(error: Exception) -> None:
    assert decide(error, Past(), 3, NOW) is None


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        redis.ResponseError("WRONGTYPE Operation against a key"),
        psycopg2.ProgrammingError("syntax error"),
        KeyError("MISCONF"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_be_a_bug_is_tried_three_times(error: Exception) -> None:
    past, waits = Past(), []
    while again := decide(error, past, 3, NOW):
        waits.append(again.wait_s)
        past = again.past
    assert len(waits) == 2
    assert sum(waits) <= 3.0
    assert (past.attempts + 1, past.first_failed_at) == (3, NOW)


def test_an_exchange_is_asked_for_hours_and_not_for_ever() -> None:
    past, waited = Past(), 0.0
    while again := decide(UNREACHABLE, past, 3, NOW):
        past, waited = again.past, waited + again.wait_s
    assert past.attempts + 1 == EXCHANGE_ATTEMPTS
    assert waited >= 3600.0


def test_an_exchange_says_itself_when_to_ask_again() -> None:
    again, later = (decide(one, Past(), 3, NOW) for one in (RATE_LIMITED, RATE_LIMITED_LONG))
    assert again is not None
    assert again.wait_s == 17.0
    assert later is not None
    assert later.wait_s == LONGEST_WAIT_S


def test_failures_of_an_exchange_count_beside_those_of_ours() -> None:
    past = Past(asked=40, failures=2, first_failed_at=EARLIER)
    again = decide(ExchangeFailed("Kalshi GET /markets", 503, ANSWER), past, 3, NOW)
    assert again is not None
    assert again.past == Past(asked=41, failures=2, first_failed_at=EARLIER)
    assert decide(ValueError("a bug"), past, 3, NOW) is None


counts = st.integers(0, 10_000)
pasts = st.builds(
    Past,
    waits=counts,
    asked=counts,
    failures=counts,
    # A header holds a float: whole seconds come back as they were.
    first_failed_at=st.none()
    | st.integers(0, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
    letter=st.none() | st.binary(min_size=16, max_size=32),
    scheduled=st.booleans(),
)


@given(pasts)
def test_a_past_comes_back_from_its_header(past: Past) -> None:
    assert Past.of(past.headers()) == past


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=3,
)


@given(
    st.dictionaries(
        st.sampled_from(["waits", "asked", "failures", "since", "letter", "scheduled"]), json_values
    )
    | json_values
)
def test_a_header_of_nonsense_harms_nobody(told: Any) -> None:
    past = Past.of({HEADER: told})
    assert past.attempts >= 0
    assert Past.of(past.headers()) == past
