"""The beat schedule: defaults from code, edits by operators, both in Redis, live at once.

RedBeat keeps the entries in Redis and beat reads them on every turn, so a change needs no restart.
By itself RedBeat writes the defaults over everything when beat starts; :class:`HadronScheduler`
leaves alone what an operator edited.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import Celery
from celery.schedules import ParseException, crontab
from celery.schedules import schedule as interval
from redbeat import RedBeatScheduler, RedBeatSchedulerEntry
from redbeat.schedulers import get_redis

from hadron_tasks import beat_health
from hadron_tasks.errors import HadronError
from hadron_tasks.task_past import Past

EDITED_KEY = "hadron:beat:edited"
"""Redis set of the names of entries that an operator changed."""

SHORTEST_INTERVAL = timedelta(seconds=1)


class HadronScheduler(RedBeatScheduler):  # type: ignore[misc]
    """RedBeat, but an operator's edit outlives a restart and a new version's defaults."""

    def update_from_dict(self, dict_: dict[str, Any]) -> None:
        """Install the defaults of entries that nobody edited."""
        edited = edited_names(self.app)
        super().update_from_dict(
            {name: entry for name, entry in dict_.items() if name not in edited}
        )

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Send what is due, and leave a sign of life; returns the seconds until the next."""
        next_s: float = super().tick(*arguments, **options)
        beat_health.note_tick(get_redis(self.app))
        return next_s

    def apply_async(self, entry: RedBeatSchedulerEntry, *args: Any, **kwargs: Any) -> Any:
        """Send an entry's task, marked as one that another will follow."""
        # Entries are read from Redis for every turn: this changes nothing that is kept.
        headers = (entry.options.get("headers") or {}) | Past(scheduled=True).headers()
        entry.options = entry.options | {"headers": headers}
        return super().apply_async(entry, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """One entry, as it is now."""

    name: str
    task: str
    when: str
    """In words: ``every 2 s``, or the cron line (UTC)."""
    enabled: bool
    edited: bool
    last_run_at: datetime | None
    next_run_at: datetime | None


def scheduled_tasks(app: Celery) -> list[ScheduledTask]:
    """Every entry: what beat has in Redis, and defaults that beat has not installed yet."""
    edited = edited_names(app)
    return [
        ScheduledTask(
            name=entry.name,
            task=entry.task,
            when=in_words(entry.schedule),
            enabled=entry.enabled,
            edited=entry.name in edited,
            last_run_at=_aware(entry.last_run_at),
            next_run_at=_aware(entry.due_at) if entry.enabled else None,
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
    last_run_at = _entry(app, name).last_run_at
    entry = _default(app, name)
    entry.last_run_at = last_run_at
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
    return str(app.send_task(entry.task, entry.args, entry.kwargs, **options).id)


def parse_cron(line: str) -> crontab:
    """A cron line of five fields, in UTC.

    Raises:
        HadronError: It is none; says why.
    """
    try:
        return crontab.from_string(line)
    except (ParseException, ValueError, TypeError) as error:
        raise HadronError(
            f"{line!r} is no cron line: {error}. It has five fields: minute, hour, day of month, "
            "month, day of week; for example '15 6 * * *'."
        ) from None


def every(duration: timedelta) -> interval:
    """An interval.

    Raises:
        HadronError: It is shorter than a second.
    """
    if duration < SHORTEST_INTERVAL:
        raise HadronError("An interval is at least one second.")
    return interval(duration)


def in_words(when: crontab | interval) -> str:
    """When an entry runs: ``every 2 s``, ``every 1 h``, or the cron line."""
    if isinstance(when, crontab):
        fields = (
            when._orig_minute,
            when._orig_hour,
            when._orig_day_of_month,
            when._orig_month_of_year,
            when._orig_day_of_week,
        )
        return " ".join(str(field) for field in fields) + " UTC"
    seconds = when.run_every.total_seconds()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"every {seconds / length:g} {unit}"
    return f"every {seconds:g} s"


def edited_names(app: Celery) -> set[str]:
    """The entries that an operator changed."""
    return set(get_redis(app).smembers(EDITED_KEY))


def _entry(app: Celery, name: str) -> RedBeatSchedulerEntry:
    default = _default(app, name)
    try:
        return RedBeatSchedulerEntry.from_key(default.key, app=app)
    except KeyError:  # beat has not run yet
        return default


def _default(app: Celery, name: str) -> RedBeatSchedulerEntry:
    known = app.conf.beat_schedule
    if name not in known:
        raise HadronError(
            f"Nothing is scheduled as {name!r}; there are {', '.join(sorted(known))}."
        )
    fields = known[name]
    return RedBeatSchedulerEntry(
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


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None or moment.year == 1:  # RedBeat's word for never
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
