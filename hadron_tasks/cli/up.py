"""``hadron up``: the whole fleet on this machine, with a live view and a final account."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click
from rich.live import Live

from hadron_tasks.cli.connect import announce_fleet, withdraw_fleet
from hadron_tasks.cli.fleet_view import FleetView, account_table
from hadron_tasks.cli.output import console
from hadron_tasks.errors import ConfigurationError
from hadron_tasks.local.fleet import Fleet, options_from
from hadron_tasks.local.lifeline import sole_user_of
from hadron_tasks.local.reconcile import VenueAccount
from hadron_tasks.settings import get_settings

REFRESH_S = 1.0
PLAIN_LINE_EVERY_S = 5.0
"""Without a terminal the view is a line now and then."""

_MAX_SHOWN = 10


@click.command()
@click.option("--venues", help="Comma separated; HADRON_VENUES when left out (kalshi,polygon).")
@click.option("--workers", default=1, show_default=True, help="Celery worker nodes.")
@click.option("--concurrency", default=3, show_default=True, help="Pool processes a worker.")
@click.option("--streamers", default=1, show_default=True, help="Kalshi streamer processes.")
@click.option("--rate", default=500.0, show_default=True, help="Simulated messages a second.")
@click.option("--for", "seconds", type=float, help="Stop after so many seconds.")
@click.option("--keys", default=4, show_default=True, help="Simulated Kalshi API keys.")
@click.option("--markets", default=300, show_default=True, help="Simulated Kalshi markets.")
@click.option(
    "--rest-markets",
    default=1000,
    show_default=True,
    help="Further simulated Kalshi markets, which only the REST API knows.",
)
@click.option("--seed", type=int, help="Seed of the simulated market; a new one when left out.")
@click.option("--flower/--no-flower", default=True, help="Run Flower, the task monitor.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data and logs; HADRON_DATA_DIR when left out (.hadron).",
)
def up(
    venues: str | None,
    workers: int,
    concurrency: int,
    streamers: int,
    rate: float,
    seconds: float | None,
    keys: int,
    markets: int,
    rest_markets: int,
    seed: int | None,
    flower: bool,
    data_dir: Path | None,
) -> None:
    """Run the whole fleet here: services, streamers, workers, beat and Flower.

    Uses an embedded Redis and PostgreSQL unless HADRON_REDIS_URL and HADRON_DATABASE_URL are set,
    and simulated exchanges for venues without a key. Ctrl-C, or the end of --for, stores what is
    on its way, stops everything in order and accounts for every message. The exit code is 0 when
    nothing is missing and nothing was stored twice.

    \b
    Examples:
      hadron up
      hadron up --for 60 --rate 2000 --workers 2
    """
    settings = get_settings()
    chosen_venues = _venues(venues, settings.venues)
    options = options_from(
        settings,
        venues=chosen_venues,
        workers=workers,
        concurrency=concurrency,
        streamers=streamers,
        rate=rate,
        data_dir=(data_dir or settings.data_dir).resolve(),
        simulated_keys=keys,
        simulated_markets=markets,
        simulated_rest_markets=rest_markets,
        seed=seed,
        flower=flower,
    )
    for venue in chosen_venues:
        if venue in options.simulate:
            click.echo(f"{venue}: no API key is set, so a SIMULATED exchange stands in.")
    fleet = Fleet(options, click.echo)
    accounts: list[VenueAccount] = []
    problems: list[str] = []
    with sole_user_of(options.data_dir), _stop_signals() as stopping:
        try:
            fleet.start()
            announce_fleet(options.data_dir, fleet.redis_url, fleet.database_url)
            if fleet.flower_url:
                click.echo(f"Flower: {fleet.flower_url}   Logs: {fleet.logs}")
            _watch(fleet, stopping, seconds)
            problems = fleet.finish()
            accounts = fleet.settle()
        finally:
            withdraw_fleet(options.data_dir)
            fleet.close()
    _report(accounts, problems)


class _Stopping:
    """Set by the first Ctrl-C or SIGTERM; the second ends at once."""

    asked = False


@contextmanager
def _stop_signals() -> Iterator[_Stopping]:
    stopping = _Stopping()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stopping.asked:
            raise KeyboardInterrupt
        stopping.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _venues(option: str | None, configured: list[str]) -> tuple[str, ...]:
    names = [name.strip() for name in option.split(",")] if option else configured
    known = ("kalshi", "polygon")
    for name in names:
        if name not in known:
            raise ConfigurationError(f"There is no venue {name!r}; known are {', '.join(known)}.")
    return tuple(dict.fromkeys(names))


def _watch(fleet: Fleet, stopping: _Stopping, seconds: float | None) -> None:
    deadline = None if seconds is None else time.monotonic() + seconds
    view = FleetView(fleet.redis_url, fleet.database_url, fleet.options.venues)
    with suppress(KeyboardInterrupt), view:
        if console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                while _goes_on(stopping, deadline):
                    _say_restarts(fleet)
                    live.update(view.render(), refresh=True)
                    time.sleep(REFRESH_S)
            return
        next_line = 0.0
        while _goes_on(stopping, deadline):
            _say_restarts(fleet)
            if time.monotonic() >= next_line:
                click.echo(view.line())
                sys.stdout.flush()
                next_line = time.monotonic() + PLAIN_LINE_EVERY_S
            time.sleep(min(REFRESH_S, 0.2))


def _goes_on(stopping: _Stopping, deadline: float | None) -> bool:
    return not stopping.asked and (deadline is None or time.monotonic() < deadline)


def _say_restarts(fleet: Fleet) -> None:
    for name in fleet.watch():
        console.print(f"{name} died and was restarted; its log is in {fleet.options.data_dir}")


def _report(accounts: list[VenueAccount], problems: list[str]) -> None:
    console.print(account_table(accounts))
    for problem in problems:
        click.echo(f"Not in order: {problem}.")
    for account in accounts:
        for one in account.differences[:_MAX_SHOWN]:
            click.echo(
                f"  {one.venue} {one.kind} {one.ticker} seq={one.sequence} at={one.event_us}:"
                f" sent {one.sent}, stored {one.stored}"
                + (" (inside a recorded gap)" if one.in_gap else "")
            )
    failed = problems or any(account.missing or account.duplicates for account in accounts)
    if not failed:
        click.echo("Every message is accounted for.")
    sys.stdout.flush()
    if failed:
        raise click.exceptions.Exit(1)
