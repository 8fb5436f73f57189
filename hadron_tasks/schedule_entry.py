"""An entry of the beat schedule in Redis: RedBeat's, with time zones and the true next time."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from celery.schedules import ParseException, crontab
from celery.schedules import schedule as interval
from redbeat import RedBeatSchedulerEntry
from redbeat.decoder import RedBeatJSONDecoder, RedBeatJSONEncoder
from redbeat.schedulers import get_redis

from hadron_tasks.errors import HadronError

SHORTEST_INTERVAL = timedelta(seconds=1)

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


class ZonedCron(crontab):  # type: ignore[misc]
    """A cron line by the wall clock of a time zone.

    A time that a change of clocks skips comes an hour later that day; one that it repeats comes
    once.
    """

    def __init__(self, *fields: Any, zone: ZoneInfo, **options: Any) -> None:
        super().__init__(*fields, **options)
        self.tz = zone

    def now(self) -> datetime:
        """Now, by the zone's clock."""
        moment: datetime = super().now()
        return moment.astimezone(self.tz)

    def remaining_delta(self, last_run_at: datetime, *arguments: Any, **options: Any) -> Any:
        """What celery adds to the last run to find the next one: both by the zone's clock."""
        local = self.maybe_make_aware(last_run_at).astimezone(self.tz)
        return super().remaining_delta(local, *arguments, **options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZonedCron) and self.tz == other.tz and bool(super().__eq__(other))

    __hash__ = crontab.__hash__


class HadronEntry(RedBeatSchedulerEntry):  # type: ignore[misc]
    """RedBeat's entry, which keeps a cron line's zone and knows when it is due next."""

    @staticmethod
    def decode_definition(definition: str) -> Any:
        """What :meth:`save` wrote."""
        return json.loads(definition, cls=_Decoder)

    @property
    def due_at(self) -> datetime | None:
        """When it runs next; now when it is overdue."""
        # RedBeat's own adds what is left from now to the time of the last run.
        now: datetime = self._default_now()
        if self.last_run_at is None:
            return now
        left: timedelta | None = self.schedule.remaining_estimate(self.last_run_at)
        if left is None:
            return None
        due = now + max(left, timedelta(0))
        # To the full second: between the two looks at the clock some microseconds passed.
        return (due + timedelta(milliseconds=500)).replace(microsecond=0)

    def save(self) -> HadronEntry:
        """Write the definition; the time of the last run only where none is known."""
        definition = {
            "name": self.name,
            "task": self.task,
            "args": self.args,
            "kwargs": self.kwargs,
            "options": self.options,
            "schedule": self.schedule,
            "enabled": self.enabled,
        }
        meta = {"last_run_at": self.last_run_at}
        with get_redis(self.app).pipeline() as pipe:
            pipe.hset(self.key, "definition", json.dumps(definition, cls=_Encoder))
            pipe.hsetnx(self.key, "meta", json.dumps(meta, cls=_Encoder))
            pipe.zadd(self.app.redbeat_conf.schedule_key, {self.key: self.score})
            pipe.execute()
        return self


class _Encoder(RedBeatJSONEncoder):  # type: ignore[misc]
    def default(self, value: Any) -> Any:
        encoded = super().default(value)
        return encoded | {"zone": value.tz.key} if isinstance(value, ZonedCron) else encoded


class _Decoder(RedBeatJSONDecoder):  # type: ignore[misc]
    def dict_to_object(self, fields: dict[str, Any]) -> Any:
        if "zone" not in fields:
            return super().dict_to_object(fields)
        zone = ZoneInfo(fields.pop("zone"))
        fields.pop("__type__")
        return ZonedCron(**fields, zone=zone)


def parse_cron(line: str, zone: str = "UTC") -> crontab:
    """A cron line of five fields.

    Args:
        zone: Whose clock it goes by: an IANA name such as ``America/New_York``.

    Raises:
        HadronError: It is none, or there is no such zone; says why.
    """
    try:
        plain = crontab.from_string(line)
    except (ParseException, ValueError, TypeError) as error:
        raise HadronError(
            f"{line!r} is no cron line: {error}. It has five fields: minute, hour, day of month, "
            "month, day of week; for example '15 6 * * *'."
        ) from None
    if zone == "UTC":
        return plain
    try:
        found = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise HadronError(
            f"There is no time zone {zone!r}. It has an IANA name, such as America/New_York."
        ) from None
    minute, hour, day, month, weekday = cron_fields(plain)
    return ZonedCron(minute, hour, weekday, day, month, zone=found)


def every(duration: timedelta) -> interval:
    """An interval.

    Raises:
        HadronError: It is shorter than a second.
    """
    if duration < SHORTEST_INTERVAL:
        raise HadronError("An interval is at least one second.")
    return interval(duration)


def cron_fields(when: crontab) -> tuple[str, str, str, str, str]:
    """Minute, hour, day of month, month and day of week, as they were written."""
    return (
        str(when._orig_minute),
        str(when._orig_hour),
        str(when._orig_day_of_month),
        str(when._orig_month_of_year),
        str(when._orig_day_of_week),
    )


def in_words(when: crontab | interval) -> str:
    """When an entry runs: ``every 2 s``, ``daily at 06:15 UTC``, else the cron line and zone."""
    if isinstance(when, crontab):
        zone = when.tz.key if isinstance(when, ZonedCron) else "UTC"
        return f"{_cron_in_words(*cron_fields(when))} {zone}"
    seconds = when.run_every.total_seconds()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"every {seconds / length:g} {unit}"
    return f"every {seconds:g} s"


def _cron_in_words(minute: str, hour: str, day: str, month: str, weekday: str) -> str:
    line = " ".join((minute, hour, day, month, weekday))
    if not (minute.isdecimal() and hour.isdecimal()) or month != "*":
        return line
    at = f"at {int(hour):02}:{int(minute):02}"
    if (day, weekday) == ("*", "*"):
        return f"daily {at}"
    if day == "*" and weekday.isdecimal():
        return f"{_WEEKDAYS[int(weekday)]}s {at}"
    if weekday == "*" and day.isdecimal():
        return f"monthly on day {int(day)} {at}"
    return line
