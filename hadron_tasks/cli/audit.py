"""``hadron audit``: whether what is stored is what the exchange has."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from hadron_tasks.backfill.audits import progress_of
from hadron_tasks.backfill.beginning import recorded
from hadron_tasks.backfill.windows import Window
from hadron_tasks.cli.backfill import WATCH_EVERY_S, require_past
from hadron_tasks.cli.connect import database
from hadron_tasks.cli.moment import MOMENT
from hadron_tasks.cli.output import console, list_of, print_json, sheet
from hadron_tasks.cli.workers import require_a_worker, use_fleet
from hadron_tasks.errors import HadronError
from hadron_tasks.settings import get_settings
from hadron_tasks.store import audits
from hadron_tasks.store.audits import AuditRun

COMPARED_UNTIL = timedelta(seconds=30)
"""How long ago the time ends that is compared unless one is given: what came since may be on its
way, or in a gap that is being filled."""
COMPARED = timedelta(hours=1)
_MOST_SHOWN = 20


@click.command()
@click.option("--venue", "venues", multiple=True, help="Only this venue; may be repeated.")
@click.option("--from", "since", type=MOMENT, help="From: 15m, 2h (ago), or a time.")
@click.option("--to", "until", type=MOMENT, help="To; likewise.")
@click.option("--ticker", "tickers", multiple=True, help="Only of this one; may be repeated.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    help="Only so many minutes, chosen by chance; of Polygon, so many instruments.",
)
@click.option("--last", type=click.IntRange(min=1), help="List the last audits, begin none.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(
    venues: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    tickers: tuple[str, ...],
    sample: int | None,
    last: int | None,
    as_json: bool,
) -> None:
    """Compare the trades that are stored with the exchange's own.

    Without --from and --to: the last hour, or what was recorded of it, until half a minute ago.

    Counts those that are missing, extra (stored, but none of the exchange's) and different, and
    opens a gap for them, so that what is missing is fetched. Exits with 1 if there were any. Beat
    does this every hour with a sample; see --last.

    \b
    Examples:
      hadron audit
      hadron audit --venue kalshi --from 2h --to 1h
      hadron audit --venue kalshi --from 7d --sample 60
      hadron audit --venue polygon --ticker AAPL --json
      hadron audit --last 24
    """
    if last is not None:
        _list(venues, last, as_json=as_json)
        return
    settings = get_settings()
    until = until or datetime.now(UTC) - COMPARED_UNTIL
    asked = Window(since or until - COMPARED, until)
    require_past(asked)
    _require_kept(asked, settings.tick_retention_days)
    use_fleet()
    from hadron_tasks.tasks import audit as tasks

    require_a_worker()
    with database() as connection:
        windows = {
            venue: asked if since else recorded(connection, venue, asked)
            for venue in venues or settings.venues
        }
        there = [venue for venue, window in windows.items() if window.since < window.until]
        if not there:
            names = " or ".join(windows)
            raise HadronError(f"Of {names}, nothing was recorded before {until:%H:%M:%S} UTC.")
        runs = [
            tasks.begin(connection, venue, "person", windows[venue], tickers, sample)
            for venue in there
        ]
        runs = _watch(connection, [run.id for run in runs])
    if as_json:
        print_json([document(run) for run in runs])
    else:
        _show(runs)
    if any(not _is_whole(run) for run in runs):
        raise click.exceptions.Exit(1)


def document(run: AuditRun) -> dict[str, Any]:
    """An audit for programs."""
    inner = {"ticker_number", "slice_from", "slice_s", "due_at"}
    return {name: value for name, value in asdict(run).items() if name not in inner}


def _require_kept(window: Window, retention_days: int | None) -> None:
    if retention_days is None:
        return
    kept_since = datetime.now(UTC) - timedelta(days=retention_days)
    if window.since < kept_since:
        raise click.UsageError(
            f"Ticks are kept for {retention_days} days (HADRON_TICK_RETENTION_DAYS): --from must"
            f" not be before {kept_since:%Y-%m-%d %H:%M:%S}."
        )


def _watch(connection: PgConnection, audit_ids: Sequence[int]) -> list[AuditRun]:
    """Show the progress of audits until they end; stops them when interrupted."""
    try:
        return _follow(connection, audit_ids)
    except KeyboardInterrupt:
        with connection, connection.cursor() as cursor:
            for audit_id in audit_ids:
                audits.end(cursor, audit_id, "stopped")
        click.echo("\nStopped. What was found is kept: hadron audit --last 1", err=True)
        raise click.exceptions.Exit(130) from None


def _follow(connection: PgConnection, audit_ids: Sequence[int]) -> list[AuditRun]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[compared]:,} trades, {task.fields[found]:,} findings"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars = {each: progress.add_task("", total=1.0, compared=0, found=0) for each in audit_ids}
        while True:
            runs = [_found(connection, each) for each in audit_ids]
            for run in runs:
                waits = f" ({run.reason})" if run.state == "running" and run.reason else ""
                progress.update(
                    bars[run.id],
                    description=f"{run.venue}{waits}",
                    completed=progress_of(run),
                    compared=run.compared,
                    found=run.missing + run.extra + run.different,
                )
            if all(run.state != "running" for run in runs):
                return runs
            time.sleep(WATCH_EVERY_S)


def _found(connection: PgConnection, audit_id: int) -> AuditRun:
    run = audits.find(connection, audit_id)
    if run is None:
        raise HadronError(f"There is no audit {audit_id}.")
    return run


def _is_whole(run: AuditRun) -> bool:
    found = run.missing or run.extra or run.different or run.unreadable
    return run.state == "complete" and not found


def _show(runs: Sequence[AuditRun]) -> None:
    console.print(sheet("Audit", [_record(run) for run in runs]))
    findings = [{"venue": run.venue} | each for run in runs for each in run.findings]
    if findings:
        console.print(list_of([_finding_line(each) for each in findings[:_MOST_SHOWN]]))
    total = sum(run.missing + run.extra + run.different for run in runs)
    if total > _MOST_SHOWN:
        click.echo(f"{total:,} findings in all; the first {audits.MOST_FINDINGS} with --json")
    for run in runs:
        if run.reason:
            click.echo(f"{run.venue}: {run.reason}")
    if any(run.gaps for run in runs):
        click.echo("What is missing is being fetched. See: hadron gaps --since 1h")


def _record(run: AuditRun) -> dict[str, Any]:
    return {
        "venue": run.venue,
        "from (UTC)": f"{run.from_time:%Y-%m-%d %H:%M:%S}",
        "to": f"{run.to_time:%Y-%m-%d %H:%M:%S}",
        "of it": _part(run),
        "state": run.state,
        "trades compared": run.compared,
        "missing": run.missing,
        "extra": run.extra,
        "different": run.different,
        "unreadable": run.unreadable,
    }


def _part(run: AuditRun) -> str:
    if run.samples is not None:
        return f"{len(run.samples):,} min"
    if run.tickers is not None:
        return f"{len(run.tickers):,} tickers"
    return "all"


def _finding_line(found: dict[str, Any]) -> dict[str, Any]:
    words = found["finding"]
    if found["fields"]:
        told, stored = found["exchange"], found["stored"]
        words = ", ".join(
            f"{name} {told[name]} there, {stored[name]} here" for name in found["fields"]
        )
    return {
        "finding": words,
        "ticker": found["ticker"],
        "at (UTC)": found["at"][5:23].replace("T", " "),
        "trade": found["trade_id"],
    }


def _list(venues: Sequence[str], last: int, *, as_json: bool) -> None:
    with database() as connection:
        runs = [
            run for venue in venues or (None,) for run in audits.newest(connection, venue, last)
        ]
    if as_json:
        print_json([document(run) for run in runs])
    elif runs:
        console.print(_listing(runs))
    else:
        click.echo("Nothing was audited yet. Beat does it every hour; now: hadron audit")


def _listing(runs: Sequence[AuditRun]) -> Table:
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("id", "venue", "by", "begun (UTC)", "of"):
        made.add_column(name, no_wrap=True)
    for name in ("trades", "missing", "extra", "differ"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("state", overflow="fold")
    for run in runs:
        counts = (run.compared, run.missing, run.extra, run.different)
        made.add_row(
            str(run.id),
            run.venue,
            run.origin,
            f"{run.started_at:%m-%d %H:%M}",
            _part(run),
            *(f"{count:,}" for count in counts),
            f"{run.state}: {run.reason}" if run.reason else run.state,
        )
    return made
