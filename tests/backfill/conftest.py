"""A database, a simulated exchange and a REST client between them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from simulator.exchange_clients import signer
from simulator.rest_requests import PLENTY, asked_beside
from venues.kalshi_rest_clients import UNHURRIED

from hadron_tasks.backfill.kalshi import KalshiTrades
from hadron_tasks.backfill.pages import Pages
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.venues.kalshi.rate_limit import AccountBudget, TokenBucket
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.registry import rules_for
from streamer.simulator.simulator import Simulator

_FILLED = (
    *("gap_channels", "feed_gaps", "backfills", "audits", "ticks", "trade_keys", "latest_quotes"),
    *("instrument_venue_mapping", "instruments", "ingest_counts"),
)


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    directory = tmp_path_factory.mktemp("backfill-exchange")
    with asked_beside(directory, keys=1, markets=4, **PLENTY) as asker:
        yield asker.simulator


@pytest.fixture
def rest(exchange: Simulator, client: redis.Redis) -> Iterator[KalshiRest]:
    limits = TokenBucket(client, "test")
    limits.learn(AccountBudget(100_000, 100_000))
    exchange.rest.faults.clear()
    exchange.rest.catalogue.cutoff_s = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    keys = [signer(key) for key in exchange.keys]
    options = UNHURRIED | {"sleep": lambda _s: None}
    with KalshiRest(exchange.kalshi_rest_url, keys, limits, **options) as opened:
        yield opened
    exchange.rest.faults.clear()


@pytest.fixture
def connection(module_database_url: str) -> Iterator[PgConnection]:
    opened = psycopg2.connect(module_database_url)
    with opened, opened.cursor() as cursor:
        for table in _FILLED:
            cursor.execute(f"DELETE FROM {table}")
    yield opened
    opened.close()


@pytest.fixture
def pages(rest: KalshiRest) -> Pages:
    return Pages(rules_for("kalshi"), lambda: KalshiTrades(rest), InstrumentCache(1000))


@pytest.fixture
def an_hour_ago() -> datetime:
    """A whole minute about an hour ago."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
