"""``hadron crawl``: fetching what the exchanges tell of their instruments, and watching it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import click
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hadron_tasks.cli.connect import database
from hadron_tasks.cli.output import console, list_of, print_json, sheet
from hadron_tasks.cli.workers import require_a_worker, use_fleet
from hadron_tasks.crawl import runs
from hadron_tasks.crawl.plan import CrawlKind
from hadron_tasks.crawl.report import RunReport, read_report
from hadron_tasks.errors import HadronError
from hadron_tasks.store import crawl_runs
from hadron_tasks.store.crawl_parts import Part

WATCH_EVERY_S = 0.5
_MOST_SHOWN = 10


@click.group()
def crawl() -> None:
    """Fetch series, events and markets over REST; see how far a crawl is.

    Beat starts a full crawl every day and an incremental one every few minutes; see
    'hadron schedule list'.
    """


@crawl.command("run")
@click.option("--full", "kind", flag_value="full", help="Everything that is not settled.")
@click.option("--incremental", "kind", flag_value="incremental", help="What changed since.")
@click.option("--combos", "kind", flag_value="combos", help="Combos, as far as the budget goes.")
@click.option("--polygon", "kind", flag_value="polygon", help="Polygon's reference data.")
@click.option("--series", help="One series, with its events and markets, settled ones included.")
@click.option("--wait", is_flag=True, help="Stay until it has ended; 1 if it misses something.")
def run_command(kind: CrawlKind | None, series: str | None, wait: bool) -> None:
    """Start a crawl now; the workers of the queue 'rest' do it. Full, unless said otherwise.

    \b
    Examples:
      hadron crawl run --wait
      hadron crawl run --incremental
      hadron crawl run --series KXFED --wait
      hadron crawl run --polygon
    """
    if series is not None and kind is not None:
        raise click.UsageError("Give either --series or a kind of crawl.")
    tasks = _tasks()
    require_a_worker()
    chosen: CrawlKind = "series" if series is not None else kind or "full"
    started = tasks.start(chosen, series or "")
    if started.is_new:
        why = "" if started.kind == chosen else " (nothing was crawled before)"
        click.echo(f"Crawl {started.run_id} has begun: {started.kind}{why}.")
    elif started.messages:
        click.echo(f"Crawl {started.run_id} rested, and goes on.")
    else:
        click.echo(f"A {started.kind} crawl is running already: {started.run_id}.")
    if wait:
        _wait_for(started.run_id)
    else:
        click.echo(f"See: hadron crawl status {started.run_id}")


@crawl.command()
@click.argument("run_id", type=int, required=False)
@click.option("--limit", default=10, show_default=True, help="Most crawls to list.")
@click.option("--json", "as_json", is_flag=True)
def status(run_id: int | None, limit: int, as_json: bool) -> None:
    """List the last crawls; with RUN_ID, one in full: its parts, and what is missing.

    \b
    Examples:
      hadron crawl status
      hadron crawl status 42
      hadron crawl status --json | jq '.[0].missing'
    """
    with database() as connection:
        if run_id is not None:
            report = _report(connection, run_id)
            print_json(report.document()) if as_json else _show(report)
            return
        with connection, connection.cursor() as cursor:
            newest = crawl_runs.newest_runs(cursor, limit)
        reports = [read_report(connection, run) for run in newest]
    if as_json:
        print_json([report.document() for report in reports])
    elif reports:
        console.print(list_of([_line(report) for report in reports]))
        for report in reports:
            for sentence in _said_of(report):
                click.echo(sentence)
        click.echo("One in full: hadron crawl status ID")
    else:
        click.echo("Nothing was crawled yet. Start with: hadron crawl run")


@crawl.command()
@click.argument("run_id", type=int)
@click.option("--wait", is_flag=True, help="Stay until it has ended.")
def resume(run_id: int, wait: bool) -> None:
    """Take up crawl RUN_ID: one that was stopped, that hangs, or that misses pages.

    It goes on after the last page that is stored, and asks again for what is missing.

    \b
    Example:
      hadron crawl resume 42 --wait
    """
    tasks = _tasks()
    require_a_worker()
    parts = tasks.resume(run_id)
    click.echo(f"Crawl {run_id} goes on with {parts} part{'' if parts == 1 else 's'}.")
    if wait:
        _wait_for(run_id)


@crawl.command()
@click.argument("run_id", type=int)
def stop(run_id: int) -> None:
    """End crawl RUN_ID. What is stored stays; 'resume' takes it up again.

    \b
    Example:
      hadron crawl stop 42
    """
    with database() as connection:
        if not runs.stop(connection, run_id):
            raise HadronError(f"Crawl {run_id} is not running. See: hadron crawl status")
    click.echo(f"Crawl {run_id} is stopped.")


def _tasks() -> ModuleType:
    use_fleet()
    from hadron_tasks.tasks import crawl as tasks

    return tasks


def _wait_for(run_id: int) -> None:
    """Show a crawl's progress until it ends; exits with 1 if it is not complete."""
    try:
        with database() as connection:
            report = _follow(connection, run_id)
    except KeyboardInterrupt:
        click.echo(f"\nThe crawl goes on. See: hadron crawl status {run_id}")
        raise click.exceptions.Exit(130) from None
    _show(report)
    if report.run.status != "complete" and not report.is_resting:
        raise click.exceptions.Exit(1)


