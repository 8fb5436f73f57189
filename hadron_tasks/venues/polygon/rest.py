"""Polygon's (Massive's) REST API: reference tickers, trades, whether markets are open.

The key goes into a header, never into an address. How many requests a minute the plan allows is a
setting, since the exchange does not tell; tries and errors are those of
:mod:`hadron_tasks.venues.rest.client`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import parse_qsl, quote, urlsplit

import redis
from pydantic import SecretStr
from requests import PreparedRequest
from requests.auth import AuthBase

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.settings import Settings
from hadron_tasks.venues.polygon.rest_lists import TickerFilter, TradeFilter, cursor_of
from hadron_tasks.venues.polygon.rest_models import MarketStatus, Ticker, Trade
from hadron_tasks.venues.rest.answers import Answer
from hadron_tasks.venues.rest.client import (
    CONNECT_TIMEOUT_S,
    PATIENCE_S,
    READ_TIMEOUT_S,
    Query,
    RestClient,
)
from hadron_tasks.venues.rest.errors import (
    AnswerUnreadable,
    CursorRepeats,
    ErrorAnswer,
    KeyRefused,
    NotEntitled,
)
from hadron_tasks.venues.rest.pages import Item, Page, Params, follow, read_items
from hadron_tasks.venues.rest.rate_limit import Limit, SharedBucket
from hadron_tasks.venues.rest.values import validated

TICKERS = "/v3/reference/tickers"
TRADES = "/v3/trades/{ticker}"
MARKET_STATUS = "/v1/marketstatus/now"

_NOT_IN_PLAN = "NOT_AUTHORIZED"
_REFILL_SHARE = 0.95
"""How much of the plan's requests a minute flow steadily; the rest may come at once. Together they
never exceed the plan within any minute, however the exchange counts one."""


class BearerAuth(AuthBase):
    """Puts the key into the ``Authorization`` header."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        return request


class PolygonRest(RestClient):
    """A client for one process, not to be shared between threads; made after a fork, not before."""

    exchange = "Polygon"
    address_hint = "HADRON_POLYGON_REST_URL; it looks like https://HOST"

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        bucket: SharedBucket,
        *,
        timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        patience_s: float = PATIENCE_S,
        limit_wait_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            base_url: The API's host.
            key: The API key.
            bucket: The rate limit of the key's plan; see :func:`plan_limit`.
            timeouts_s: To connect, and between two reads.
            patience_s: For one request, waits and tries included.
            limit_wait_s: How much of that may be spent waiting for the rate limit at a time.
        """
        super().__init__(
            base_url,
            bucket,
            timeouts_s=timeouts_s,
            patience_s=patience_s,
            limit_wait_s=limit_wait_s,
            sleep=sleep,
            jitter=jitter,
        )
        self._auth = BearerAuth(key)

    @classmethod
    def from_settings(
        cls, settings: Settings, client: redis.Redis, *, limit_wait_s: float = PATIENCE_S
    ) -> PolygonRest:
        """The client that the settings describe, its rate limit kept in the given Redis.

        Raises:
            ConfigurationError: There is no key.
        """
        if settings.polygon_api_key is None:
            raise ConfigurationError(
                "POLYGON_API_KEY is not set, and Polygon's REST API answers nobody without a key. "
                "Set it, or start the simulators with 'hadron simulate' and use the key they print."
            )
        address = settings.polygon_rest_url
        limit = plan_limit(settings.polygon_requests_per_minute)
        bucket = SharedBucket(client, cls.exchange, urlsplit(address).netloc, limit)
        return cls(address, settings.polygon_api_key, bucket, limit_wait_s=limit_wait_s)

    # Lists

    def tickers(self, narrow: TickerFilter, cursor: str = "") -> Page[Ticker]:
        """One page of reference tickers, in alphabetical order, from ``cursor`` on.

        Raises:
            CursorRepeats: The next page's cursor is this page's own.
            RestError: The page could not be had.
        """
        return self._page(Ticker, f"GET {TICKERS}", TICKERS, narrow.params(), cursor)

    def ticker_pages(self, narrow: TickerFilter, cursor: str = "") -> Iterator[Page[Ticker]]:
        """The pages of reference tickers, from ``cursor`` to the end.

        Raises:
            CursorRepeats: A cursor came that was followed before; the pages so far were given.
            RestError: A page could not be had; its cursor is that of the page before.
        """
        return follow(self._named(f"GET {TICKERS}"), partial(self.tickers, narrow), cursor)

    def trades(self, ticker: str, narrow: TradeFilter, cursor: str = "") -> Page[Trade]:
        """One page of an instrument's trades, oldest first, from ``cursor`` on.

        Args:
            ticker: Our name of the instrument (``AAPL``, ``X:BTC-USD``).

        Raises:
            CursorRepeats: The next page's cursor is this page's own.
            NotEntitled: The plan has no trades, or not of that time.
            RestError: The page could not be had.
        """
        path = TRADES.format(ticker=quote(ticker, safe=":"))
        return self._page(Trade, f"GET {TRADES}", path, narrow.params(), cursor)

    def trade_pages(
        self, ticker: str, narrow: TradeFilter, cursor: str = ""
    ) -> Iterator[Page[Trade]]:
        """The pages of an instrument's trades, from ``cursor`` to the end.

        Raises:
            CursorRepeats: A cursor came that was followed before; the pages so far were given.
            RestError: A page could not be had; its cursor is that of the page before.
        """
        return follow(self._named(f"GET {TRADES}"), partial(self.trades, ticker, narrow), cursor)

    # Single things

    def market_status(self) -> MarketStatus:
        """Whether markets are open."""
        answer = self._get(f"GET {MARKET_STATUS}", MARKET_STATUS, {})
        return validated(MarketStatus, answer.document, answer.endpoint)

    # Requests

    def _page(
        self, model: type[Item], endpoint: str, path: str, params: Params, cursor: str
    ) -> Page[Item]:
        answer = self._get(endpoint, path, parse_qsl(cursor) if cursor else params)
        # An empty list is left out in places.
        documents = answer.list_at("results") if "results" in answer.object_at("") else []
        try:
            next_url = answer.text_at("next_url")
            following = cursor_of(next_url, path) if next_url else ""
        except ValueError as error:
            raise AnswerUnreadable(answer.endpoint, str(error)) from None
        if following and following == cursor:
            raise CursorRepeats(answer.endpoint, following)
        items, rejected = read_items(model, documents, may_hold_nul=answer.may_hold_nul)
        return Page(items, following, rejected)

    def _try_once(self, endpoint: str, path: str, params: Query, deadline: float) -> Answer:
        try:
            return self._ask(endpoint, path, params, self._auth, deadline)
        except KeyRefused as error:
            if error.code == _NOT_IN_PLAN:
                told = ErrorAnswer(error.code, error.explanation)
                raise NotEntitled(error.endpoint, error.status, told) from None
            raise


def plan_limit(requests_per_minute: int) -> Limit:
    """What to keep to so that no minute, wherever it begins, sees more requests than that."""
    steadily = _REFILL_SHARE * requests_per_minute
    return Limit(steadily / 60, max(1.0, requests_per_minute - steadily))
