"""``hadron schedule``: when beat runs what, changed while it runs."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click

from hadron_tasks import schedule as beat
from hadron_tasks.cli.connect import celery_app
from hadron_tasks.cli.output import console, print_json, table
from hadron_tasks.schedule_entry import every, in_words, parse_cron

_DURATION = re.compile(r"(\d+)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(
        self,
        value: str | timedelta,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = _DURATION.fullmatch(value)
        if not found:
            self.fail(f"{value!r} is no duration: write 30s, 5m, 2h or 1d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.group()
def schedule() -> None:
    """See and change when beat runs its tasks. A change is live within seconds."""


@schedule.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_command(as_json: bool) -> None:
    """List what is scheduled, when it ran and when it runs next.

    \b
    Example:
      hadron schedule list
    """
    found = beat.scheduled_tasks(celery_app())
    if as_json:
        print_json(found)
        return
    console.print(
        table(
            "Schedule (UTC)",
            [
                {
                    "name": one.name,
                    "task": one.task.removeprefix("hadron."),
                    "when": one.when,
                    "last run": _short(one.last_run_at),
                    "next run": _short(one.next_run_at) if one.enabled else "disabled",
                    "edited": "yes" if one.edited else "",
                }
                for one in found
            ],
        )
    )


@schedule.command("set")
@click.argument("name")
@click.option("--cron", help="Five fields: minute hour day month weekday.")
@click.option("--timezone", help="Of the cron line; an IANA name.  [default: UTC]")
@click.option("--every", "duration", type=_Duration(), help="30s, 5m, 2h, 1d.")
def set_command(
    name: str, cron: str | None, timezone: str | None, duration: timedelta | None
) -> None:
    """Change when NAME runs. A restart or a new version does not change it back.

    \b
    Examples:
      hadron schedule set keep-partitions --cron '15 6 * * *'
      hadron schedule set keep-partitions --cron '0 9 * * 1' --timezone America/New_York
      hadron schedule set poke-kalshi --every 5s
    """
    if cron is not None and duration is None:
        when = parse_cron(cron, timezone or "UTC")
    elif duration is not None and cron is None:
        if timezone is not None:
            raise click.UsageError("--timezone goes with --cron; an interval has none.")
        when = every(duration)
    else:
        raise click.UsageError("Give either --cron or --every.")
    beat.change(celery_app(), name, when=when)
    click.echo(f"{name} runs {in_words(when)}.")


@schedule.command()
@click.argument("name")
def enable(name: str) -> None:
    """Let NAME run again.

    \b
    Example:
      hadron schedule enable keep-partitions
    """
    beat.change(celery_app(), name, enabled=True)
    click.echo(f"{name} is enabled.")


@schedule.command()
@click.argument("name")
def disable(name: str) -> None:
    """Keep NAME from running until it is enabled.

    \b
    Example:
      hadron schedule disable keep-partitions
    """
    beat.change(celery_app(), name, enabled=False)
    click.echo(f"{name} is disabled.")


@schedule.command()
@click.argument("name")
def run(name: str) -> None:
    """Run NAME now, once, besides its schedule.

    \b
    Example:
      hadron schedule run keep-partitions
    """
    click.echo(f"{name} sent as task {beat.run_now(celery_app(), name)}.")


@schedule.command()
@click.argument("name")
def reset(name: str) -> None:
    """Take back what was changed of NAME: this version's default counts again.

    \b
    Example:
      hadron schedule reset keep-partitions
    """
    beat.reset(celery_app(), name)
    click.echo(f"{name} is back to its default.")


def _short(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%m-%d %H:%M:%S}"
