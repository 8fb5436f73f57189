"""``hadron gaps``: the holes in what the exchanges sent, and what became of each."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from rich.table import Table

from hadron_tasks.backfill.losses import State
from hadron_tasks.cli.connect import database
from hadron_tasks.cli.moment import MOMENT
from hadron_tasks.cli.output import console, print_json, sheet, table
from hadron_tasks.errors import HadronError
from hadron_tasks.store import feed_gaps
from hadron_tasks.store.feed_gaps import ChannelOfGap, Gap, Wanted

SHORT_ID = 8
"""Letters of an id that people are shown, and that name a gap as long as no other begins so."""
_MOST_NAMED = 3


@click.command()
@click.argument("gap_id", required=False)
@click.option("--since", type=MOMENT, help="Ended since: 15m, 2h, 7d, or a time (UTC).")
@click.option("--venue", help="Of this venue.")
@click.option("--state", type=click.Choice([state.value for state in State]))
@click.option("--limit", default=50, show_default=True, help="Most gaps to list.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gaps(
    gap_id: str | None,
    since: datetime | None,
    venue: str | None,
    state: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the holes in the feeds, the newest first; with GAP_ID, one in full.

    A gap is open while its trades are being fetched. It is backfilled when all that it lost was
    recovered, and unrecoverable when some of it never will be: an exchange tells trades again, but
    not its quotes nor the changes of its books. One in full says which.

    \b
    Examples:
      hadron gaps
      hadron gaps --since 1h --venue kalshi
      hadron gaps --state open --json
      hadron gaps 5f0c2b7e
    """
    if gap_id is not None:
        _show_one(gap_id, as_json=as_json)
        return
    with database() as connection:
        found, count = feed_gaps.listed(connection, Wanted(venue, state, since), limit)
    if as_json:
        print_json({"count": count, "gaps": [document(*each) for each in found]})
    elif not found:
        click.echo("No gaps.")
    else:
        console.print(_listing(found))
        if count > len(found):
            click.echo(f"{count:,} in all; more of them with --limit")
        click.echo("One in full: hadron gaps ID")


def document(gap: Gap, channels: list[ChannelOfGap]) -> dict[str, Any]:
    """A gap for programs."""
    told = asdict(gap) | {"seconds": lasted_s(gap), "channels": []}
    told["channels"] = [
        {name: value for name, value in asdict(each).items() if name != "gap_id"}
        for each in channels
    ]
    return told


def lasted_s(gap: Gap) -> float:
    """From its first to its last moment, in seconds."""
    return (gap.to_time - gap.from_time).total_seconds()


def _listing(found: list[tuple[Gap, list[ChannelOfGap]]]) -> Table:
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("id", "from (UTC)", "seconds", "state", "filled"):
        right = name in ("seconds", "filled")
        made.add_column(name, justify="right" if right else "left", no_wrap=True)
    made.add_column("feed and cause: what it lost", overflow="fold")
    for gap, channels in found:
        fetched = any(_is_of_trades(each) for each in channels)
        made.add_row(
            gap.id[:SHORT_ID],
            f"{gap.from_time:%m-%d %H:%M:%S}",
            f"{lasted_s(gap):,.1f}",
            gap.state,
            f"{sum(each.stored for each in channels):,}" if fetched else "-",
            f"{gap.connection} {gap.cause.replace('_', ' ')}: {_lost(gap, channels)}",
        )
    return made


def _lost(gap: Gap, channels: list[ChannelOfGap]) -> str:
    named = [each.channel for each in channels] or gap.carried or []
    if gap.channel is not None:
        named = [gap.channel]
    if len(named) > _MOST_NAMED:
        named = [*named[:_MOST_NAMED], f"{len(named) - _MOST_NAMED} more"]
    lost = ", ".join(named) or "everything"
    return lost if gap.missing is None else f"{lost} ({gap.missing:,} missing)"


def _is_of_trades(channel: ChannelOfGap) -> bool:
    """Whether its trades are, or were, to be fetched."""
    return channel.state == State.OPEN or channel.fetched > 0 or channel.state == State.BACKFILLED


def _show_one(beginning: str, *, as_json: bool) -> None:
    with database() as connection:
        found = feed_gaps.found_by(connection, beginning)
    if not found:
        raise HadronError(f"There is no gap {beginning}. See: hadron gaps")
    if len(found) > 1:
        raise HadronError(f"Several gaps begin with {beginning}: give more of the id.")
    ((gap, channels),) = found
    if as_json:
        print_json(document(gap, channels))
        return
    facts = {name: _word(value) for name, value in asdict(gap).items()}
    facts["lasted"] = f"{lasted_s(gap):,.1f} s"
    console.print(sheet("Gap", [{name: each for name, each in facts.items() if each}]))
    if channels:
        console.print(table("What it lost", [_channel_line(each) for each in channels]))
    else:
        click.echo("It has not been looked at yet; that takes a few seconds.")


def _channel_line(channel: ChannelOfGap) -> dict[str, Any]:
    return {
        "channel": channel.channel,
        "state": channel.state,
        "trades told": channel.fetched if _is_of_trades(channel) else None,
        "of these new": channel.stored if _is_of_trades(channel) else None,
        "why not (all)": channel.reason,
    }


def _word(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f} UTC"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
