"""The beat schedule: defaults from code, edits by operators, both in Redis, live at once.

RedBeat keeps the entries in Redis and beat reads them on every turn, so a change needs no restart.
By itself RedBeat writes the defaults over everything when beat starts; :class:`HadronScheduler`
leaves alone what an operator edited.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog
from celery import Celery
from celery.schedules import crontab
from celery.schedules import schedule as interval
from redbeat import RedBeatScheduler
from redbeat.schedulers import get_redis
from redis.exceptions import LockNotOwnedError

from hadron_tasks import beat_health
from hadron_tasks.errors import HadronError
from hadron_tasks.schedule_entry import HadronEntry, cron_fields, in_words
from hadron_tasks.task_past import Past

log = structlog.get_logger()

LOOK_AGAIN_AFTER_S = 1.0
"""While Redis is away, or another beat has the lock."""

EDITED_KEY = "hadron:beat:edited"
"""Redis set of the names of entries that an operator changed."""

LAST_RUNS_KEY = "hadron:beat:last-runs"
"""Redis hash: entry's name -> when its task was last sent, ISO 8601. RedBeat's own time of the last
run is moved by every change of the schedule, because the next one is counted from it."""


class HadronScheduler(RedBeatScheduler):  # type: ignore[misc]
    """RedBeat, but an operator's edit outlives a restart and a new version's defaults."""

    Entry = HadronEntry
    _stands_by = False

    def update_from_dict(self, dict_: dict[str, Any]) -> None:
        """Install the defaults of entries that nobody edited."""
        edited = edited_names(self.app)
        super().update_from_dict(
            {name: entry for name, entry in dict_.items() if name not in edited}
        )

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Send what is due, and leave a sign of life; returns the seconds until the next.

        While Redis is away nothing is due, nor while another beat has the lock: it may have taken
        it when ours ran out, because this process stood still or Redis was away for long.
        """
        try:
            next_s = self._tick_with_the_lock(*arguments, **options)
            if next_s is None:
                return LOOK_AGAIN_AFTER_S
            beat_health.note_tick(get_redis(self.app))
        except (redis.ConnectionError, redis.TimeoutError) as error:
            log.warning("Redis is away; nothing is sent until it is back", reason=str(error))
            return LOOK_AGAIN_AFTER_S
        return next_s

    def _tick_with_the_lock(self, *arguments: Any, **options: Any) -> float | None:
        """RedBeat's own turn; None while another beat has the lock."""
        try:
            next_s: float = super().tick(*arguments, **options)
        except LockNotOwnedError:
            # RedBeat would end here, and rely on somebody who starts it again.
            if not self.lock.acquire(blocking=False):
                if not self._stands_by:
                    log.warning("Another beat has taken over; this one stands by")
                self._stands_by = True
                return None
            log.warning("The lock had run out, and is taken again")
            next_s = super().tick(*arguments, **options)
        self._stands_by = False
        return next_s

    def apply_async(self, entry: HadronEntry, *args: Any, **kwargs: Any) -> Any:
        """Send an entry's task, marked as one that another will follow."""
        # Entries are read from Redis for every turn: this changes nothing that is kept.
        headers = (entry.options.get("headers") or {}) | Past(scheduled=True).headers()
        entry.options = entry.options | {"headers": headers}
        sent = super().apply_async(entry, *args, **kwargs)
        _note_run(get_redis(self.app), entry.name)
        return sent


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """One entry, as it is now."""

    name: str
    task: str
    when: str
    """In words: ``every 2 s``, ``daily at 06:15 UTC``."""
    cron: str | None
    """The cron line, where it runs by one."""
    enabled: bool
    edited: bool
    last_run_at: datetime | None
    next_run_at: datetime | None


def scheduled_tasks(app: Celery) -> list[ScheduledTask]:
    """Every entry: what beat has in Redis, and defaults that beat has not installed yet."""
    edited = edited_names(app)
    last_runs = get_redis(app).hgetall(LAST_RUNS_KEY)
    return [
        ScheduledTask(
            name=entry.name,
            task=entry.task,
            when=in_words(entry.schedule),
            cron=_cron_line(entry.schedule),
            enabled=entry.enabled,
            edited=entry.name in edited,
            last_run_at=_moment(last_runs.get(entry.name)),
            next_run_at=entry.due_at if entry.enabled else None,
        )
        for entry in (_entry(app, name) for name in sorted(app.conf.beat_schedule))
    ]


def change(
    app: Celery,
    name: str,
    *,
    when: crontab | interval | None = None,
    enabled: bool | None = None,
) -> None:
    """Change when an entry runs, or whether it does; live within seconds.

    Raises:
        HadronError: There is no such entry; lists those there are.
    """
    entry = _entry(app, name)
    if when is not None:
        entry.schedule = when
    if enabled is not None:
        entry.enabled = enabled
    # Marked first: a beat that starts in between must not put the default back.
    get_redis(app).sadd(EDITED_KEY, name)
    entry.save()
    entry.reschedule()


def reset(app: Celery, name: str) -> None:
    """Take an operator's edit back: the default of this version counts again.

    Raises:
        HadronError: There is no such entry; lists those there are.
    """
    entry = _default(app, name)
    entry.save()
    entry.reschedule()
    get_redis(app).srem(EDITED_KEY, name)


def run_now(app: Celery, name: str) -> str:
    """Send an entry's task at once, whether it is enabled or not; returns the task's id.

    Raises:
        HadronError: There is no such entry; lists those there are.
    """
    entry = _entry(app, name)
    options = {key: value for key, value in entry.options.items() if key != "expires"}
    sent = app.send_task(entry.task, entry.args, entry.kwargs, **options)
    _note_run(get_redis(app), name)
    return str(sent.id)


def edited_names(app: Celery) -> set[str]:
    """The entries that an operator changed."""
    return set(get_redis(app).smembers(EDITED_KEY))


def _entry(app: Celery, name: str) -> HadronEntry:
    default = _default(app, name)
    try:
        stored: HadronEntry = HadronEntry.from_key(default.key, app=app)
    except KeyError:  # beat has not run yet
        return default
    return stored


def _default(app: Celery, name: str) -> HadronEntry:
    known = app.conf.beat_schedule
    if name not in known:
        raise HadronError(
            f"Nothing is scheduled as {name!r}; there are {', '.join(sorted(known))}."
        )
    fields = known[name]
    return HadronEntry(
        name=name,
        task=fields["task"],
        schedule=_as_schedule(fields["schedule"]),
        args=fields.get("args"),
        kwargs=fields.get("kwargs"),
        options=fields.get("options"),
        app=app,
    )


def _as_schedule(value: Any) -> crontab | interval:
    return interval(value) if isinstance(value, int | float | timedelta) else value


def _cron_line(when: crontab | interval) -> str | None:
    return " ".join(cron_fields(when)) if isinstance(when, crontab) else None


def _note_run(client: redis.Redis, name: str) -> None:
    client.hset(LAST_RUNS_KEY, name, datetime.now(UTC).isoformat())


def _moment(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)
