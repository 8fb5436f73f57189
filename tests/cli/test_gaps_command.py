"""``hadron gaps`` for people and programs, and what ``hadron backfill`` refuses to begin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.backfill import kalshi
from hadron_tasks.backfill.plan import plan_gaps
from hadron_tasks.cli import main
from hadron_tasks.raw_stream import FeedGap, GapCause
from hadron_tasks.settings import get_settings
from hadron_tasks.store.accounts import add_gaps
from hadron_tasks.times import to_ns

Hadron = Callable[..., Result]


@pytest.fixture
def hadron(
    connection: PgConnection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hadron]:
    """The command, beside a database with three gaps: ended 60, 20 and 1 minutes ago."""
    monkeypatch.setenv("HADRON_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "160")
    get_settings.cache_clear()
    gaps = [
        gap(1, 60, connection="kalshi-1", carried=("orderbook_delta", "trade"), sid=None),
        gap(2, 20, channel="orderbook_delta", sid=7, from_seq=11, to_seq=14, missing=2),
        gap(3, 1, venue="polygon", connection="polygon-stocks", carried=("stocks:T.AAPL",)),
    ]
    with connection, connection.cursor() as cursor:
        add_gaps(cursor, gaps)
    plan_gaps(connection, "kalshi", kalshi.losses, (), datetime.now(UTC))
    yield lambda *words: CliRunner().invoke(main, ["gaps", *words])
    get_settings.cache_clear()


def gap(number: int, minutes_ago: int, **changes: Any) -> FeedGap:
    until = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes_ago)
    values: dict[str, Any] = {
        "gap_id": UUID(int=number << 96),
        "venue": "kalshi",
        "connection": "kalshi-2",
        "cause": GapCause.DISCONNECT,
        "from_ns": to_ns(until - timedelta(seconds=30)),
        "to_ns": to_ns(until),
    }
    return FeedGap(**(values | changes))


def listed(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [each["id"][:8] for each in json.loads(result.stdout)["gaps"]]


def test_gaps_tell_what_was_lost_and_what_became_of_it(hadron: Hadron) -> None:
    told = json.loads(hadron("--json").stdout)
    assert told["count"] == 3
    polygon, books, whole = told["gaps"]
    assert (polygon["state"], polygon["channels"]) == ("open", [])
    assert (
        books["channel"],
        books["sid"],
        books["from_seq"],
        books["to_seq"],
        books["missing"],
    ) == (
        "orderbook_delta",
        7,
        11,
        14,
        2,
    )
    assert books["state"] == "unrecoverable"
    assert "keeps no changes of books" in books["channels"][0]["reason"]
    assert (whole["state"], whole["seconds"], whole["cause"]) == ("open", 30.0, "disconnect")
    assert [(each["channel"], each["state"]) for each in whole["channels"]] == [
        ("orderbook_delta", "unrecoverable"),
        ("trade", "open"),
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--since", "30m"], ["00000003", "00000002"]),
        (["--venue", "polygon"], ["00000003"]),
        (["--state", "open"], ["00000003", "00000001"]),
        (["--state", "backfilled"], []),
        (["--since", "30m", "--venue", "kalshi", "--state", "unrecoverable"], ["00000002"]),
        (["--limit", "1"], ["00000003"]),
    ],
)
def test_gaps_are_chosen(hadron: Hadron, words: list[str], found: list[str]) -> None:
    assert listed(hadron(*words, "--json")) == found


def test_gaps_for_people(hadron: Hadron) -> None:
    shown = hadron().output
    assert "orderbook_delta, trade" in shown
    assert "unrecoverable" in shown
    one = hadron("00000002").output
    assert "keeps no changes of books" in one
    assert hadron("--state", "backfilled").output == "No gaps.\n"


@pytest.mark.parametrize(
    ("words", "told"), [("ffff", "There is no gap ffff"), ("0000", "Several gaps begin with 0000")]
)
def test_a_gap_that_is_not_meant(hadron: Hadron, words: str, told: str) -> None:
    result = hadron(words)
    assert result.exit_code == 1
    assert told in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Say which trades"),
        (["--venue", "kalshi"], "Say which trades"),
        (["--venue", "kalshi", "--from", "1h", "--to", "2h"], "is not before"),
        (["--venue", "kalshi", "--from", "1h", "--to", "2999-01-01"], "in the future"),
        (["--venue", "kalshi", "--from", "yesterday"], "is no time"),
    ],
)
def test_what_cannot_be_backfilled(words: list[str], told: str) -> None:
    result = CliRunner().invoke(main, ["backfill", *words])
    assert result.exit_code == 2
    assert told in result.output
