"""``hadron dlq``: frames that could not be stored, and trying them again."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.progress import Progress

from hadron_tasks.cli.connect import database, redis_client, redis_url
from hadron_tasks.cli.moment import MOMENT
from hadron_tasks.cli.output import console, print_json, sheet, table
from hadron_tasks.errors import HadronError
from hadron_tasks.pokes import DrainPoker
from hadron_tasks.raw_stream import frame_fields, stream_key
from hadron_tasks.store import letter_box
from hadron_tasks.store.letter_box import Chosen, Letter

RETRY_BATCH = 500
MOST_WAITING = 20_000
"""Retrying pauses while the stream holds more entries: live frames come first."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _filters(command: _Command) -> _Command:
    """The options that choose letters."""
    for option in (
        click.option("--kind", type=click.Choice(["message", "task"])),
        click.option("--task", help="Name of the task that failed."),
        click.option("--venue", help="Venue that sent the frame."),
        click.option("--error", help="Type of the error, or a part of its message."),
        click.option("--fingerprint", help="Letters of one cause, as 'list' shows it."),
        click.option("--since", type=MOMENT, help="Failed since: 15m, 2h, 7d, or a time (UTC)."),
    ):
        command = option(command)
    return command


@click.group()
def dlq() -> None:
    """Dead letters: what could not be stored, with its frame and its error."""


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
    """
    with database() as connection:
        found = letter_box.groups(connection, Chosen(**filters), limit)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No dead letters.")
    else:
        console.print(
            table(
                "Dead letters by cause",
                [
                    {
                        "fingerprint": one.fingerprint,
                        "count": one.count,
                        "source": one.venue or one.task_name,
                        "error": one.error_type,
                        "place": one.place,
                        "newest": one.newest_id,
                        "last failed": f"{one.last_failed_at:%m-%d %H:%M:%S}",
                    }
                    for one in found
                ],
            )
        )
        click.echo("One in full: hadron dlq show NEWEST")


@dlq.command()
@click.argument("letter_id", type=int)
@click.option("--json", "as_json", is_flag=True)
def show(letter_id: int, as_json: bool) -> None:
    """Show one dead letter: its frame, its error, where it happened.

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
        print_json(_document(letter))
        return
    shown = {name: value for name, value in asdict(letter).items() if value not in (None, "")}
    for name in ("raw_frame", "traceback"):
        shown.pop(name, None)
    console.print(sheet("Dead letter", [shown]))
    if letter.raw_frame is not None:
        click.echo("Frame:")
        click.echo(_readable(letter.raw_frame))
    if letter.traceback:
        click.echo(letter.traceback)


@dlq.command()
@click.argument("letter_ids", type=int, nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that are dead.")
@_filters
@click.option("--limit", type=int, help="At most so many.")
@click.option("--dry-run", is_flag=True, help="Only say how many it would be.")
def retry(
    letter_ids: tuple[int, ...], every: bool, limit: int | None, dry_run: bool, **filters: Any
) -> None:
    """Send dead frames through the raw stream again, with their original receive time.

    A frame that is stored now resolves its letter; one that fails again is dead again, with an
    attempt more. Nothing is stored twice.

    \b
    Examples:
      hadron dlq retry 42 43
      hadron dlq retry --fingerprint 9f2c31ab77d0 --limit 1000
      hadron dlq retry --all --dry-run
    """
    chosen = _required_choice(letter_ids, every, filters)
    chosen = replace(chosen, kind="message", statuses=("dead",))
    with database() as connection, redis_client() as client, Progress() as progress:
        total = letter_box.count(connection, chosen)
        total = total if limit is None else min(total, limit)
        if dry_run:
            click.echo(f"{total:,} frames would be tried again.")
            return
        bar = progress.add_task("Retrying", total=total)
        sent, after = 0, 0
        while sent < total:
            for venue in _venues_waiting(client):
                progress.update(bar, description=f"Waiting for {venue}'s stream")
                time.sleep(0.5)
            batch = letter_box.take_for_retry(
                connection, chosen, after=after, batch=min(RETRY_BATCH, total - sent)
            )
            if not batch:
                break
            with client.pipeline(transaction=False) as pipeline:
                for venue, frame in batch:
                    pipeline.xadd(stream_key(venue), frame_fields(frame))  # type: ignore[arg-type]
                pipeline.execute()
            sent += len(batch)
            after = batch[-1][1].letter_id or after
            progress.update(bar, completed=sent, description="Retrying")
            poker = DrainPoker(redis_url())
            for venue in {venue for venue, _ in batch}:
                poker.poke(venue)
    click.echo(f"{sent:,} frames sent again. What became of them: hadron dlq stats")


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
        click.echo(f"{letter_box.discard(connection, chosen):,} letters discarded.")


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
            output.write(json.dumps(_document(letter), default=str) + "\n")
            written += 1
    click.echo(f"{written:,} letters written to {file}.")


@dlq.command()
@click.option("--json", "as_json", is_flag=True)
def stats(as_json: bool) -> None:
    """Count dead letters by status, source and error.

    \b
    Example:
      hadron dlq stats
    """
    with database() as connection:
        counts = letter_box.statistics(connection)
    if as_json:
        print_json(counts)
    elif counts:
        console.print(table("Dead letters", counts))
    else:
        click.echo("No dead letters.")


_ANY_STATUS = ("dead", "retrying", "resolved", "discarded")


def _required_choice(letter_ids: tuple[int, ...], every: bool, filters: dict[str, Any]) -> Chosen:
    given = {name: value for name, value in filters.items() if value is not None}
    if not letter_ids and not every and not given:
        raise click.UsageError(
            "Say which: letter numbers, a filter such as --fingerprint, or --all."
        )
    return Chosen(ids=letter_ids or None, **given)


def _venues_waiting(client: Any) -> list[str]:
    return [
        key.decode().removeprefix(stream_key(""))
        for key in client.scan_iter(stream_key("*"))
        if client.xlen(key) > MOST_WAITING
    ]


def _document(letter: Letter) -> dict[str, Any]:
    document = asdict(letter)
    if letter.raw_frame is not None:
        document["raw_frame"] = base64.b64encode(letter.raw_frame).decode()
    return document


def _readable(frame: bytes) -> str:
    """The frame for a person: indented JSON, else its text with what is no text escaped."""
    try:
        return json.dumps(json.loads(frame), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return frame.decode("utf-8", "backslashreplace")
