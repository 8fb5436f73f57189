"""``hadron book``: a market's order book as it stood, and whether that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from rich.table import Table
from rich.text import Text

from hadron_tasks.books import recorded
from hadron_tasks.books.feed_now import FeedNow, read_feed_now
from hadron_tasks.books.order_book import Ladder, Level, Side
from hadron_tasks.books.recorded import Asked, RecordedBook, rebuild_recorded
from hadron_tasks.books.trust import Trust
from hadron_tasks.books.whole_books import WholeBook, last_whole_book
from hadron_tasks.cli.connect import database, redis_client
from hadron_tasks.cli.moment import MOMENT
from hadron_tasks.cli.output import console, print_json
from hadron_tasks.cli.ticks import unknown_ticker
from hadron_tasks.errors import HadronError
from hadron_tasks.store.book_reader import RecordedInstrument, find_recorded, first_book_tick

DEPTH = 10


@click.command()
@click.argument("ticker")
@click.option("--at", type=MOMENT, help="At this time: 15m, 2h (ago), or an ISO 8601 time (UTC).")
@click.option(
    "--side",
    type=click.Choice(["yes", "no"]),
    default="yes",
    show_default=True,
    help="Whose bids and asks to show. A bid for NO at 0.40 is an ask for YES at 0.60.",
)
@click.option(
    "--depth", type=click.IntRange(min=1), help=f"Levels of each side; {DEPTH}, with --json all."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def book(ticker: str, at: datetime | None, side: Side, depth: int | None, as_json: bool) -> None:
    """Show the order book of TICKER now, or as it was at a time.

    It is rebuilt from the last recorded snapshot and the changes after it. Below it stands whether
    it is exact: if messages are missing in between, since when and why.

    \b
    Examples:
      hadron book KXBTCD-26NOV2117-T98000
      hadron book KXBTCD-26NOV2117-T98000 --at 2026-11-21T14:30:00 --depth 5
      hadron book KXBTCD-26NOV2117-T98000 --json | jq .trust
    """
    if at is not None and at > datetime.now(UTC):
        raise click.BadParameter("that is in the future.", param_hint="--at")
    # Before the database: what is stored by then is what this tells of.
    feeds = _Feeds()
    with database() as connection:
        found = find_recorded(connection, [ticker])
        if not found:
            raise HadronError(unknown_ticker(connection, ticker))
        for instrument in found:
            asked = Asked(at, feeds.of(instrument.venue))
            if instrument.venue != recorded.VENUE:
                whole = last_whole_book(connection, instrument, asked)
                if whole is not None:
                    _show_whole(whole, asked, depth, as_json=as_json)
                    return
                continue
            for rebuilt in rebuild_recorded(connection, [instrument], asked):
                _show(rebuilt, side, depth, as_json=as_json)
                return
        raise HadronError(_why_none(connection, found, at))


class _Feeds:
    """The state of every venue's feed, read at once."""

    def __init__(self) -> None:
        self._known: dict[str, FeedNow | None] = {}
        try:
            with redis_client() as client:
                for venue in (recorded.VENUE,):
                    self._known[venue] = read_feed_now(client, venue)
        except HadronError:
            return  # the database alone can tell of the past; the book says what it could not ask

    def of(self, venue: str) -> FeedNow | None:
        return self._known.get(venue)


def _why_none(
    connection: PgConnection, found: Sequence[RecordedInstrument], at: datetime | None
) -> str:
    ticker = found[0].ticker
    starts = [first_book_tick(connection, one.instrument_id) for one in found]
    known = [start for start in starts if start is not None]
    if not known:
        return (
            f"The order book of {ticker} was never recorded. HADRON_KALSHI_BOOKS names the series, "
            "events and markets whose books are; name it there and restart the streamers."
        )
    if at is not None and min(known) > at:
        return (
            f"The order book of {ticker} is recorded from {min(known):%Y-%m-%d %H:%M:%S} UTC on; "
            "ask for a later time."
        )
    return (
        f"There are changes of the order book of {ticker}, but no snapshot before them to apply "
        "them to. A later time may have one."
    )


def _show(found: RecordedBook, side: Side, depth: int | None, *, as_json: bool) -> None:
    ladder = found.rebuilt.book.ladder(side)
    if as_json:
        print_json(_document(found, side, ladder, depth))
        return
    one, chain, trust = found.instrument, found.rebuilt.chain, found.rebuilt.trust
    _print_head(one, found.rebuilt.at)
    console.print(_ladder(ladder, side.upper(), depth or DEPTH))
    anchor = chain.anchor
    changes = f"{len(chain.changes):,} changes after it"
    if chain.last_change is not None:
        changes += f", the last at {_time(chain.last_change)}"
    _say(f"Made of the snapshot of {_time(anchor.event_time)} and {changes} ({chain.via}).")
    if found.agreed_at is not None:
        _say(f"Found to be the exchange's own at {_time(found.agreed_at)}.")
    _print_trust(trust)


