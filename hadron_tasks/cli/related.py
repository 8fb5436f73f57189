"""``hadron related``: what belongs together with a market, with prices."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby

import click
from rich.markup import escape
from rich.tree import Tree

from hadron_tasks.cli.connect import database
from hadron_tasks.cli.output import console, print_json
from hadron_tasks.cli.ticks import unknown_ticker
from hadron_tasks.errors import HadronError
from hadron_tasks.market_watch.related import RelatedGroup, RelatedMarket, related_groups
from hadron_tasks.markets.groups import GroupKind

_HEADINGS = {
    GroupKind.GAME: "One game",
    GroupKind.LADDER: "A ladder: each implies those below it",
    GroupKind.DEADLINES: "One question by several dates: each implies those below it",
    GroupKind.EXHAUSTIVE: "One of these comes true, and only one",
    GroupKind.EXCLUSIVE: "At most one of these comes true",
    GroupKind.COMBO: "A combo and its legs",
    GroupKind.EVENT: "One event",
    GroupKind.UNDERLYING: "About this number",
}


@click.command()
@click.argument("ticker")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def related(ticker: str, as_json: bool) -> None:
    """Show what belongs together with TICKER, a market or an event, and at which prices.

    \b
    Examples:
      hadron related KXNBAGAME-26NOV21TORCHA-TOR
      hadron related KXBTCD-26NOV2117
      hadron related KXBTCD-26NOV2117-T98000 --json | jq '.[].kind'
    """
    with database() as connection, connection.cursor() as cursor:
        groups = related_groups(cursor, ticker)
        if not groups:
            raise HadronError(unknown_ticker(connection, ticker))
    if as_json:
        print_json([_document(group) for group in groups])
        return
    for group in groups:
        console.print(_tree(group, ticker), soft_wrap=True)


def _document(group: RelatedGroup) -> dict[str, object]:
    return {
        "kind": group.kind.value,
        "key": group.key,
        "markets": [market._asdict() for market in group.markets],
    }


def _tree(group: RelatedGroup, asked: str) -> Tree:
    tree = Tree(f"[bold]{_HEADINGS[group.kind]}[/bold]  [dim]{escape(group.key)}[/dim]")
    if group.kind not in (GroupKind.GAME, GroupKind.EVENT):
        for market in group.markets:
            tree.add(_line(market, asked))
        return tree
    for (event, title), markets in groupby(
        group.markets, key=lambda one: (one.event_ticker, one.event_title)
    ):
        branch = tree.add(escape(title or event))
        for market in markets:
            branch.add(_line(market, asked))
    return tree


def _line(market: RelatedMarket, asked: str) -> str:
    name = escape(market.name)
    if market.ticker == asked:
        name = f"[bold]{name}[/bold]"
    if market.side == "no":
        name = f"not: {name}"
    if market.bid is not None or market.ask is not None:
        told = f"{_price(market.bid)} / {_price(market.ask)}"
    else:
        told = _price(market.price)
    status = "" if market.status in (None, "active") else f"  {market.status}"
    return f"{told}  {name}  [dim]{escape(market.ticker)}{status}[/dim]"


def _price(price: Decimal | None) -> str:
    return "-" if price is None else f"{price.normalize():f}"
