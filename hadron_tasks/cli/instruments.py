"""``hadron instruments``: find what is recorded by the words people know it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hadron_tasks.cli.connect import database
from hadron_tasks.cli.output import console, print_json
from hadron_tasks.errors import HadronError
from hadron_tasks.store.instrument_card import InstrumentCard, Record, instrument_cards
from hadron_tasks.store.search import (
    FoundInstrument,
    search_instruments,
    similar_tickers,
    words_not_found,
)

SIBLINGS = 20


@click.group()
def instruments() -> None:
    """Find instruments, and see all that is known of one."""


@instruments.command()
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="The first so many.",
)
@click.option("--venue", help="Only this venue's: kalshi, polygon.")
@click.option("--status", help="Only these: open, settled, or a status as the exchange says it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def search(
    text: tuple[str, ...], limit: int, venue: str | None, status: str | None, as_json: bool
) -> None:
    """Find instruments by TEXT: a name, team, person, city, series, or a part of a ticker.

    Every word has to be the beginning of one of the instrument's, in any order; case and accents
    do not matter. Open ones come first, and those that close soonest before all others; settled
    ones last, the latest first.

    \b
    Examples:
      hadron instruments search celtics
      hadron instruments search luka doncic points --status open
      hadron instruments search KXBTCD-26NOV --limit 100 --json
    """
    words = " ".join(text)
    with database() as connection:
        try:
            found = search_instruments(
                connection,
                words,
                limit=limit,
                venue=venue and venue.lower(),
                status=status and status.lower(),
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        if not found and not as_json:
            raise HadronError(_why_nothing(connection, words))
    if as_json:
        print_json(found)
        return
    console.print(_listed(words, [_row(one) for one in found]))
    if len(found) == limit:
        click.echo(f"The first {limit}; there may be more: add a word, or --limit.")


@instruments.command()
@click.argument("ticker")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all siblings.")
def show(ticker: str, as_json: bool) -> None:
    """Show all that is known of TICKER: its event and siblings, its rules, its last price.

    \b
    Examples:
      hadron instruments show KXNBAGAME-25NOV29TORCHA-TOR
      hadron instruments show I:SPX --json
    """
    with database() as connection:
        cards = instrument_cards(connection, ticker, siblings=10_000 if as_json else SIBLINGS)
        if not cards and ticker != ticker.upper():
            cards = instrument_cards(connection, ticker.upper(), siblings=SIBLINGS)
        if not cards:
            raise HadronError(_unknown(connection, ticker))
    if as_json:
        print_json(cards)
        return
    for card in cards:
        _show(card)


def _listed(title: str, rows: Sequence[Mapping[str, str | None]]) -> Table:
    """Two lines each: the name, and the ticker whole, for it is there to be copied."""
    made = Table(title=escape(title), title_justify="left", header_style="bold", pad_edge=False)
    made.add_column("name\nticker", overflow="fold")
    for column in list(rows[0])[2:]:
        numeric = column in ("price", "bid", "ask")
        made.add_column(column, no_wrap=True, justify="right" if numeric else "left")
    for row in rows:
        name, ticker, *others = row.values()
        both = Text(name or "").append(f"\n{ticker}", style="dim")
        made.add_row(both, *(other or "-" for other in others))
    return made


def _row(found: FoundInstrument) -> dict[str, str | None]:
    return {
        "name": found.display_name,
        "ticker": found.ticker,
        "status": found.status,
        "closes (UTC)": _minute(found.close_time),
        "price": _plain(found.price),
    }


def _why_nothing(connection: PgConnection, words: str) -> str:
    missing = words_not_found(connection, words)
    if missing:
        return (
            f"No instrument has a word that begins with {', '.join(map(repr, missing))}. "
            "'hadron crawl status' says whether all were fetched."
        )
    if search_instruments(connection, words, limit=1):
        return f"Instruments match {words!r}, but none with this --venue and --status."
    return f"Every word of {words!r} is known, but no instrument has them all. Try fewer."


def _unknown(connection: PgConnection, ticker: str) -> str:
    similar = similar_tickers(connection, ticker)
    if similar:
        return f"No instrument is called {ticker}. Did you mean {', '.join(similar)}?"
    return (
        f"No instrument is called {ticker}. Look for a part of its name with "
        "'hadron instruments search', or fetch what is new with 'hadron crawl run'."
    )


def _show(card: InstrumentCard) -> None:
    own, ref = card.instrument, card.instrument["external_ref"]
    console.print(Text(own["display_name"] or own["name"], style="bold"))
    _facts(
        {
            "ticker": own["ticker"],
            "known as": _other_names(card),
            "venue": own["venue"],
            "status": _status(own),
            "question": own["title"],
            "yes means": own["yes_sub_title"],
            "no means": own["no_sub_title"],
            "strike": _strike(own),
            "opens": _minute(own["open_time"]),
            "closes": _minute(own["close_time"]),
            "expected to expire": _minute(own["expected_expiration_time"]),
            "category": ref.get("exchange_category") or ref.get("category"),
            "tags": ", ".join(map(str, ref.get("tags", []))),
            "event": _titled(card.event, "event_ticker") or own["event_ticker"],
            "series": _titled(card.series, "ticker") or ref.get("series_ticker"),
            **_listing(ref),
            **_prices(card.quote or {}),
            "rules": ref.get("rules_primary"),
            "further rules": ref.get("rules_secondary"),
            "described": _minute(own["described_at"]) or "not yet: the crawl has not met it",
        }
    )
    if card.legs:
        console.print(_listed("Legs", [_leg(one) for one in card.legs]))
    if card.siblings:
        more = card.siblings_in_all - len(card.siblings)
        rows = [_sibling(one) for one in card.siblings]
        console.print(_listed("Other markets of the event", rows))
        if more > 0:
            click.echo(f"And {more:,} more; --json has them.")


def _facts(facts: Mapping[str, Any]) -> None:
    """The facts that are known, a line each; long ones are wrapped in their column."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column()
    for name, fact in facts.items():
        if fact:
            grid.add_row(name, Text(str(fact)))
    console.print(grid)


