"""``hadron audit``: what it refuses to compare, and the list of what was compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg2
import pytest
from click.testing import CliRunner, Result

from hadron_tasks.backfill.beginning import Asked, begin
from hadron_tasks.backfill.windows import Window
from hadron_tasks.cli import main
from hadron_tasks.settings import get_settings
from hadron_tasks.store import audits

NOW = datetime.now(UTC)
Hadron = Callable[..., Result]


@pytest.fixture
def hadron(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hadron]:
    """The command, beside a database without audits."""
    monkeypatch.setenv("HADRON_DATABASE_URL", database_url)
    get_settings.cache_clear()
    yield lambda *words: CliRunner().invoke(main, ["audit", *words])
    get_settings.cache_clear()


def test_the_last_audits_are_listed(hadron: Hadron, database_url: str) -> None:
    assert "Nothing was audited yet" in hadron("--last", "5").output
    connection = psycopg2.connect(database_url)
    window = Window(NOW - timedelta(hours=1), NOW)
    for asked in (
        Asked("kalshi", "schedule", window, sample=5),
        Asked("kalshi", "person", window),
        Asked("polygon", "person", window, ("AAPL", "MSFT")),
    ):
        begin(connection, asked, Random(), has_list=asked.venue == "kalshi")
    with connection, connection.cursor() as cursor:
        audits.end(cursor, 1, "refused", "HTTP 403: not yours")
    connection.close()

    lines = [line.split() for line in hadron("--last", "5").output.splitlines()]
    shown = [line for line in lines if line and line[0] in ("1", "2", "3")]
    assert [line[:3] + line[5:7] for line in shown] == [
        ["3", "polygon", "person", "2", "tickers"],
        ["2", "kalshi", "person", "all", "0"],
        ["1", "kalshi", "schedule", "5", "min"],
    ]
    told = json.loads(hadron("--last", "1", "--venue", "kalshi", "--json").stdout)
    assert [(one["id"], one["state"], one["missing"]) for one in told] == [(2, "running", 0)]
    refused = json.loads(hadron("--last", "9", "--json").stdout)[-1]
    assert (refused["state"], refused["reason"]) == ("refused", "HTTP 403: not yours")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "1h", "--to", "2h"], "is not before"),
        (["--from", "1h", "--to", "2999-01-01"], "in the future"),
        (["--from", "10d"], "Ticks are kept for 7 days (HADRON_TICK_RETENTION_DAYS)"),
        (["--sample", "0"], "--sample"),
    ],
)
def test_what_cannot_be_compared(
    hadron: Hadron, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.setenv("HADRON_TICK_RETENTION_DAYS", "7")
    get_settings.cache_clear()
    result = hadron(*words)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
