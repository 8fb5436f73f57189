"""An exchange's rate limit, shared by every worker: a token bucket in Redis, one an account.

A request *reserves* its tokens: the bucket may go into debt, and the debt says how long to wait.
Waiting requests are thus served in the order they came. A 429 shows that the bucket was wrong:
it is emptied and closed for a moment, reservations lapse (whoever waits reserves anew), and the
refill is slowed by a third, to come back to full over the next minute or so.

The clock is Redis' own, so machines whose clocks differ agree.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import redis
from redis.exceptions import RedisError

from hadron_tasks import counters
from hadron_tasks.counters import Counter
from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.venues.rest.errors import RequestBudgetExhausted

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
"""How long a 429 without Retry-After closes the bucket: doubling while they keep coming."""
FORGIVEN_AFTER_S = 30.0
"""After so long without a 429 the next one's pause is the first again."""
SLOWED_TO = 0.67
SLOWEST_PACE = 0.05
PACE_REGAINED_PER_S = 0.005
"""A 429 takes a third of the refill for a while; this much of the whole comes back each second."""
LONGEST_RETRY_AFTER_S = 300.0
"""A Retry-After beyond this is not believed."""

_KEY_MIDDLE = ":rest:bucket:"
_PLACEHOLDER = re.compile(r"\{[^}]*\}|:[A-Za-z_]+")

# KEYS: the bucket. ARGV: endpoint, most seconds to wait, epoch of a reservation held (or ""), then
# where nothing was learnt: refill, capacity, cost; pace regained a second.
# Answers: seconds to wait (as text), epoch, 1 when reserved.
_RESERVE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'refill', 'capacity', 'pace', 'epoch',
                        'closed_until', 'default_cost', 'cost:' .. ARGV[1])
local refill = tonumber(kept[3]) or tonumber(ARGV[4])
local capacity = tonumber(kept[4]) or tonumber(ARGV[5])
local cost = tonumber(kept[9]) or tonumber(kept[8]) or tonumber(ARGV[6])
local epoch = tonumber(kept[6]) or 0
local closed_until = tonumber(kept[7]) or 0
if ARGV[3] ~= '' and tonumber(ARGV[3]) == epoch then
  return {'0', epoch, 1}
end
local pace = tonumber(kept[5]) or 1
local at = math.max(tonumber(kept[2]) or now, closed_until)
local tokens = tonumber(kept[1]) or math.min(cost, capacity)
local open_at = math.max(now, closed_until)
local passed = math.max(0, open_at - at)
local regained = math.min(1, pace + passed * tonumber(ARGV[7]))
tokens = math.min(capacity, tokens + passed * refill * (pace + regained) / 2)
local wait = open_at - now
local missing = math.min(cost, capacity) - tokens
if missing > 0 then
  wait = wait + missing / (refill * regained)
end
if wait > tonumber(ARGV[2]) then
  return {string.format('%.6f', wait), epoch, 0}
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens - cost),
           'at', string.format('%.6f', open_at), 'pace', string.format('%.6f', regained),
           'epoch', epoch, 'refill_in_force', refill, 'capacity_in_force', capacity)
redis.call('HINCRBY', KEYS[1], 'requests', 1)
redis.call('HINCRBYFLOAT', KEYS[1], 'spent', cost)
return {string.format('%.6f', wait), epoch, 1}
"""

# KEYS: the bucket. ARGV: epoch of the request that met the 429, seconds asked for (or ""), share
# of jitter, first and longest pause, forgiven after, slowed to, slowest pace.
_CLOSE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'closed_until', 'pace', 'strikes', 'struck_at')
local epoch = tonumber(kept[1]) or 0
local closed_until = tonumber(kept[2]) or 0
local pace = tonumber(kept[3]) or 1
local strikes = tonumber(kept[4]) or 0
local struck_at = tonumber(kept[5]) or 0
redis.call('HINCRBY', KEYS[1], 'limited', 1)
if tonumber(ARGV[1]) == epoch then
  if now - struck_at > tonumber(ARGV[6]) then strikes = 0 end
  local pause = math.min(tonumber(ARGV[5]), tonumber(ARGV[4]) * 2 ^ math.min(strikes, 20))
  closed_until = math.max(closed_until, now + pause * (1 + tonumber(ARGV[3]) / 4))
  pace = math.max(tonumber(ARGV[8]), pace * tonumber(ARGV[7]))
  epoch = epoch + 1
  strikes = strikes + 1
  struck_at = now
end
if ARGV[2] ~= '' then
  closed_until = math.max(closed_until, now + tonumber(ARGV[2]))
end
redis.call('HSET', KEYS[1], 'epoch', epoch, 'pace', string.format('%.6f', pace), 'tokens', '0',
           'at', string.format('%.6f', closed_until), 'strikes', strikes,
           'closed_until', string.format('%.6f', closed_until),
           'struck_at', string.format('%.6f', struck_at))
return string.format('%.6f', math.max(0, closed_until - now))
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a bucket keeps to."""

    refill_per_s: float
    """Tokens a second."""
    capacity: float
    """Most tokens it holds."""
    cost: int = 1
    """Tokens a request, where nothing else is said of its endpoint."""
    costs: Mapping[str, int] = field(default_factory=dict)
    """By endpoint (``GET /markets/{ticker}``), where it is not that."""