def _status(own: Record) -> str:
    said = own["status"] or "not known yet"
    if own["result"]:
        value = own["settlement_value"]
        said += f", result {own['result']}" + ("" if value is None else f", settled at {value:f}")
    return said


def _strike(own: Record) -> str:
    numbers = [number for number in (own["floor_strike"], own["cap_strike"]) if number is not None]
    words = [own["strike_type"] or "", " to ".join(f"{number:,f}" for number in numbers)]
    return " ".join(filter(None, words))


def _titled(record: Record | None, key: str) -> str | None:
    if record is None:
        return None
    names = [record.get("title"), record.get("sub_title")]
    said = ", ".join(name for name in names if name)
    return f"{record[key]}  {said}".rstrip()


def _other_names(card: InstrumentCard) -> str:
    own = (card.instrument["venue"], card.instrument["ticker"])
    return ", ".join(
        f"{name['ticker']} ({name['venue']})"
        for name in card.names
        if (name["venue"], name["ticker"]) != own
    )


_LISTING = {
    "listed at": "primary_exchange",
    "type": "type",
    "currency": "currency",
    "CIK": "cik",
    "FIGI": "composite_figi",
    "delisted": "delisted_at",
    "underlying": "root",
    "expires": "expiry",
    "right": "right",
    "struck at": "strike",
}
"""What the reference data of stocks, pairs and options has, by how it is called for people."""


def _listing(ref: Mapping[str, Any]) -> dict[str, str | None]:
    """Of what is listed on an exchange; a prediction market has none of it."""
    if not ref.get("market") and not ref.get("root"):
        return {}
    return {name: ref.get(key) for name, key in _LISTING.items()}


def _prices(quote: Record) -> dict[str, str | None]:
    return {
        "price": _timed(_plain(quote.get("price")), quote.get("price_time")),
        "bid": _timed(_sized(quote.get("bid"), quote.get("bid_size")), quote.get("quote_time")),
        "ask": _timed(_sized(quote.get("ask"), quote.get("ask_size")), quote.get("quote_time")),
        "last trade": _timed(
            _sized(quote.get("last_trade_price"), quote.get("last_trade_size")),
            quote.get("last_trade_time"),
        ),
    }


def _leg(one: Record) -> dict[str, str | None]:
    known = {"name": one["name"] or "not stored yet", "ticker": one["ticker"], "side": one["side"]}
    return known | {"status": one["status"], "price": _plain(one["price"])}


def _sibling(one: Record) -> dict[str, str | None]:
    known = {"name": one["name"], "ticker": one["ticker"], "status": one["status"]}
    return known | {name: _plain(one[name]) for name in ("price", "bid", "ask")}


def _timed(value: str | None, at: datetime | None) -> str | None:
    return value if value is None or at is None else f"{value}  at {_second(at)}"


def _sized(price: Decimal | None, size: Decimal | None) -> str | None:
    return _plain(price) if price is None or size is None else f"{price:f} x {size:f}"


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _minute(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _second(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
