"""The pages that upserts are measured with are such as the exchange would send."""

from __future__ import annotations

import json
from typing import Any

from hadron_tasks.bench.market_pages import event_of, market_page
from hadron_tasks.tickers import parse_ticker
from hadron_tasks.venues.kalshi.rest_models import Market


def markets(number: int, **options: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(market_page(number, **options))["markets"]
    return found


def test_no_page_repeats_a_market_of_another() -> None:
    pages = [markets(number) for number in (0, 1, 49)]
    assert len({market["ticker"] for page in pages for market in page}) == 3000
    assert pages[1] == markets(1)


def test_so_many_are_reworded_and_the_others_are_as_they_were() -> None:
    before, after = markets(3), markets(3, reworded=10)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 10
    assert [one["ticker"] for one in before] == [one["ticker"] for one in after]


def test_they_are_read_like_those_of_the_exchange() -> None:
    market = Market.model_validate(markets(0)[21])
    parsed = parse_ticker(market.ticker)
    assert parsed.series == event_of(market.event_ticker).series_ticker
    assert parsed.strike is not None
    assert not parsed.unread
