"""When silence is no fault."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from hadron_tasks.venues.trading_hours import (
    EASTERN,
    early_closes,
    easter,
    holidays,
    is_open,
    is_trading,
)

# The calendars that the New York Stock Exchange published.
_CLOSED = {
    2022: "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26",
    2024: "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
    2025: "01-01 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
    2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
    2027: "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
}
_EARLY = {2024: "07-03 11-29 12-24", 2025: "07-03 11-28 12-24", 2026: "11-27 12-24", 2027: "11-26"}


@pytest.mark.parametrize("year", _CLOSED)
def test_holidays(year: int) -> None:
    assert sorted(f"{day:%m-%d}" for day in holidays(year)) == _CLOSED[year].split()


@pytest.mark.parametrize("year", _EARLY)
def test_early_closes(year: int) -> None:
    assert sorted(f"{day:%m-%d}" for day in early_closes(year)) == _EARLY[year].split()


def test_easter() -> None:
    known = [date(1961, 4, 2), date(2000, 4, 23), date(2008, 3, 23), date(2038, 4, 25)]
    assert [easter(day.year) for day in known] == known


@pytest.mark.parametrize(
    ("asset_class", "eastern", "expected"),
    [
        ("stocks", "2026-11-20 03:59", False),
        ("stocks", "2026-11-20 04:00", True),
        ("stocks", "2026-11-20 19:59", True),
        ("stocks", "2026-11-20 20:00", False),
        ("stocks", "2026-11-21 12:00", False),  # a Saturday
        ("stocks", "2026-11-26 12:00", False),  # Thanksgiving
        ("stocks", "2026-11-27 12:59", True),  # the day after closes early
        ("stocks", "2026-11-27 13:00", False),
        ("indices", "2026-11-20 09:29", False),
        ("indices", "2026-11-20 09:30", True),
        ("options", "2026-11-20 16:00", False),
        ("crypto", "2026-11-22 03:00", True),
        ("forex", "2026-11-20 16:59", True),  # a Friday
        ("forex", "2026-11-20 17:00", False),
        ("forex", "2026-11-22 16:59", False),  # a Sunday
        ("forex", "2026-11-22 17:00", True),
        ("bonds", "2026-11-20 12:00", False),
    ],
)
def test_asset_classes(asset_class: str, eastern: str, expected: bool) -> None:
    moment = datetime.fromisoformat(eastern).replace(tzinfo=EASTERN)
    assert is_open(asset_class, moment) is expected
    assert is_open(asset_class, moment.astimezone(UTC)) is expected


@pytest.mark.parametrize(
    ("eastern", "expected"),
    [
        ("2026-11-19 02:59", True),  # a Thursday
        ("2026-11-19 03:00", False),
        ("2026-11-19 05:00", True),
        ("2026-11-20 03:00", True),
        ("2026-11-22 12:00", True),
    ],
)
def test_kalshi(eastern: str, expected: bool) -> None:
    moment = datetime.fromisoformat(eastern).replace(tzinfo=EASTERN)
    assert is_trading("kalshi", (), moment) is expected


def test_polygon_trades_while_any_class_does() -> None:
    night = datetime(2026, 11, 20, 3, tzinfo=EASTERN)
    assert not is_trading("polygon", ["stocks", "indices"], night)
    assert is_trading("polygon", ["stocks", "crypto"], night)
    assert not is_trading("polygon", [], night)
