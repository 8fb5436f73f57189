"""A client of one exchange's REST API, without what is particular to the exchange.

Every request goes through the account's shared rate limit and is tried again where that makes
sense: up to three times when the exchange fails or cannot be reached or answers something
unreadable, and for as long as the caller's patience lasts when it says 429, which slows every
worker down. Refusals (400, 401, 403, 404) are final; see :mod:`hadron_tasks.venues.rest.errors`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import ClassVar, Self

import requests
from requests.auth import AuthBase
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.venues.rest.answers import Answer, read_answer
from hadron_tasks.venues.rest.errors import RateLimited, RequestBudgetExhausted, RestError
from hadron_tasks.venues.rest.pages import Params
from hadron_tasks.venues.rest.rate_limit import SharedBucket

TRIES = 3
"""How often a request is sent before an exchange that fails is given up on."""
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 10.0
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 20.0
"""Between two reads of a socket."""
PATIENCE_S = 60.0
"""How long one request may take in all, waits for the rate limit and tries included."""
POOL_CONNECTIONS = 4

Query = Params | list[tuple[str, str]]
"""The query string's arguments; a list where one is given several times."""


class RestClient:
    """For one process, not to be shared between threads; made after a fork, not before.

    A subclass says which exchange it is, how a request is authenticated (:meth:`_try_once`), and
    what can be asked.
    """

    exchange: ClassVar[str]
    """What errors call it."""
    address_hint: ClassVar[str]
    """The setting with its address, and what that looks like."""

    def __init__(
        self,
        base_url: str,
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
            base_url: What paths are appended to.
            bucket: The rate limit of the account that requests count for.
            timeouts_s: To connect, and between two reads.
            patience_s: For one request, waits and tries included.
            limit_wait_s: How much of that may be spent waiting for the rate limit at a time;
                a longer wait is told at once, with RequestBudgetExhausted.
        """
        self.base_url = base_url.rstrip("/")
        self.bucket = bucket
        self.requests_sent = 0
        """By this client so far, whatever came of them."""
        self._timeouts_s = timeouts_s
        self._patience_s = patience_s
        self._limit_wait_s = limit_wait_s
        self._sleep = sleep
        self._jitter = jitter
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=POOL_CONNECTIONS)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)
        self._session.headers.update({"Accept": "application/json", "User-Agent": "hadron"})

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _named(self, endpoint: str) -> str:
        return f"{self.exchange} {endpoint}"

    def _get(self, endpoint: str, path: str, params: Query) -> Answer:
        """Send until there is an answer, tries or patience are used up, or it is refused.

        Args:
            endpoint: As the exchange documents it (``GET /markets/{ticker}``): what it costs and
                what errors say.
            path: Appended to the base address.
        """
        deadline = time.monotonic() + self._patience_s
        tries = 0
        limited: RateLimited | None = None
        while True:
            try:
                return self._try_once(endpoint, path, params, deadline)
            except RateLimited as error:
                # The bucket is closed for everybody now: asking it again is the wait.
                limited = error
                if time.monotonic() >= deadline:
                    raise
            except RequestBudgetExhausted as error:
                if limited is not None:  # which is why, and says more
                    raise limited from error
                raise
            except RestError as error:
                if not error.retryable:
                    raise
                tries += 1
                delay = self._delay(tries)
                if tries >= TRIES or time.monotonic() + delay >= deadline:
                    raise
                self._sleep(delay)

    def _try_once(self, endpoint: str, path: str, params: Query, deadline: float) -> Answer:
        """Send with whatever authenticates a request: :meth:`_ask`, once or for each key."""
        raise NotImplementedError

    def _ask(
        self, endpoint: str, path: str, params: Query, auth: AuthBase | None, deadline: float
    ) -> Answer:
        """Wait for leave, send once, and decode what comes."""
        wait_s = min(self._limit_wait_s, deadline - time.monotonic())
        grant = self.bucket.acquire(endpoint, wait_s)
        outcome = "unreachable"
        self.requests_sent += 1
        try:
            answer = read_answer(
                self._session,
                self._named(endpoint),
                self.base_url + path,
                params,
                auth,
                self._timeouts_s,
                deadline,
            )
            outcome = str(answer.status)
            return answer.decoded()
        except RateLimited as error:
            self.bucket.close_for_a_moment(grant, error.retry_after_s)
            raise
        except (InvalidURL, InvalidSchema, MissingSchema) as error:
            raise ConfigurationError(
                f"The address of {self.exchange}'s REST API cannot be used ({error}). "
                f"Correct {self.address_hint}."
            ) from None
        finally:
            self.bucket.count_request(endpoint, outcome)

    def _delay(self, tries: int) -> float:
        longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (tries - 1))
        return longest * (0.5 + self._jitter() / 2)