class Grant(NamedTuple):
    """Leave to send one request now."""

    endpoint: str
    epoch: int
    """Which stretch between two 429s it belongs to."""
    waited_s: float


class BucketState(NamedTuple):
    """What the bucket counted and where it stands, for people and for tests."""

    requests: int
    """Reservations made; one a request, and one more for each that a 429 made void."""
    tokens_spent: float
    limited: int
    """429s that were reported."""
    pace: float
    """Share of the refill in use now: 1 unless there were 429s lately."""
    budget_age_s: float | None
    """Since the account's limits were learnt; None when they never were."""
    tokens: float
    """In the bucket now; below zero is what waiting requests owe."""
    capacity: float
    """Most it holds; 0 when it was never used."""
    closed_for_s: float
    """How long a 429 keeps it closed from now; 0 when it is open."""


class SharedBucket:
    """One account's bucket; any number of processes may hold the same one."""

    def __init__(
        self,
        client: redis.Redis,
        exchange: str,
        account: str,
        unless_learnt: Limit,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Hold a bucket; nothing is asked of Redis yet.

        Args:
            client: One that gives bytes, as they do by default.
            exchange: What errors call it: ``Kalshi``.
            account: Names the bucket: requests that the exchange counts together share it.
            unless_learnt: What to keep to until :meth:`keep_to` says otherwise.
        """
        self.exchange = exchange
        self.account = account
        self.unless_learnt = unless_learnt
        self.key = f"hadron:{exchange.lower()}{_KEY_MIDDLE}{account}"
        self._client = client
        self._reserve = client.register_script(_RESERVE)
        self._close = client.register_script(_CLOSE)
        self._sleep = sleep
        self._jitter = jitter

    def acquire(self, endpoint: str, within_s: float) -> Grant:
        """Wait until one request to ``endpoint`` may be sent.

        Raises:
            RequestBudgetExhausted: That would be later than ``within_s`` from now; told at once,
                not when the time is over.
            StreamUnavailable: Redis cannot be reached.
        """
        held: int | str = ""
        waited = 0.0
        while True:
            wait, epoch, is_reserved = self._ask(endpoint, within_s - waited, held)
            if not is_reserved:
                raise RequestBudgetExhausted(f"{self.exchange} {endpoint}", waited + wait)
            if wait <= 0:
                return Grant(endpoint, epoch, waited)
            self._sleep(wait)
            waited += wait
            # While this one slept a 429 may have closed the bucket: then its place is void.
            held = epoch

    def close_for_a_moment(self, grant: Grant, retry_after_s: float | None = None) -> float:
        """A granted request met a 429: make everybody wait; returns for how many seconds.

        Several 429s of one stretch count as one.

        Raises:
            StreamUnavailable: Redis cannot be reached.
        """
        asked = "" if retry_after_s is None else min(max(retry_after_s, 0), LONGEST_RETRY_AFTER_S)
        arguments: list[float | str] = [grant.epoch, asked, self._jitter()]
        arguments += [FIRST_PAUSE_S, LONGEST_PAUSE_S, FORGIVEN_AFTER_S, SLOWED_TO, SLOWEST_PACE]
        try:
            return float(cast("bytes", self._close([self.key], arguments)))
        except RedisError as error:
            raise _unavailable(error) from error

    def keep_to(self, limit: Limit) -> None:
        """Keep to ``limit`` from now on and in every process.

        Raises:
            StreamUnavailable: Redis cannot be reached.
        """
        default = max(1, limit.cost)
        values: dict[str, Any] = {
            "refill": limit.refill_per_s,
            "capacity": max(float(default), limit.capacity),
            "default_cost": default,
        }
        costs = {f"cost:{_pattern(name)}": max(0, cost) for name, cost in limit.costs.items()}
        try:
            now_s = cast("tuple[int, int]", self._client.time())[0]
            before = cast("dict[bytes, bytes]", self._client.hgetall(self.key))
            outdated = [n for n in before if n.startswith(b"cost:") and n.decode() not in costs]
            pipeline = self._client.pipeline(transaction=True)
            if outdated:
                pipeline.hdel(self.key, *outdated)  # type: ignore[arg-type]
            pipeline.hset(self.key, mapping={**values, **costs, "learnt_at": now_s})
            pipeline.execute()
        except RedisError as error:
            raise _unavailable(error) from error

    def state(self) -> BucketState:
        """Where the bucket stands.

        Raises:
            StreamUnavailable: Redis cannot be reached.
        """
        try:
            kept = cast("dict[bytes, bytes]", self._client.hgetall(self.key))
            now_s = cast("tuple[int, int]", self._client.time())[0]
        except RedisError as error:
            raise _unavailable(error) from error
        return _state(kept, now_s)

    def count_request(self, endpoint: str, outcome: str) -> None:
        """Count a request that was sent, for the metrics; does nothing while Redis is away.

        Args:
            outcome: The HTTP status, or what happened instead.
        """
        what = (Counter.REST_REQUESTS, (self.exchange.lower(), endpoint, outcome))
        counters.add(self._client, {what: 1})

    def _ask(self, endpoint: str, within_s: float, held: int | str) -> tuple[float, int, bool]:
        arguments: list[float | str] = [_pattern(endpoint), max(0.0, within_s), held]
        limit = self.unless_learnt
        arguments += [limit.refill_per_s, limit.capacity, limit.cost, PACE_REGAINED_PER_S]
        try:
            wait, epoch, is_reserved = cast(
                "tuple[bytes, int, int]", self._reserve([self.key], arguments)
            )
        except RedisError as error:
            raise _unavailable(error) from error
        return float(wait), epoch, bool(is_reserved)


def all_buckets(client: redis.Redis) -> dict[str, BucketState]:
    """Every bucket that was ever used, by exchange and account (``kalshi:HOST:account``).

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    now_s = cast("tuple[int, int]", client.time())[0]
    found = {}
    for key in client.scan_iter(match=f"hadron:*{_KEY_MIDDLE}*", count=1000):
        kept = cast("dict[bytes, bytes]", client.hgetall(key))
        exchange, _, account = key.decode().removeprefix("hadron:").partition(_KEY_MIDDLE)
        found[f"{exchange}:{account}"] = _state(kept, now_s)
    return found


def _state(kept: Mapping[bytes, bytes], now_s: float) -> BucketState:
    learnt = kept.get(b"learnt_at")
    refill, capacity = (
        float(kept.get(name, kept.get(name + b"_in_force", 0))) for name in (b"refill", b"capacity")
    )
    filling_s = max(0.0, now_s - float(kept.get(b"at", now_s)))
    pace = float(kept.get(b"pace", 1))
    regained = min(1.0, pace + filling_s * PACE_REGAINED_PER_S)
    tokens = float(kept.get(b"tokens", capacity)) + filling_s * refill * (pace + regained) / 2
    return BucketState(
        requests=int(kept.get(b"requests", 0)),
        tokens_spent=float(kept.get(b"spent", 0)),
        limited=int(kept.get(b"limited", 0)),
        pace=regained,
        budget_age_s=None if learnt is None else float(now_s - int(learnt)),
        tokens=min(capacity, tokens),
        capacity=capacity,
        closed_for_s=max(0.0, float(kept.get(b"closed_until", 0)) - now_s),
    )


def _pattern(endpoint: str) -> str:
    """An endpoint as both sides of the lookup write it: ``GET /markets/{}/orderbook``."""
    method, _, path = endpoint.partition(" ")
    path = _PLACEHOLDER.sub("{}", path).rstrip("/")
    return f"{method.upper()} {path}"


def _unavailable(error: RedisError) -> StreamUnavailable:
    return StreamUnavailable(f"Redis keeps the rate limit and cannot be reached: {error}")
