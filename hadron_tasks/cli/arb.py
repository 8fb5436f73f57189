"""``hadron arb``: sets of contracts that would have paid whatever happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from hadron_tasks.cli.connect import database
from hadron_tasks.cli.moment import MOMENT
from hadron_tasks.cli.output import console, print_json, table
from hadron_tasks.errors import HadronError
from hadron_tasks.markets.arbitrage import Kind
from hadron_tasks.store.arbitrage import Opportunity, find_opportunity, list_opportunities


class _Dollars(click.ParamType[Decimal]):
    name = "dollars"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite():
            self.fail(f"{value!r} is no amount of dollars: write 5 or 0.25", param, ctx)
        return amount


@click.group()
def arb() -> None:
    """See arbitrage that was found. Everything is logged, nothing is ever traded.

    Each is a set of contracts, an assumption, and what one set pays at least if it holds. Fees are
    those of the exchange, with its rounding; sizes are those of the best prices.
    """


@arb.command("list")
@click.option("--live", is_flag=True, help="Only what is there now.")
@click.option(
    "--min-profit",
    type=_Dollars(),
    default="0",
    show_default=True,
    help="Only what earned so many dollars at its best, after fees.",
)
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="Only of this kind.")
@click.option("--since", type=MOMENT, help="Only seen since: 15m, 2h (ago), or a time (UTC).")
@click.option("--ticker", help="Only with a leg on this market.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(
    live: bool,
    min_profit: Decimal,
    kind: str | None,
    since: datetime | None,
    ticker: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List arbitrages, those that live first, the most profitable first.

    \b
    Examples:
      hadron arb list --live
      hadron arb list --since 2h --min-profit 5
      hadron arb list --kind implication --json
    """
    with database() as connection, connection.cursor() as cursor:
        found = list_opportunities(
            cursor,
            live=live,
            min_profit=min_profit,
            kind=kind,
            since=since,
            ticker=ticker,
            limit=limit,
        )
    if as_json:
        print_json([_document(one) for one in found])
    elif found:
        console.print(table("Arbitrage (UTC; + lives still)", [_line(one) for one in found]))
    else:
        console.print("No arbitrage lives." if live else "No arbitrage was found.")


@arb.command("show")
@click.argument("opportunity", metavar="ID", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_command(opportunity: int, as_json: bool) -> None:
    """Show one arbitrage: what to buy, on which assumption, and the quotes behind it.

    \b
    Examples:
      hadron arb show 17
      hadron arb show 17 --json | jq .legs
    """
    with database() as connection, connection.cursor() as cursor:
        found = find_opportunity(cursor, opportunity)
    if found is None:
        raise HadronError(f"There is no arbitrage {opportunity}. 'hadron arb list' shows them.")
    if as_json:
        print_json(_document(found))
        return
    state = "lives" if found.closed_at is None else f"gone since {found.closed_at:%H:%M:%S}"
    console.print(f"Arbitrage {found.id}: {found.kind.replace('_', ' ')}, {state}", style="bold")
    for fact in (
        f"If {found.assumption}, one set pays ${found.pays} at least.",
        f"{found.sets} sets are offered: ${found.profit} after ${found.fees} of fees, "
        f"${found.profit_per_set:.4f} a set.",
        f"At its best ${found.best_profit} at {found.best_seen_at:%Y-%m-%d %H:%M:%S}.",
        f"First seen {found.first_seen_at:%Y-%m-%d %H:%M:%S.%f}, last seen "
        f"{found.last_seen_at:%Y-%m-%d %H:%M:%S.%f}: lived {_lived(found)}.",
    ):
        console.print(fact, highlight=False, soft_wrap=True)
    console.print(table("Buy one of each", [_leg(leg) for leg in found.legs]))


def _line(one: Opportunity) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind.replace("_", " "),
        "profit $": one.profit,
        "sets": f"{one.sets.normalize():f}",
        "seen": f"{one.first_seen_at:%m-%d %H:%M}",
        "lived": _lived(one) + (" +" if one.closed_at is None else ""),
        "where": one.scope.partition(":")[2],
    }


def _leg(leg: dict[str, Any]) -> dict[str, Any]:
    quote = leg["quote"]
    return {
        "side": leg["side"].upper(),
        "market": leg["ticker"],
        "price": leg["price"],
        "offered": leg["size"],
        "bid / ask": f"{quote['bid'] or '-'} / {quote['ask'] or '-'}",
        "held at": quote["held_at"][11:23],
    }


def _lived(one: Opportunity) -> str:
    until = one.closed_at or datetime.now(UTC)
    return str(timedelta(seconds=round((until - one.first_seen_at).total_seconds())))


def _document(one: Opportunity) -> dict[str, Any]:
    until = one.closed_at or one.last_seen_at
    return one._asdict() | {"lived_s": (until - one.first_seen_at).total_seconds()}
