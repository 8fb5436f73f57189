"""``hadron reconcile``: a market's price beside the one that its underlying implies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from hadron_tasks.cli.connect import database, redis_client
from hadron_tasks.cli.output import console, print_json, table
from hadron_tasks.cli.ticks import unknown_ticker
from hadron_tasks.errors import HadronError
from hadron_tasks.market_watch.grouping import VENUE
from hadron_tasks.market_watch.quotes import read_feed
from hadron_tasks.market_watch.reconciliation import Reconciler
from hadron_tasks.store.market_quotes import markets_called
from hadron_tasks.store.reconciliations import (
    Reconciliation,
    markets_to_reconcile,
    newest_reconciliations,
)

_ANY_TIME = timedelta(days=10_000)


@click.command()
@click.argument("ticker")
@click.option(
    "--history", type=click.IntRange(min=1), help="So many stored comparisons, newest first."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all that went into it.")
def reconcile(ticker: str, history: int | None, as_json: bool) -> None:
    """Compare what TICKER costs with what its underlying's price says it is worth.

    The model: log returns are normal, without drift, with the volatility of the recorded prices.
    It is a yardstick, not advice. Stale and one-sided quotes are marked and not used.

    \b
    Examples:
      hadron reconcile KXBTCD-26NOV2117-T98000
      hadron reconcile KXINX-26NOV21H1600-B6012 --json
      hadron reconcile KXBTCD-26NOV2117-T98000 --history 20
    """
    with database() as connection, connection.cursor() as cursor:
        if not markets_called(cursor, ticker):
            raise HadronError(unknown_ticker(connection, ticker))
        if history is not None:
            rows = newest_reconciliations(cursor, ticker, history)
        else:
            now = datetime.now(UTC)
            with redis_client() as client:
                feed = read_feed(client, VENUE)
            rows = []
            for key, ids in markets_to_reconcile(cursor, now, now + _ANY_TIME, ticker).items():
                rows += Reconciler().compare(cursor, key, ids, feed, now, every=True)
    if not rows:
        raise HadronError(
            f"{ticker} cannot be compared: either no underlying of it is known (hadron map list), "
            "or it is not open, or its strikes are not known yet (hadron crawl status)."
        )
    if as_json:
        print_json([row._asdict() for row in rows])
    elif history is not None:
        console.print(table(ticker, [_line(row) for row in rows]))
    else:
        for row in rows:
            _show(ticker, row)


def _line(row: Reconciliation) -> dict[str, Any]:
    return {
        "time": f"{row.computed_at:%m-%d %H:%M:%S}",
        "spot": row.spot,
        "market": row.market_probability,
        "model": row.model_probability,
        "difference": row.difference,
        "marks": ", ".join(row.inputs.get("marks", ())),
    }


def _show(ticker: str, row: Reconciliation) -> None:
    inputs = row.inputs
    volatility = inputs["volatility"]
    facts = {
        "underlying": f"{inputs['underlying']} at {_or_dash(row.spot)}",
        "told at": _or_dash(inputs["spot_at"]),
        "strike": " to ".join(
            str(strike)
            for strike in (inputs["floor_strike"], inputs["cap_strike"])
            if strike is not None
        )
        + f" ({inputs['strike_type']}), {_or_dash(inputs['distance'])} away",
        "time left": str(timedelta(seconds=round(inputs["seconds_left"]))),
        "volatility": "not enough prices recorded"
        if volatility is None
        else f"{volatility['a_year']:.1%} a year, of {volatility['observations']} prices "
        f"{volatility['step_s']:g} s apart",
        "market": f"{_or_dash(row.market_probability)} (bid {_or_dash(inputs['bid'])}, "
        f"ask {_or_dash(inputs['ask'])}), {_or_dash(inputs['quoted_at'])}",
        "model": _or_dash(row.model_probability),
        "difference": _or_dash(row.difference),
    }
    if inputs["marks"]:
        facts["not used"] = ", ".join(inputs["marks"])
    console.print(ticker, style="bold", highlight=False)
    for name, fact in facts.items():
        console.print(f"  {name:<11} {fact}", highlight=False, soft_wrap=True)


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
