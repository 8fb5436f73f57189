"""The suites of the catalogue measure what they say, on a real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from hadron_tasks.bench.crawling import crawl
from hadron_tasks.bench.plan import Plan
from hadron_tasks.bench.searching import QUESTIONS, search
from hadron_tasks.bench.services import Services

PLAN = Plan(
    frames=4000,
    rounds=2,
    workers=(1,),
    seconds=1.0,
    markets=10,
    rates=(1000,),
    rows=(0, 2000),
    distinct=(10,),
    say=lambda _: None,
)


@pytest.fixture
def services(module_database_url: str, tmp_path: Path) -> Services:
    return Services("redis://unused", module_database_url, tmp_path)


def instruments(services: Services) -> int:
    with services.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM instruments")
        return int(cursor.fetchone()[0])  # type: ignore[index]


def test_upserts_beside_copy(services: Services) -> None:
    """The suite itself checks that each upsert writes what changed and nothing else."""
    report = crawl(PLAN, services)
    copy, new, known, *others = report.figures
    assert copy.name.startswith("COPY")
    assert all(figure.unit == "markets/s" for figure in report.figures)
    assert all(len(figure.rounds) == 2 for figure in (copy, new, known, *others))
    to_new, to_known = report.verdicts
    assert to_new.value == pytest.approx(new.median / copy.median)
    assert to_known.value == pytest.approx(known.median / copy.median)
    assert instruments(services) == 0, "it leaves nothing behind"


def test_searches_find_what_they_ask_for(services: Services) -> None:
    report = search(PLAN, services)
    assert len(report.figures) == len(report.verdicts) == len(QUESTIONS)
    found = {figure.name: int(figure.remarks["found"]) for figure in report.figures}
    nothing = [name for name, number in found.items() if number == 0]
    assert nothing == ["search of nothing there: zanzibar"]
    assert all(len(figure.rounds) == 2 and figure.unit == "ms" for figure in report.figures)
    assert instruments(services) == 0
