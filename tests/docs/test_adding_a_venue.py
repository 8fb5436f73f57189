"""The example of the page about adding a venue works as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.tick import TickType

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-venue.md").read_text()
FRAME = re.search(r"```json\n(.+?)\n```", PAGE, re.DOTALL)
EXAMPLE = re.search(r"<!-- example: normaliser -->\n```python\n(.+?)```", PAGE, re.DOTALL)
RECEIVED_NS = 1_795_262_400_200_000_000


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    assert EXAMPLE is not None
    names: dict[str, Any] = {}
    exec(compile(EXAMPLE[1], "adding-a-venue.md", "exec"), names)
    return names


@pytest.fixture
def normalise(example: dict[str, Any]) -> Callable[..., None]:
    return example["normalise"]


def test_the_frame_of_the_page_becomes_a_tick(normalise: Callable[..., None]) -> None:
    assert FRAME is not None
    into = Normalised()
    normalise(FRAME[1].encode(), RECEIVED_NS, into)
    (tick,) = into.ticks
    assert (tick.ticker, tick.tick_type, tick.price) == (
        "ACME-1",
        TickType.TRADE,
        Decimal("0.4810"),
    )
    assert str(tick.price) == "0.4810"
    assert tick.event_us == 1_795_262_400_123_000
    again = Normalised()
    normalise(FRAME[1].encode(), RECEIVED_NS + 1, again)
    assert again.ticks[0].event_key == tick.event_key == tick.trade_key


def test_it_keeps_the_rules_of_the_page(normalise: Callable[..., None]) -> None:
    into = Normalised()
    normalise(b'{"type": "of tomorrow"}', RECEIVED_NS, into)
    normalise(b'{"type": "subscribed"}', RECEIVED_NS, into)
    assert (into.unknown, into.control, into.ticks) == ({"of tomorrow": 1}, 1, [])
    for wrong in (b"[]", b'{"type": "trade", "symbol": "A", "id": "1"}', b'{"type": 1}'):
        with pytest.raises(MalformedFrame):
            normalise(wrong, RECEIVED_NS, into)


def test_an_instrument_is_described(example: dict[str, Any]) -> None:
    assert example["describe"]("acme", "ACME-1").name == "Acme: ACME-1"


def test_the_places_that_it_names_exist() -> None:
    root = Path(__file__).parents[2]
    named = set(re.findall(r"`([\w/.]+/[\w.]*)`", PAGE))
    missing = [
        name
        for name in named
        if not ((root / name).exists() or (root / "hadron_tasks" / name).exists())
    ]
    assert missing == []
    assert len(named) > 10
