"""A stretch of watching: group what was listed, look where quotes changed, compare with models."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import redis
import structlog
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from redis.exceptions import LockError
from sqlalchemy import Engine

from hadron_tasks import quote_changes
from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.market_watch.arbitrage_watch import ArbitrageWatch
from hadron_tasks.market_watch.grouping import VENUE, group_changed
from hadron_tasks.market_watch.quotes import read_feed
from hadron_tasks.market_watch.reconciliation import Reconciler
from hadron_tasks.store.arbitrage import Recorded, scopes_to_look_at_again
from hadron_tasks.store.session import raw_connection

LOOK_EVERY_S = 0.2
GROUP_EVERY_S = 2.0
LOOK_AGAIN_AFTER = timedelta(seconds=5)
"""What lives is looked at again so often although none of its quotes changed."""

MOST_AT_ONCE = 5_000
"""Changed instruments in one look."""

_LOCK = "hadron:markets:watch"
_LAST = "hadron:markets:watched-by"
"""Who watched last: it was told of all changes since it did before."""
_LOCK_S = 15.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Watched:
    """What a stretch of watching did."""

    changed: int = 0
    """Instruments whose quotes had changed."""
    looked: int = 0
    """Groups and markets looked at."""
    opened: int = 0
    closed: int = 0
    """Arbitrages."""
    grouped: int = 0
    """Markets grouped anew."""
    reconciled: int = 0
    """Rows of reconciliation."""

    def counts(self) -> dict[str, int]:
        """Those that are not zero."""
        return {name: count for name, count in asdict(self).items() if count}


class MarketWatch:
    """Watches prices for a stretch at a time; one process of the fleet does at once."""

    def __init__(self, client: redis.Redis, engine: Engine) -> None:
        self._client = client
        self._engine = engine
        self._name = uuid4().hex
        self._arbitrage = ArbitrageWatch()
        self._reconciler = Reconciler()

    def run(self, for_s: float, sleep: Callable[[float], None] = time.sleep) -> Watched | None:
        """Watch for ``for_s`` seconds; None when another process is at it.

        Raises:
            StoreUnavailable: PostgreSQL is away.
            StreamUnavailable: Redis is away.
        """
        done = Watched()
        ends_at = time.monotonic() + for_s
        group_at = 0.0
        lock = self._client.lock(_LOCK, timeout=_LOCK_S, blocking=False)
        try:
            if not lock.acquire():
                return None
            try:
                if self._client.getset(_LAST, self._name) != self._name.encode():
                    self._arbitrage.forget()
                with raw_connection(self._engine) as connection:
                    while (now_s := time.monotonic()) < ends_at:
                        changed: list[str] = []
                        if now_s >= group_at:
                            grouped = group_changed(connection)
                            done.grouped += grouped.markets
                            # A market that was settled may make others certain.
                            changed += grouped.instrument_ids
                            group_at = now_s + GROUP_EVERY_S
                            lock.reacquire()
                        self._look(connection, changed, done)
                        done.reconciled += self._reconciler.run(connection, self._client)
                        sleep(LOOK_EVERY_S)
            finally:
                with suppress(LockError):
                    lock.release()
        except LockError:  # held up for so long that another process took over
            return done
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise StreamUnavailable(f"Redis is not available now ({error}).") from error
        return done

    def _look(self, connection: PgConnection, changed: list[str], done: Watched) -> None:
        now = datetime.now(UTC)
        with connection, connection.cursor() as cursor:
            again = scopes_to_look_at_again(cursor, now - LOOK_AGAIN_AFTER)
        while True:
            # Before the quotes: what is read then is at least as new as what was told of.
            feed = read_feed(self._client, VENUE)
            changed += quote_changes.take(self._client, MOST_AT_ONCE)
            if not (changed or again):
                return
            try:
                looked = self._arbitrage.look(connection, changed, again, feed, datetime.now(UTC))
            except Exception:
                self._give_back(changed)
                raise
            done.changed += len(changed)
            done.looked += looked.scopes
            done.opened += len(looked.recorded.opened)
            done.closed += len(looked.recorded.closed)
            _tell(looked.recorded)
            if len(changed) < MOST_AT_ONCE:
                return
            changed, again = [], []

    def _give_back(self, changed: list[str]) -> None:
        """Nobody looked: let whoever is next."""
        self._arbitrage.forget()
        with suppress(redis.RedisError), self._client.pipeline() as pipeline:
            quote_changes.enqueue(pipeline, changed)
            pipeline.execute()


def _tell(recorded: Recorded) -> None:
    for found in recorded.opened:
        _log.info(
            "arbitrage.opened",
            kind=found.kind,
            scope=found.scope,
            profit=str(found.profit),
            sets=str(found.sets),
            assumption=found.assumption,
            legs=[f"{leg['side']} {leg['ticker']} at {leg['price']}" for leg in found.legs],
        )
    for gone in recorded.closed:
        lived = None if gone.closed_at is None else gone.closed_at - gone.first_seen_at
        _log.info(
            "arbitrage.closed",
            id=gone.id,
            kind=gone.kind,
            scope=gone.scope,
            best_profit=str(gone.best_profit),
            lived_s=None if lived is None else round(lived.total_seconds(), 1),
        )
