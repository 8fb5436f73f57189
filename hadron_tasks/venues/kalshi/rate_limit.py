"""Kalshi's rate limit: what a request costs, what an account is granted, and how much we use of it.

The exchange counts tokens: a request costs 10 unless it says otherwise, and the account's bucket
refills at so many a second (Kalshi, Rate limits; ``GET /account/limits``,
``GET /account/endpoint_costs``). Our bucket is the same thing on our side, a little smaller, so
that the exchange's is never found empty although requests do not all travel equally fast.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import redis

from hadron_tasks.venues.rest.rate_limit import Limit, SharedBucket

DEFAULT_COST = 10
"""Tokens a request, unless the exchange says otherwise."""
BASIC_REFILL_PER_S = 200
"""Tokens a second of the exchange's lowest tier."""
REFILL_SHARE = 0.95
"""How much of the account's refill we use; the rest makes up for what we did not count."""
CAPACITY_SHARE = 0.5
"""How much of the account's burst we use. The rest is for requests that were let go one after the
other and arrive together, which is at most one a worker: of the basic tier's 200 tokens it takes
ten workers held up at once to need it all. A crawl goes at the refill anyway."""

_VERSION_PREFIX = re.compile(r"^([A-Za-z]+ )/trade-api/v\d+")
"""The exchange names endpoints with the path's prefix, our requests without."""


@dataclass(frozen=True, slots=True)
class AccountBudget:
    """What the exchange grants an account, in its own figures."""

    refill_per_s: int = BASIC_REFILL_PER_S
    """Tokens a second."""
    capacity: int = BASIC_REFILL_PER_S
    """Most tokens its bucket holds."""
    default_cost: int = DEFAULT_COST
    costs: Mapping[str, int] = field(default_factory=dict)
    """By endpoint (``GET /markets/{ticker}``), where it is not the default."""

    @property
    def limit(self) -> Limit:
        """How much of it we use."""
        return Limit(
            max(1.0, self.refill_per_s * REFILL_SHARE),
            self.capacity * CAPACITY_SHARE,
            self.default_cost,
            {_VERSION_PREFIX.sub(r"\1", name): cost for name, cost in self.costs.items()},
        )


class TokenBucket(SharedBucket):
    """The bucket of one of Kalshi's accounts: of the lowest tier until its limits are learnt."""

    def __init__(
        self,
        client: redis.Redis,
        account: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """As :class:`SharedBucket`."""
        super().__init__(
            client, "Kalshi", account, AccountBudget().limit, sleep=sleep, jitter=jitter
        )

    def learn(self, budget: AccountBudget) -> None:
        """Keep to what the exchange says it grants, from now on and in every process.

        Raises:
            StreamUnavailable: Redis cannot be reached.
        """
        self.keep_to(budget.limit)
