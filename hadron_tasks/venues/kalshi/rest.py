"""Kalshi's REST API: exchange, series, events, markets, trades, books, search, account.

Requests are signed when there are keys, and sent with another key when one is refused; limits,
tries and errors are those of :mod:`hadron_tasks.venues.rest.client`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from urllib.parse import quote, urlsplit

import redis

from hadron_tasks.settings import Settings
from hadron_tasks.venues.kalshi.rate_limit import DEFAULT_COST, AccountBudget, TokenBucket
from hadron_tasks.venues.kalshi.rest_auth import KalshiAuth, KeyRing
from hadron_tasks.venues.kalshi.rest_listings import Everything
from hadron_tasks.venues.kalshi.rest_models import (
    AccountLimits,
    Cutoff,
    EndpointCosts,
    Event,
    ExchangeStatus,
    Market,
    Orderbook,
    Schedule,
    Series,
    SportFilters,
    TagsByCategory,
)
from hadron_tasks.venues.kalshi.signing import KalshiSigner
from hadron_tasks.venues.rest.answers import Answer
from hadron_tasks.venues.rest.client import (
    CONNECT_TIMEOUT_S,
    PATIENCE_S,
    READ_TIMEOUT_S,
    Query,
    RestClient,
)
from hadron_tasks.venues.rest.errors import CursorRepeats, ErrorAnswer, KeyRefused, NotFound
from hadron_tasks.venues.rest.pages import (
    Filter,
    Item,
    Listing,
    Page,
    Params,
    Rejected,
    follow,
    read_items,
)
from hadron_tasks.venues.rest.values import Model, validated

BOOKS_A_REQUEST = 100


class KalshiRest(RestClient):
    """A client for one process, not to be shared between threads; made after a fork, not before."""

    exchange = "Kalshi"
    address_hint = "HADRON_KALSHI_REST_URL; it looks like https://HOST/trade-api/v2"
    bucket: TokenBucket

    def __init__(
        self,
        base_url: str,
        signers: Sequence[KalshiSigner],
        bucket: TokenBucket,
        *,
        timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        patience_s: float = PATIENCE_S,
        limit_wait_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            base_url: With its ``/trade-api/v2``.
            signers: API keys, in the order to use them; none makes unsigned requests, which most
                market data allows.
            bucket: The rate limit of the account that the keys belong to.
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
        self.keys = KeyRing(signers)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        client: redis.Redis,
        *,
        patience_s: float = PATIENCE_S,
        limit_wait_s: float = PATIENCE_S,
    ) -> KalshiRest:
        """The client that the settings describe, its rate limit kept in the given Redis.

        All configured keys count as one account: where they are not, that is only too careful.

        Args:
            patience_s: As for the client itself, and so is ``limit_wait_s``.

        Raises:
            ConfigurationError: No address, or a key that cannot be used.
        """
        address = settings.kalshi_rest_address
        signers = [KalshiSigner.load(ref) for ref in settings.kalshi_keys()]
        account = f"{urlsplit(address).netloc}:{'account' if signers else 'public'}"
        bucket = TokenBucket(client, account)
        return cls(address, signers, bucket, patience_s=patience_s, limit_wait_s=limit_wait_s)

    # Lists

    def page(
        self, listing: Listing[Item], narrow: Filter | None = None, cursor: str = ""
    ) -> Page[Item]:
        """One page of a list, from ``cursor`` on.

        Raises:
            CursorRepeats: The next page's cursor is this page's own.
            RestError: The page could not be had.
        """
        params = {**(narrow or Everything()).params(), "limit": str(listing.page_size)}
        if cursor:
            params["cursor"] = cursor
        endpoint = f"GET {listing.path}"
        answer = self._get(endpoint, listing.path, params)
        documents = answer.list_at(listing.field)
        following = answer.text_at("cursor")
        if following and following == cursor:
            raise CursorRepeats(self._named(endpoint), following)
        items, rejected = read_items(listing.model, documents, may_hold_nul=answer.may_hold_nul)
        return Page(items, following, rejected)

    def pages(
        self, listing: Listing[Item], narrow: Filter | None = None, cursor: str = ""
    ) -> Iterator[Page[Item]]:
        """The pages of a list, from ``cursor`` to the end.

        Raises:
            CursorRepeats: A cursor came that was followed before; the pages so far were given.
            RestError: A page could not be had; its cursor is that of the page before.
        """
        page_at = partial(self.page, listing, narrow)
        return follow(self._named(f"GET {listing.path}"), page_at, cursor)

    # Single things

    def exchange_status(self) -> ExchangeStatus:
        """Whether the exchange and trading on it are open."""
        return self._one(ExchangeStatus, "/exchange/status")

    def exchange_schedule(self) -> Schedule:
        """Trading hours and maintenance."""
        return self._one(Schedule, "/exchange/schedule", field="schedule")

    def series(self, narrow: Filter | None = None) -> Page[Series]:
        """Every series: the one list that comes whole, so the page has no cursor."""
        answer = self._get("GET /series", "/series", (narrow or Everything()).params())
        documents = answer.list_at("series")
        items, rejected = read_items(Series, documents, may_hold_nul=answer.may_hold_nul)
        return Page(items, "", rejected)

    def one_series(self, ticker: str) -> Series:
        """One series. Raises NotFound where there is none."""
        return self._one(Series, "/series/{series_ticker}", ticker, field="series")

    def event(self, ticker: str) -> Event:
        """One event with its markets. Raises NotFound where there is none."""
        params = {"with_nested_markets": "true"}
        return self._one(Event, "/events/{event_ticker}", ticker, field="event", params=params)

    def market(self, ticker: str) -> Market:
        """One market. Raises NotFound where there is none."""
        return self._one(Market, "/markets/{ticker}", ticker, field="market")

    def historical_market(self, ticker: str) -> Market:
        """One market that has moved to the archive. Raises NotFound where there is none."""
        return self._one(Market, "/historical/markets/{ticker}", ticker, field="market")

    def historical_cutoff(self) -> Cutoff:
        """Where the archive begins."""
        return self._one(Cutoff, "/historical/cutoff")

    def orderbook(self, ticker: str) -> Orderbook:
        """One market's book; needs a key. Raises NotFound where there is no such market."""
        path = "/markets/{ticker}/orderbook"
        answer = self._get(f"GET {path}", path.format(ticker=quote(ticker, safe="")), {})
        document = answer.document
        document = {"ticker": ticker, **document} if isinstance(document, dict) else document
        return validated(Orderbook, document, answer.endpoint)

    def orderbooks(self, tickers: Iterable[str]) -> Page[Orderbook]:
        """The books of many markets, a hundred a request; needs a key."""
        wanted = list(tickers)
        books: list[Orderbook] = []
        rejected: list[Rejected] = []
        for start in range(0, len(wanted), BOOKS_A_REQUEST):
            params = [("tickers", ticker) for ticker in wanted[start : start + BOOKS_A_REQUEST]]
            answer = self._get("GET /markets/orderbooks", "/markets/orderbooks", params)
            documents = answer.list_at("orderbooks")
            found = read_items(Orderbook, documents, may_hold_nul=answer.may_hold_nul)
            books += found[0]
            rejected += found[1]
        return Page(books, "", rejected)

    def tags_by_category(self) -> TagsByCategory:
        """The tags that series of each category have."""
        return self._one(TagsByCategory, "/search/tags_by_categories")

    def filters_by_sport(self) -> SportFilters:
        """The competitions and scopes of each sport."""
        return self._one(SportFilters, "/search/filters_by_sport")

    # The account

    def account_limits(self) -> AccountLimits:
        """What the account may ask; needs a key."""
        return self._one(AccountLimits, "/account/limits")

    def endpoint_costs(self) -> EndpointCosts:
        """What requests cost."""
        return self._one(EndpointCosts, "/account/endpoint_costs")

    def learn_limits(self) -> AccountBudget:
        """Ask what the account is granted and make every worker keep to it.

        An exchange that tells no costs (its older API does not, and some only to who has a key)
        has the usual one. Without a key the limits are those of the lowest tier.

        Raises:
            RestError: It could not be asked; what was in force stays in force.
            StreamUnavailable: Redis cannot be reached.
        """
        try:
            told = self.endpoint_costs()
        except (NotFound, KeyRefused) as error:
            if isinstance(error, KeyRefused) and self.keys:
                raise
            told = EndpointCosts(default_cost=DEFAULT_COST)
        costs = {f"{each.method} {each.path}": each.cost for each in told.endpoint_costs}
        reading = self.account_limits().reading(told.default_cost) if self.keys else None
        if reading is None:
            budget = AccountBudget(default_cost=told.default_cost, costs=costs)
        else:
            budget = AccountBudget(
                reading.refill_rate, reading.bucket_capacity, told.default_cost, costs
            )
        self.bucket.learn(budget)
        return budget

    # Requests

    def _one(
        self,
        model: type[Model],
        path: str,
        name: str = "",
        *,
        field: str = "",
        params: Params | None = None,
    ) -> Model:
        """One object; ``name`` takes the place in the path, ``field`` is where it is."""
        endpoint = f"GET {path}"
        if name:
            start, _, rest = path.partition("{")
            path = start + quote(name, safe="") + rest.partition("}")[2]
        answer = self._get(endpoint, path, params or {})
        return validated(model, answer.object_at(field), answer.endpoint)

    def _try_once(self, endpoint: str, path: str, params: Query, deadline: float) -> Answer:
        """Send with the keys in turn until one is not refused."""
        refusal: KeyRefused | None = None
        for signer in self.keys.in_order() or (None,):
            auth = KalshiAuth(signer) if signer else None
            try:
                return self._ask(endpoint, path, params, auth, deadline)
            except KeyRefused as error:
                refusal = error
                if signer is not None:
                    told = ErrorAnswer(error.code, error.explanation)
                    self.keys.refused(signer, endpoint, error.status, str(told))
        assert refusal is not None
        if not self.keys:
            told = ErrorAnswer(refusal.code, f"{refusal.explanation}; no API key is configured")
            raise KeyRefused(self._named(endpoint), refusal.status, told)
        raise refusal
