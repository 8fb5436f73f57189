"""What streamers and tasks tell each other in Redis about order books."""

from __future__ import annotations

from collections.abc import Collection

import redis

OPEN_MARKETS_KEY = "hadron:kalshi:open_markets"
"""Redis hash: market ticker -> event ticker, of the open markets whose books are wanted; kept by
the streamers."""

SNAPSHOTS_WANTED_KEY = "hadron:kalshi:snapshots_wanted"
"""Redis set: tickers of the markets of which a fresh snapshot is wanted. The streamer that carries
a book takes its ticker out and asks the exchange."""

WANTED_FOR_S = 60
"""A book that nobody carries is not waited for longer."""


def ask_for_snapshots(client: redis.Redis, tickers: Collection[str]) -> None:
    """Let the streamers fetch fresh snapshots of these markets' books: from there they are exact.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    if not tickers:
        return
    with client.pipeline(transaction=True) as pipeline:
        pipeline.sadd(SNAPSHOTS_WANTED_KEY, *tickers)
        pipeline.expire(SNAPSHOTS_WANTED_KEY, WANTED_FOR_S)
        pipeline.execute()


def open_markets(client: redis.Redis) -> list[str]:
    """Tickers of all open markets whose books are wanted.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    found: list[bytes] = client.hkeys(OPEN_MARKETS_KEY)  # type: ignore[assignment]
    return [ticker.decode() for ticker in found]


def some_open_markets(client: redis.Redis, most: int) -> list[str]:
    """Tickers of open markets whose books are wanted, at random, each at most once.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    found: list[bytes] = client.hrandfield(OPEN_MARKETS_KEY, most) or []  # type: ignore[assignment]
    return [ticker.decode() for ticker in found]
