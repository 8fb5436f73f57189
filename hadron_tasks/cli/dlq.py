"""``hadron dlq``: frames and tasks that failed for good, and trying them again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from rich.console import Console
from rich.progress import Progress

from hadron_tasks import letter_room
from hadron_tasks.cli import letter_view
from hadron_tasks.cli.connect import database, redis_client, redis_url
from hadron_tasks.cli.letter_view import letters
from hadron_tasks.cli.moment import MOMENT
from hadron_tasks.cli.output import console, print_json, table
from hadron_tasks.errors import HadronError
from hadron_tasks.store import letter_box
from hadron_tasks.store.letter_box import Chosen

if TYPE_CHECKING:
    from hadron_tasks.letter_retry import LetterSender

RETRY_BATCH = 500

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _filters(command: _Command) -> _Command:
    """The options that choose letters."""
    for option in (
        click.option("--kind", type=click.Choice(["message", "task"])),
        click.option("--task", help="Name of the task that failed, with or without 'hadron.'."),
        click.option("--venue", help="Venue that the frame or the task is about."),
        click.option("--error", help="Type of the error, or a part of its message."),
        click.option("--fingerprint", help="Letters of one cause, as 'list' shows it."),
        click.option("--since", type=MOMENT, help="Failed since: 15m, 2h, 7d, or a time (UTC)."),
    ):
        command = option(command)
    return command


@click.group()
def dlq() -> None:
    """Dead letters: frames and tasks that failed for good, with all it takes to try them again."""


@dlq.command("list")
@_filters
@click.option("--limit", default=50, show_default=True, help="Most causes to show.")
@click.option("--json", "as_json", is_flag=True)
def list_command(limit: int, as_json: bool, **filters: Any) -> None:
    """List dead letters by cause, the newest first.

    \b
    Examples:
      hadron dlq list
      hadron dlq list --venue kalshi --since 1h --json
      hadron dlq list --kind task --error TimeLimitExceeded
    """
    with database() as connection:
        found = letter_box.groups(connection, Chosen(**filters), limit)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No dead letters.")
    else:
        for group in found:
            click.echo(letter_view.told(group))
        click.echo("\nOne in full: hadron dlq show NUMBER")


@dlq.command()
@click.argument("letter_id", type=int)
@click.option("--json", "as_json", is_flag=True)
def show(letter_id: int, as_json: bool) -> None:
    """Show one dead letter: its frame or its task's arguments, its error, where it happened.

    \b
    Example:
      hadron dlq show 42
    """
    chosen = Chosen(ids=(letter_id,), statuses=_ANY_STATUS)
    with database() as connection:
        letter = next(letter_box.letters(connection, chosen), None)
    if letter is None:
        raise HadronError(f"There is no dead letter {letter_id}. See: hadron dlq list")
    if as_json:
        print_json(letter_view.document(letter))
        return
    for name, value in letter_view.facts(letter).items():
        click.echo(f"{name:<13} {value}")
    if letter.raw_frame is not None:
        click.echo("\nFrame:" if letter.kind == "message" else "\nAs it was on the queue:")
        click.echo(letter_view.readable(letter.raw_frame))
    if letter.traceback:
        click.echo(f"\n{letter_view.printable(letter.traceback)}")


@dlq.command()
@click.argument("letter_ids", type=int, nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are dead.")
@_filters
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, the oldest first.")
@click.option("--dry-run", is_flag=True, help="Only say how many it would be.")
def retry(
    letter_ids: tuple[int, ...], every: bool, limit: int | None, dry_run: bool, **filters: Any
) -> None:
    """Try again: frames with their original receive time, tasks with their arguments.

    What succeeds now resolves its letter; what fails again is dead again, with its attempts
    counted. Nothing is stored twice. Letters are sent in batches, and only while live work does
    not wait.

    \b
    Examples:
      hadron dlq retry 42 43
      hadron dlq retry --fingerprint 9f2c31ab77d0 --limit 1000
      hadron dlq retry --task crawl_page
      hadron dlq retry --all --dry-run
    """
    # Not above: it brings Celery, whose import takes longer than listing 100,000 letters.
    from hadron_tasks.letter_retry import LetterSender

    chosen = _required_choice(letter_ids, every, filters)
    chosen = replace(chosen, statuses=("dead",))
    with database() as connection, redis_client() as client:
        wanted = letter_box.count(connection, chosen)
        total = letter_box.count(connection, replace(chosen, retryable=True))
        if wanted > total:
            click.echo(
                f"{letters(wanted - total)} cannot be sent again: nobody could read what was on "
                "the queue. See 'hadron dlq show', then discard.",
                err=True,
            )
        total = total if limit is None else min(total, limit)
        if dry_run or not total:
            click.echo(f"{letters(total)} would be sent again." if total else "Nothing to send.")
            return
        sent = _send_again(connection, LetterSender(client, redis_url()), chosen, total)
    click.echo(f"{letters(sent)} sent again. What became of them: hadron dlq stats")


def _send_again(connection: PgConnection, sender: LetterSender, chosen: Chosen, total: int) -> int:
    sent, after = 0, 0
    with Progress(console=Console(stderr=True)) as progress, closing(sender):
        bar = progress.add_task("Retrying", total=total)
        while sent < total:
            while full := sender.full():
                progress.update(bar, description=f"Waiting for {', '.join(full)}")
                time.sleep(0.5)
            batch = letter_box.take_for_retry(
                connection, chosen, after=after, batch=min(RETRY_BATCH, total - sent)
            )
            if not batch:
                break
            try:
                sender.send(batch)
            except BaseException:
                # Some may be on their way: what becomes of them is noted all the same.
                letter_box.give_back(connection, [one.letter_id for one in batch])
                progress.stop()
                click.echo(f"Stopped: {sent:,} of {letters(total)} sent again.", err=True)
                raise
            sent += len(batch)
            after = batch[-1].letter_id
            progress.update(bar, completed=sent, description="Retrying")
    return sent


@dlq.command("discard")
@click.argument("letter_ids", type=int, nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are dead.")
@_filters
def discard_command(letter_ids: tuple[int, ...], every: bool, **filters: Any) -> None:
    """Mark dead letters as not wanted. They are kept, but no longer listed.

    \b
    Example:
      hadron dlq discard --fingerprint 9f2c31ab77d0
    """
    chosen = _required_choice(letter_ids, every, filters)
    with database() as connection:
        click.echo(f"{letters(letter_box.discard(connection, chosen))} discarded.")


@dlq.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@_filters
def export(file: Path, **filters: Any) -> None:
    """Write dead letters to FILE, one JSON document a line; frames in base64.

    \b
    Example:
      hadron dlq export letters.jsonl --venue kalshi
    """
    written = 0
    with database() as connection, file.open("w") as output:
        for letter in letter_box.letters(connection, Chosen(**filters)):
            output.write(json.dumps(letter_view.document(letter), default=str) + "\n")
            written += 1
    click.echo(f"{letters(written)} written to {file}.")


@dlq.command()
@click.option("--json", "as_json", is_flag=True)
def stats(as_json: bool) -> None:
    """Count dead letters by status, source and error.

    Those that are "waiting" are in Redis, until PostgreSQL takes them.

    \b
    Example:
      hadron dlq stats
    """
    with database() as connection:
        counts = letter_box.statistics(connection)
    if waiting := _waiting():
        counts.append(dict.fromkeys(("status", "kind", "source", "error_type")) | waiting)
    if as_json:
        print_json(counts)
    elif counts:
        console.print(table("Dead letters", counts))
    else:
        click.echo("No dead letters.")


def _waiting() -> dict[str, Any]:
    """Letters on their way to PostgreSQL, as a line of the statistics; none when Redis is away."""
    with suppress(HadronError, redis.RedisError), redis_client() as client:
        if count := letter_room.waiting(client):
            return {"status": "waiting", "kind": "task", "count": count}
    return {}


_ANY_STATUS = ("dead", "retrying", "resolved", "discarded")


def _required_choice(letter_ids: tuple[int, ...], every: bool, filters: dict[str, Any]) -> Chosen:
    given = {name: value for name, value in filters.items() if value is not None}
    if not letter_ids and not every and not given:
        raise click.UsageError(
            "Say which: letter numbers, a filter such as --fingerprint, or --all."
        )
    return Chosen(ids=letter_ids or None, **given)
