"""``hadron backfill``: fetching trades from an exchange again, and watching it."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from hadron_tasks.backfill.pages import course_of, place_of
from hadron_tasks.backfill.windows import RIPE_AFTER, Window
from hadron_tasks.cli.connect import database
from hadron_tasks.cli.moment import MOMENT
from hadron_tasks.cli.output import console, print_json
from hadron_tasks.cli.workers import require_a_worker, use_fleet
from hadron_tasks.errors import HadronError
from hadron_tasks.store import backfills
from hadron_tasks.store.backfills import BackfillRun

WATCH_EVERY_S = 0.25


@click.command()
@click.option("--venue", help="Of this venue: kalshi or polygon.")
@click.option("--from", "since", type=MOMENT, help="From: 15m, 2h, 7d (ago), or a time (UTC).")
@click.option("--to", "until", type=MOMENT, help="To; until a few seconds ago if left out.")
@click.option("--ticker", "tickers", multiple=True, help="Only of this one; may be repeated.")
@click.option("--refused", is_flag=True, help="Fill the gaps again that the exchange refused.")
@click.option("--follow", "run_id", type=int, help="Watch a backfill that is under way.")
@click.option("--no-wait", is_flag=True, help="Begin it and return.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON when it has ended.")
def backfill(
    venue: str | None,
    since: datetime | None,
    until: datetime | None,
    tickers: tuple[str, ...],
    refused: bool,
    run_id: int | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Fetch the trades of a time from an exchange, and store those that are not there.

    Gaps are filled without being asked; this is for times before Hadron ran, and for doubt. A trade
    that is stored is never stored again. The workers of the queue 'rest' do it, and go on when this
    is interrupted. Polygon tells trades instrument by instrument: without --ticker, those are
    fetched that traded within an hour of that time.

    \b
    Examples:
      hadron backfill --venue kalshi --from 2h
      hadron backfill --venue kalshi --from 2026-11-21T14:00 --to 2026-11-21T15:00
      hadron backfill --venue polygon --from 1d --ticker AAPL --ticker MSFT
      hadron backfill --refused
      hadron backfill --follow 42
    """
    if run_id is not None:
        _watch(run_id, as_json=as_json)
        return
    if refused:
        use_fleet()
        from hadron_tasks.tasks.backfill import fill_refused

        click.echo(f"{fill_refused():,} gaps are being filled again. See: hadron gaps")
        return
    if venue is None or since is None:
        raise click.UsageError("Say which trades: --venue and --from.")
    window = Window(since, until or datetime.now(UTC) - RIPE_AFTER)
    require_past(window)
    use_fleet()
    from hadron_tasks.tasks import backfill as tasks

    require_a_worker()
    run = tasks.begin(venue, window, tickers)
    if run.tickers == []:
        click.echo("Nothing traded around that time; name instruments with --ticker.", err=True)
    if no_wait:
        click.echo(f"Backfill {run.id} has begun. See: hadron backfill --follow {run.id}")
        return
    _watch(run.id, as_json=as_json)


def require_past(window: Window) -> None:
    """Refuse a time that is none, or not over.

    Raises:
        UsageError: It is not.
    """
    if window.since >= window.until:
        raise click.UsageError(
            f"--from ({window.since:%Y-%m-%d %H:%M:%S}) is not before"
            f" --to ({window.until:%Y-%m-%d %H:%M:%S})."
        )
    if window.until > datetime.now(UTC):
        raise click.UsageError("--to is in the future.")


def _watch(run_id: int, *, as_json: bool) -> None:
    """Show a backfill's progress until it ends; exits with 1 when not everything was had."""
    try:
        with database() as connection:
            run = _follow(connection, run_id)
    except KeyboardInterrupt:
        click.echo(f"\nThe backfill goes on. See: hadron backfill --follow {run_id}", err=True)
        raise click.exceptions.Exit(130) from None
    if as_json:
        print_json(_document(run))
    else:
        click.echo(
            f"{run.fetched:,} trades fetched in {run.pages:,} pages, {run.stored:,} of them new."
        )
    if run.state == "refused":
        raise HadronError(
            f"Backfill {run.id} was given up: {run.reason}\nWhen the cause is mended:"
            f" hadron dlq retry --task hadron.backfill_page"
        )
    if run.unreadable:
        raise HadronError(run.reason)


def _follow(connection: PgConnection, run_id: int) -> BackfillRun:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[fetched]:,} fetched, {task.fields[stored]:,} new"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"Backfill {run_id}", total=1.0, fetched=0, stored=0)
        while True:
            run = backfills.find(connection, run_id)
            if run is None:
                raise HadronError(f"There is no backfill {run_id}. See: hadron gaps")
            share = course_of(run).progress(place_of(run))
            progress.update(bar, completed=share, fetched=run.fetched, stored=run.stored)
            if run.state != "running":
                return run
            if run.failures:
                progress.update(bar, description=f"Backfill {run_id}, again after: {run.reason}")
            time.sleep(WATCH_EVERY_S)


def _document(run: BackfillRun) -> dict[str, Any]:
    inner = {"ticker_number", "slice_from", "archived", "cursor", "due_at"}
    return {name: value for name, value in asdict(run).items() if name not in inner}