def _follow(connection: PgConnection, run_id: int) -> RunReport:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pages  {task.fields[items]:,} items"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars: dict[str, Any] = {}
        while True:
            report = _report(connection, run_id)
            for part in report.parts:
                if part.status == "waiting":
                    continue
                if part.part not in bars:
                    bars[part.part] = progress.add_task(part.part, total=None, items=0)
                progress.update(
                    bars[part.part],
                    completed=part.pages,
                    total=_total(report, part),
                    items=part.seen,
                    description=part.part if part.status != "broken" else f"{part.part} (broken)",
                )
            if report.run.status != "running" or report.is_resting:
                return report
            time.sleep(WATCH_EVERY_S)


def _total(report: RunReport, part: Part) -> int | None:
    if part.status in ("complete", "broken", "resting"):
        return part.pages
    expected = report.expected.get(part.part)
    return None if expected is None else max(expected, part.pages + 1)


def _report(connection: PgConnection, run_id: int) -> RunReport:
    with connection, connection.cursor() as cursor:
        run = crawl_runs.read_run(cursor, run_id)
    if run is None:
        raise HadronError(f"There is no crawl {run_id}. See: hadron crawl status")
    return read_report(connection, run)


def _line(report: RunReport) -> dict[str, Any]:
    """A crawl in the list of crawls."""
    document = report.document()
    return {
        "id": document["id"],
        "kind": _kind(report),
        "status": document["status"],
        "began (UTC)": f"{report.run.started_at:%m-%d %H:%M}",
        "took s": document["elapsed_s"],
        "pages": document["pages"],
        "markets": document["markets_seen"],
        "changed": document["changed"],
        "requests": document["requests"],
    }


def _kind(report: RunReport) -> str:
    return f"{report.run.kind} {report.run.scope}".strip()


def _said_of(report: RunReport) -> Iterator[str]:
    """What people should know about a crawl, besides its numbers."""
    name, pace = f"Crawl {report.run.id}", report.pace
    if report.is_resting:
        yield f"{name} has used up its budget, and goes on when its schedule says."
    elif report.run.status == "running":
        left = "the time left is known from the second one on"
        if pace.left is not None:
            left = f"about {pace.left.total_seconds():,.0f} s left"
        yield f"{name} is running: {pace.items_per_s:,.0f} items/s, {left}."
    if report.missing:
        count = len(report.missing)
        yield f"{name} misses {count} page{'' if count == 1 else 's'}."


def _show(report: RunReport) -> None:
    document = report.document()
    line = _line(report) | {
        "began (UTC)": f"{report.run.started_at:%Y-%m-%d %H:%M:%S}",
        "items/s": document["items_per_s"],
        "left s": document["eta_s"],
        "not readable": document["unreadable"],
        "missing": len(document["missing"]),
    }
    console.print(sheet("Crawl", [line]))
    console.print(
        list_of(
            [
                {
                    "part": part.part,
                    "status": part.status,
                    "pages": part.pages,
                    "of": _total(report, part) if part.status == "running" else part.pages,
                    "seen": part.seen,
                    "changed": part.changed,
                    "requests": part.requests,
                }
                for part in report.parts
            ],
        )
    )
    _show_troubles(report)


def _show_troubles(report: RunReport) -> None:
    for part in report.parts:
        if part.status == "running" and part.error:
            click.echo(f"{part.part} waits: {part.error}")
    missing = report.missing
    for entry in missing[:_MOST_SHOWN]:
        click.echo(f"Missing: {entry['part']} page {entry['page']}, {entry['asked']}")
        click.echo(f"         {entry['error']}")
    if len(missing) > _MOST_SHOWN:
        click.echo(f"... and {len(missing) - _MOST_SHOWN} more; see them with --json")
    if missing:
        click.echo(f"Try for it again: hadron crawl resume {report.run.id}")
    notes = [note for part in report.parts for note in part.notes]
    if notes:
        count, first = report.total("unreadable"), notes[0]
        click.echo(
            f"Left out, not readable: {count:,}. {first['item'] or 'One'}: {first['reason']}"
        )