def _show_whole(found: WholeBook, asked: Asked, depth: int | None, *, as_json: bool) -> None:
    if as_json:
        document = {
            **_described(found.instrument),
            "at": asked.moment,
            **_sides(found.ladder, depth),
            "event_time": found.event_time,
            "exchange": found.exchange,
        }
        print_json(document)
        return
    _print_head(found.instrument, asked.moment)
    console.print(_ladder(found.ladder, found.instrument.ticker, depth or DEPTH))
    age = (asked.moment - found.event_time).total_seconds()
    where = "" if found.exchange is None else f" of exchange {found.exchange}"
    _say(
        f"The book{where} as it was told whole at {_time(found.event_time)}, {age:,.1f} s before. "
        "Nothing is rebuilt; what changed since is not in it."
    )


def _print_head(one: RecordedInstrument, at: datetime) -> None:
    status = f"  [{one.status}]" if one.status else ""
    console.print(Text.assemble((one.ticker, "bold"), f"  {one.name}{status}"))
    console.print(f"{at.astimezone(UTC):%Y-%m-%d} {_time(at)} UTC", highlight=False)


def _print_trust(trust: Trust) -> None:
    if trust.exact:
        console.print("[bold green]Exact:[/] no message is missing since the snapshot.")
        return
    assert trust.since is not None
    console.print(f"[bold red]Not to be trusted[/] since {_time(trust.since)} UTC:")
    for reason in trust.reasons:
        _say(f"  {_time(reason.since)}  {reason.doubt.value.replace('_', ' ')}: {reason.words}")


def _say(sentence: str) -> None:
    """A sentence as one line however narrow the terminal, so that it can be searched for."""
    console.print(sentence, soft_wrap=True, highlight=False, markup=False)


def _ladder(ladder: Ladder, what: str, depth: int) -> Table:
    """Asks above bids, the best of both in the middle."""
    made = Table(header_style="bold", pad_edge=False)
    for column, justify in (
        (what, "left"),
        ("price", "right"),
        ("size", "right"),
        ("sum", "right"),
    ):
        made.add_column(column, justify=justify)  # type: ignore[arg-type]
    asks, bids = _summed(ladder.asks[:depth]), _summed(ladder.bids[:depth])
    for level, cumulative in reversed(asks):
        made.add_row("ask", *map(_plain, (*level, cumulative)), style="red")
    made.add_section()
    spread = "-" if ladder.spread is None else _plain(ladder.spread)
    made.add_row("spread", spread, "", "", style="dim")
    made.add_section()
    for level, cumulative in bids:
        made.add_row("bid", *map(_plain, (*level, cumulative)), style="green")
    hidden = len(ladder.asks) - len(asks) + len(ladder.bids) - len(bids)
    if hidden:
        made.caption = f"{hidden:,} levels more; see --depth"
    elif not (asks or bids):
        made.caption = "no orders rest in it"
    return made


def _summed(levels: Sequence[Level]) -> list[tuple[Level, Decimal]]:
    summed = []
    running = Decimal(0)
    for level in levels:
        running += level.size
        summed.append((level, running))
    return summed


def _document(found: RecordedBook, side: Side, ladder: Ladder, depth: int | None) -> dict[str, Any]:
    chain, trust = found.rebuilt.chain, found.rebuilt.trust
    return {
        **_described(found.instrument),
        "at": found.rebuilt.at,
        "side": side,
        **_sides(ladder, depth),
        "snapshot_at": chain.anchor.event_time,
        "snapshot_sequence": chain.anchor.sequence,
        "via": chain.via,
        "changes": len(chain.changes),
        "last_change": chain.last_change,
        "agreed_at": found.agreed_at,
        "trust": {
            "exact": trust.exact,
            "since": trust.since,
            "reasons": [
                {"doubt": one.doubt.value, "since": one.since, "words": one.words}
                for one in trust.reasons
            ],
        },
    }


def _described(one: RecordedInstrument) -> dict[str, Any]:
    return {"ticker": one.ticker, "venue": one.venue, "name": one.name, "status": one.status}


def _sides(ladder: Ladder, depth: int | None) -> dict[str, Any]:
    return {
        "bids": ladder.bids[:depth],
        "asks": ladder.asks[:depth],
        "spread": ladder.spread,
    }


def _plain(number: Decimal) -> str:
    return f"{number:,f}"


def _time(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    return f"{utc:%H:%M:%S}.{utc.microsecond // 1000:03d}"
