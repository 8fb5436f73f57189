"""``hadron map``: one instrument on several venues, and series with an underlying."""

from __future__ import annotations

from typing import Any

import click
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.cli.connect import database
from hadron_tasks.cli.output import console, print_json, table
from hadron_tasks.errors import HadronError
from hadron_tasks.market_watch import mapping
from hadron_tasks.markets.underlyings import DEFAULTS
from hadron_tasks.store.mapping import list_mappings


class _VenueName(click.ParamType[tuple[str, str]]):
    name = "venue:name"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        venue, colon, name = str(value).partition(":")
        if not (colon and venue and name):
            self.fail(f"{value!r}: write venue:name, as polygon:I:SPX or kalshi:KXINX", param, ctx)
        return venue, name


_NAME = _VenueName()


@click.group("map")
def map() -> None:  # noqa: A001 - the command's name
    """Let a venue's name stand for an instrument that another venue carries.

    A series of Kalshi (KXINX) mapped to an index or coin of Polygon makes that its underlying. A
    market or symbol mapped to an instrument is recorded as that instrument; the newest price of
    an instrument is always that of its own venue: Polygon for equities, indices, crypto and forex,
    Kalshi for prediction markets.
    """


@map.command("add")
@click.argument("instrument", type=_NAME)
@click.argument("name", type=_NAME)
def add_command(instrument: tuple[str, str], name: tuple[str, str]) -> None:
    """Let NAME stand for INSTRUMENT, both written venue:name.

    \b
    Examples:
      hadron map add polygon:I:SPX kalshi:KXINX
      hadron map add polygon:C:XAU-USD kalshi:KXGOLDD
    """
    with database() as connection:
        is_new = mapping.add(connection, instrument, name)
    told = "stands for" if is_new else "stood already for"
    console.print(f"{':'.join(name)} {told} {':'.join(instrument)}.", highlight=False)


@map.command("list")
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="Instruments' own names, too.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="At most so many."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(name: str | None, every: bool, limit: int, as_json: bool) -> None:
    """List the names that stand for another venue's instrument, and the default underlyings.

    \b
    Examples:
      hadron map list
      hadron map list I:SPX --all
      hadron map list --json
    """
    with database() as connection:
        rows = _rows(connection, name, every=every, limit=limit)
    if as_json:
        print_json(rows)
    elif rows:
        console.print(table("Names", rows))
    else:
        console.print("No name is mapped.")


@map.command("remove")
@click.argument("name", type=_NAME)
def remove_command(name: tuple[str, str]) -> None:
    """Let NAME (venue:name) stand for nothing else any more.

    What was recorded stays where it is; from now on the name is an instrument of its own.

    \b
    Example:
      hadron map remove kalshi:KXGOLDD
    """
    with database() as connection:
        if not mapping.remove(connection, name):
            raise HadronError(
                f"{':'.join(name)} is not mapped. 'hadron map list' shows what is; the default "
                "underlyings are replaced by mapping their series to something else."
            )
    console.print(f"{':'.join(name)} is an instrument of its own.", highlight=False)


def _rows(
    connection: PgConnection, name: str | None, *, every: bool, limit: int
) -> list[dict[str, Any]]:
    stored = [
        {
            "name": f"{row.venue}:{row.name}",
            "stands for": f"{row.primary_source}:{row.ticker}",
            "class": row.asset_class,
            "called": row.display_name,
            "by": "mapping",
        }
        for row in list_mappings(connection, name, every=every, limit=limit)
    ]
    defaults = [
        {
            "name": f"kalshi:{series}*",
            "stands for": f"polygon:{ticker}",
            "class": "-",
            "called": "-",
            "by": "default",
        }
        for series, ticker in DEFAULTS.items()
        if name is None or name in (series, ticker)
    ]
    return stored + defaults
