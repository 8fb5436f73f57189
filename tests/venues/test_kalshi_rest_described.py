"""The client reads whatever the exchange's own description of its REST API allows, made at random
and sent over a socket: every field, only the required ones, null where null may be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from simulator.openapi import answer_schema, endpoints, faults_of_answer
from simulator.openapi_answers import answers
from venues.kalshi_rest_clients import UNHURRIED
from venues.scripted_api import scripted_api, send

from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.venues.kalshi.rate_limit import AccountBudget, TokenBucket
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.kalshi.rest_listings import (
    EVENTS,
    HISTORICAL_MARKETS,
    HISTORICAL_TRADES,
    MARKETS,
    MULTIVARIATE_EVENTS,
    TRADES,
)
from hadron_tasks.venues.rest.pages import Page

ASK: dict[str, Callable[[KalshiRest], object]] = {
    "/account/endpoint_costs": KalshiRest.endpoint_costs,
    "/account/limits": KalshiRest.account_limits,
    "/events": lambda rest: rest.page(EVENTS),
    "/events/multivariate": lambda rest: rest.page(MULTIVARIATE_EVENTS),
    "/events/{event_ticker}": lambda rest: rest.event("A"),
    "/exchange/schedule": KalshiRest.exchange_schedule,
    "/exchange/status": KalshiRest.exchange_status,
    "/historical/cutoff": KalshiRest.historical_cutoff,
    "/historical/markets": lambda rest: rest.page(HISTORICAL_MARKETS),
    "/historical/markets/{ticker}": lambda rest: rest.historical_market("A"),
    "/historical/trades": lambda rest: rest.page(HISTORICAL_TRADES),
    "/markets": lambda rest: rest.page(MARKETS),
    "/markets/orderbooks": lambda rest: rest.orderbooks(["A"]),
    "/markets/trades": lambda rest: rest.page(TRADES),
    "/markets/{ticker}": lambda rest: rest.market("A"),
    "/markets/{ticker}/orderbook": lambda rest: rest.orderbook("A"),
    "/search/filters_by_sport": KalshiRest.filters_by_sport,
    "/search/tags_by_categories": KalshiRest.tags_by_category,
    "/series": KalshiRest.series,
    "/series/{series_ticker}": lambda rest: rest.one_series("A"),
}


@pytest.fixture(scope="module")
def sent() -> list[bytes]:
    """What the exchange answers next."""
    return [b""]


@pytest.fixture(scope="module")
def rest(sent: list[bytes], shared_redis: RedisServer) -> Iterator[KalshiRest]:
    def script(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        send(handler, sent[0])

    with redis.Redis.from_url(shared_redis.url) as client, scripted_api(script) as address:
        bucket = TokenBucket(client, "described")
        bucket.learn(AccountBudget(10**6, 10**6))
        with KalshiRest(address, [], bucket, **UNHURRIED) as opened:
            yield opened


def test_every_described_endpoint_is_asked() -> None:
    assert sorted(ASK) == endpoints()


@pytest.mark.parametrize("endpoint", sorted(ASK))
def test_whatever_is_described_is_read(rest: KalshiRest, sent: list[bytes], endpoint: str) -> None:
    # Not made smaller when it fails: that takes minutes, and the fault names the field anyway.
    @settings(
        max_examples=8,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(answers(answer_schema(endpoint)), st.booleans())
    def check(answer: Any, has_more: bool) -> None:
        assert faults_of_answer(endpoint, answer) == []
        if has_more and isinstance(answer, dict):
            answer = answer | {"a_field_of_tomorrow": {"x": [1]}}
        sent[0] = json.dumps(answer).encode()
        read = ASK[endpoint](rest)
        if isinstance(read, Page):
            assert read.rejected == []
            (listed,) = (value for name, value in answer.items() if name in _LISTS)
            assert len(read.items) == len(listed or [])

    check()


_LISTS = ("markets", "events", "trades", "series", "orderbooks")
