"""A beat whose lock ran out, as when its machine stood still, goes on or stands by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from redbeat.schedulers import acquire_distributed_beat_lock

from hadron_tasks import beat_health
from hadron_tasks.app import make_app
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.schedule import LOOK_AGAIN_AFTER_S, HadronScheduler
from hadron_tasks.schedule_entry import HadronEntry
from hadron_tasks.settings import Settings


class Service:
    """What Celery tells RedBeat of when beat starts."""

    def __init__(self, scheduler: HadronScheduler) -> None:
        self.scheduler = scheduler


@pytest.fixture
def beat(client: redis.Redis, shared_redis: RedisServer) -> Iterator[HadronScheduler]:
    """A beat that has the lock, and a task that is due."""
    app = make_app(Settings(redis_url=shared_redis.url))  # type: ignore[arg-type]
    started = HadronScheduler(app=app)
    acquire_distributed_beat_lock(Service(started))
    key = HadronEntry.generate_key(app, "tidy-streams")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    HadronEntry.from_key(key, app=app).reschedule(last_run_at=yesterday)
    yield started
    started.close()
    app.close()


def sent(client: redis.Redis) -> int:
    return int(client.llen("maintenance"))  # type: ignore[arg-type]


def test_it_goes_on_when_nobody_has_taken_over(client: redis.Redis, beat: HadronScheduler) -> None:
    client.delete(beat.lock_key)
    beat.tick()
    assert sent(client) > 0
    assert client.get(beat.lock_key) is not None, "the lock is taken again"
    assert beat.lock.owned()


def test_it_sends_nothing_while_another_has_the_lock(
    client: redis.Redis, beat: HadronScheduler
) -> None:
    client.set(beat.lock_key, b"another's")
    for _ in range(2):
        assert beat.tick() == LOOK_AGAIN_AFTER_S
    assert sent(client) == 0
    assert client.get(beat.lock_key) == b"another's"
    assert beat_health.tick_age_s(client) is None, "the sign of life is the other's"

    client.delete(beat.lock_key)
    beat.tick()
    assert sent(client) > 0
    assert beat.lock.owned()
    assert beat_health.tick_age_s(client) is not None
