"""A simulated exchange, and a crawler of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from crawl.crawler import Crawler
from simulator.rest_requests import asked_beside

from hadron_tasks.crawl import asks
from hadron_tasks.venues.kalshi.rest_listings import MARKETS

MARKETS_A_PAGE = 100
"""A tenth of the real size, so that few markets make a chain of pages."""
SMALL = 250
"""Markets that only REST knows."""


@pytest.fixture
def make_crawler(
    client: redis.Redis, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Crawler]]:
    """Makes a crawler of an exchange that is made as the test says."""
    monkeypatch.setattr(asks, "MARKETS", replace(MARKETS, page_size=MARKETS_A_PAGE))
    ends: list[Callable[[], object]] = []

    def make(**options: Any) -> Crawler:
        options = {"keys": 1, "markets": 40, "rest_markets": SMALL, "rest_combos": 20} | options
        beside = asked_beside(tmp_path / "exchange", **options)
        asker = beside.__enter__()
        ends.append(lambda: beside.__exit__(None, None, None))
        crawler = Crawler(database_url, client, asker.simulator)
        ends.append(crawler.close)
        return crawler

    yield make
    for end in reversed(ends):
        end()


@pytest.fixture
def crawler(make_crawler: Callable[..., Crawler]) -> Crawler:
    return make_crawler()
