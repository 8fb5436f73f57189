"""``hadron ticks``: what was recorded of an instrument."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import click
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.cli.connect import database
from hadron_tasks.cli.moment import MOMENT
from hadron_tasks.cli.output import console, print_json, print_json_line, table
from hadron_tasks.errors import HadronError
from hadron_tasks.store.search import similar_tickers
from hadron_tasks.store.tick_reader import StoredTick, find_instruments, ticks_of

FOLLOW_EVERY_S = 0.5


@click.command()
@click.argument("ticker")
@click.option("--since", type=MOMENT, help="From here on: 15m, 2h, 7d, or an ISO 8601 time (UTC).")
@click.option("--type", "tick_type", help="Only ticks of this type: trade, quote, book_delta ...")
@click.option("--limit", default=20, show_default=True, help="The newest so many.")
@click.option("--follow", "-f", is_flag=True, help="Go on printing as they come, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (with --follow, one a line).")
def ticks(
    ticker: str,
    since: datetime | None,
    tick_type: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Show the recorded ticks of TICKER, oldest first.

    \b
    Examples:
      hadron ticks KXNBAGAME-25NOV29TORCHA-TOR --since 15m
      hadron ticks I:SPX --follow
    """
    with database() as connection:
        found = find_instruments(connection, ticker)
        if not found:
            raise HadronError(unknown_ticker(connection, ticker))
        rows = ticks_of(connection, found, since=since, tick_type=tick_type, limit=limit)
        if as_json and not follow:
            print_json(rows)
            return
        if as_json:
            _print_lines(rows)
        else:
            console.print(table(ticker, [_row(tick) for tick in rows]))
        if follow:
            with suppress(KeyboardInterrupt):  # how following is meant to end
                _follow(connection, found, rows, tick_type, as_json=as_json)


def _row(tick: StoredTick) -> dict[str, str | None]:
    moment = tick.event_time.astimezone(UTC)
    return {
        "time (UTC)": f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}",
        "type": tick.tick_type,
        "price": _plain(tick.price),
        "size": _plain(tick.size),
        "side": tick.side,
        "bid": _quoted(tick.bid, tick.bid_size),
        "ask": _quoted(tick.ask, tick.ask_size),
    }


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _quoted(price: Decimal | None, size: Decimal | None) -> str | None:
    if price is None or size is None:
        return _plain(price)
    return f"{price:f} x {size:f}"


def _print_lines(rows: list[StoredTick]) -> None:
    for tick in rows:
        print_json_line(tick)


def _follow(
    connection: PgConnection,
    instruments: list[str],
    shown: list[StoredTick],
    tick_type: str | None,
    *,
    as_json: bool,
) -> None:
    received = max((tick.received_at for tick in shown), default=datetime.now(UTC))
    seen = {(tick.event_time, tick.event_key) for tick in shown}
    while True:
        time.sleep(FOLLOW_EVERY_S)
        # Commits are not in the order of receiving, so look back a little and skip what is shown.
        window_start = received - timedelta(seconds=5)
        rows = ticks_of(
            connection, instruments, received_since=window_start, tick_type=tick_type, limit=5000
        )
        for tick in rows:
            if (tick.event_time, tick.event_key) in seen:
                continue
            if as_json:
                print_json_line(tick)
            else:
                click.echo("  ".join(cell or "-" for cell in _row(tick).values()))
            received = max(received, tick.received_at)
        seen |= {(tick.event_time, tick.event_key) for tick in rows}
        if len(seen) > 50_000:
            seen = {(tick.event_time, tick.event_key) for tick in rows}


def unknown_ticker(connection: PgConnection, ticker: str) -> str:
    """What to say of a ticker that no venue's instrument has."""
    similar = similar_tickers(connection, ticker)
    hint = f" Did you mean {', '.join(similar)}?" if similar else ""
    return f"No instrument is called {ticker}.{hint} 'hadron status' shows what is recorded."
