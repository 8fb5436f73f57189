"""What a crawl needs next, whether its cursors go round in circles, and how long it will take."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.crawl.plan import KINDS, PlannedPart, finer, kind_of, narrowed_to, plan
from hadron_tasks.crawl.progress import (
    Begin,
    End,
    Wait,
    landmark_after,
    next_step,
    pace,
)
from hadron_tasks.crawl.series_walk import Place, lost_in_a_row
from hadron_tasks.store.crawl_parts import Part, PartStatus

NOW = datetime(2026, 10, 5, 6, 15, tzinfo=UTC)


def part(name: str, stage: int, status: PartStatus, **changes: object) -> Part:
    made = Part(
        run_id=1,
        part=name,
        stage=stage,
        status=status,
        cursor="",
        landmark="",
        pages=0,
        seen=0,
        changed=0,
        requests=0,
        unreadable=0,
        failures=0,
        restarts=0,
        resent=0,
        rest_at_page=None,
        error="",
        missing=[],
        notes=[],
        due_at=NOW,
        started_at=None,
        finished_at=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "step"),
    [
        ([("a", 0, "waiting"), ("b", 0, "waiting"), ("c", 1, "waiting")], Begin(("a", "b"))),
        ([("a", 0, "running"), ("b", 0, "complete"), ("c", 1, "waiting")], Wait()),
        ([("a", 0, "broken"), ("b", 0, "complete"), ("c", 1, "waiting")], Begin(("c",))),
        # A finer part that takes the place of a broken one holds the next stage back.
        ([("a", 0, "broken"), ("a2", 0, "waiting"), ("c", 1, "waiting")], Begin(("a2",))),
        ([("a", 0, "broken"), ("a2", 0, "running"), ("c", 1, "waiting")], Wait()),
        ([("a", 0, "resting")], Wait()),
        ([("a", 0, "complete"), ("c", 1, "complete")], End("complete")),
        ([("a", 0, "complete"), ("c", 1, "broken")], End("complete")),
    ],
)
def test_stages_follow_each_other(
    parts: list[tuple[str, int, PartStatus]], step: Begin | Wait | End
) -> None:
    assert next_step([part(*one) for one in parts]) == step


def test_a_crawl_that_misses_something_is_not_complete() -> None:
    lost = part("a", 0, "complete", missing=[{"page": 3}])
    assert next_step([lost, part("b", 0, "complete")]) == End("incomplete")


@pytest.mark.parametrize("kind", KINDS)
def test_plans_are_well_formed(kind: str) -> None:
    parts = plan(kind)  # type: ignore[arg-type]
    assert len({one.name for one in parts}) == len(parts)
    assert sorted({one.stage for one in parts}) == list(range(max(p.stage for p in parts) + 1))
    for one in parts:
        assert one.kind == kind_of(one.name)


@pytest.mark.parametrize(
    ("name", "kind", "status", "finer_name"),
    [
        ("markets:open", "markets", "open", "markets:open:by-series"),
        ("events:closed", "events", "closed", "events:closed:by-series"),
        ("markets:open:by-series", "by-series", "open", None),
        ("markets", "markets", "", None),
        ("combos", "combos", "", None),
        ("series", "series", "", None),
        ("vanished", "vanished", "", None),
    ],
)
def test_what_a_part_is_and_what_is_finer(
    name: str, kind: str, status: str, finer_name: str | None
) -> None:
    assert (kind_of(name), narrowed_to(name)) == (kind, status)
    found = finer(PlannedPart(name, 1))
    assert (found and (found.name, found.stage)) == (finer_name and (finer_name, 1))


def test_a_part_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no part"):
        kind_of("dividends")


@given(lead=st.integers(0, 40), length=st.integers(1, 60))
def test_a_circle_of_any_length_is_noticed(lead: int, length: int) -> None:
    """Cursors that come back after ``lead`` pages, to where they were ``length`` pages before."""
    cursor, landmark, asked = "", "", 0
    while asked < 4 * (lead + length) + 8:
        following = _next_of(cursor, lead, length)
        if following in (cursor, landmark):
            break
        landmark = landmark_after(landmark, cursor, asked)
        cursor, asked = following, asked + 1
    else:
        raise AssertionError("it would have gone on for ever")
    assert asked >= length - 1, "noticed before anything had come again"


@given(pages=st.integers(1, 400))
def test_a_list_without_circles_comes_to_its_end(pages: int) -> None:
    cursor, landmark = "", ""
    for page in range(pages):
        following = str(page + 1)
        assert following not in (cursor, landmark)
        landmark = landmark_after(landmark, cursor, page)
        cursor = following


def _next_of(cursor: str, lead: int, length: int) -> str:
    number = int(cursor or 0) + 1
    return str(number if number < lead + length + 1 else lead + 1)


def test_how_long_it_will_take() -> None:
    parts = [
        part("markets:open", 1, "running", pages=25, seen=25_000),
        part("series", 0, "complete", pages=5, seen=9_000),
        part("vanished", 2, "waiting"),
    ]
    before = {"markets:open": 100, "series": 1, "vanished": 15}
    found = pace(parts, NOW, NOW + timedelta(seconds=60), before)
    # 5 of series, 100 of markets, 15 of vanished; 30 of them in a minute.
    assert (found.pages, found.pages_expected) == (30, 120)
    assert found.left == timedelta(minutes=3)
    assert found.items_per_s == pytest.approx(34_000 / 60)


def test_without_one_before_nothing_is_foretold() -> None:
    running = [part("markets:open", 1, "running", pages=25)]
    assert pace(running, NOW, NOW + timedelta(seconds=60), {}).left is None
    outgrown = pace(running, NOW, NOW + timedelta(seconds=50), {"markets:open": 7})
    assert outgrown.left == timedelta(seconds=2)
    ended = [part("markets:open", 1, "complete", pages=25)]
    assert pace(ended, NOW, NOW, {}).left == timedelta(0)


# Series by series


def _known_after(ticker: str) -> str | None:
    return next((series for series in ("KXA", "KXB", "KXC") if series > ticker), None)


def test_a_walk_goes_through_every_series() -> None:
    answers = {("KXA", ""): "a2", ("KXA", "a2"): "", ("KXB", ""): "", ("KXC", ""): ""}
    place, asked = Place(), []
    while (series := place.choose(_known_after)) is not None:
        asked.append((series, place.cursor))
        # As it is kept between two pages.
        place = Place.read(str(place.within(series, answers[asked[-1]])))
    assert asked == list(answers)


def test_a_walk_can_be_narrowed_to_what_was_lost() -> None:
    place, asked = Place(only=("KXC", "KXA")), []
    while (series := place.choose(_known_after)) is not None:
        asked.append(series)
        place = Place.read(str(place.within(series, "")))
    assert asked == ["KXA", "KXC"]


@pytest.mark.parametrize(
    ("lost", "page", "count"), [([], 5, 0), ([4], 5, 1), ([2, 4], 5, 1), ([2, 3, 4], 5, 3)]
)
def test_losses_in_a_row(lost: list[int], page: int, count: int) -> None:
    assert lost_in_a_row([{"page": number} for number in lost], page) == count
