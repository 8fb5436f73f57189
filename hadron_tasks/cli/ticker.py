"""``hadron ticker``: what a Kalshi ticker says, in plain words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from hadron_tasks.cli.output import print_json_line
from hadron_tasks.tickers import ParsedTicker, TickerError, parse_ticker

_NOT_FOR_PEOPLE = frozenset(("display_name", "ticker", "teams"))


@click.command()
@click.argument("tickers", nargs=-1, metavar="[TICKER]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
def ticker(tickers: tuple[str, ...], as_json: bool) -> None:
    """Say what each TICKER means; without any, read them from standard input, one a line.

    One ticker is shown with all its parts; several, a name a line. What cannot be read is
    said, not guessed. The exit code is 1 when a line was no ticker at all.

    \b
    Examples:
      hadron ticker KXNBAGAME-25NOV29TORCHA-TOR
      hadron ticker FED-25DEC-T3.75 KXPRESNOMD-28-AOC --json
      cut -d, -f1 markets.csv | hadron ticker
    """
    if not tickers and sys.stdin.isatty():
        raise click.UsageError("Name a ticker, or send some on standard input.")
    refused = 0
    for text in tickers or _lines():
        try:
            parsed = parse_ticker(text)
        except TickerError as error:
            click.echo(f"hadron: {error}", err=True)
            refused += 1
            continue
        if as_json:
            print_json_line(parsed.as_dict())
        elif len(tickers) == 1:
            _show(parsed)
        else:
            click.echo(f"{parsed.ticker}\t{parsed.display_name}")
    if refused:
        sys.exit(1)


def _lines() -> Iterator[str]:
    for line in sys.stdin:
        if text := line.strip():
            yield text


def _show(parsed: ParsedTicker) -> None:
    facts: dict[str, Any] = {"name": parsed.display_name}
    for key, value in parsed.as_dict().items():
        if key not in _NOT_FOR_PEOPLE:
            facts[key.replace("_", " ")] = _in_words(value)
    facts["pieces"] = ", ".join(f"{piece.text} ({piece.role})" for piece in parsed.pieces)
    width = max(map(len, facts))
    for key, value in facts.items():
        click.echo(f"{key:<{width}}  {value}")


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(str(part) for part in value.values() if part not in (None, "", False))
    if isinstance(value, list | tuple):
        return "; ".join(_in_words(part) for part in value)
    return str(value)
