"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
from pydantic_core import to_json
from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console(emoji=False)
"""Without emoji: ``:up:`` in a key is not meant as one."""


def print_json(document: Any) -> None:
    """A document as indented JSON on standard output; decimals and times as text."""
    click.echo(to_json(document, indent=2).decode())


def print_json_line(document: Any) -> None:
    """A document as one line of JSON, for streams of them."""
    click.echo(to_json(document).decode())


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """A table for people, a column a key; numbers stand right, an absent value is a dash."""
    return _filled(
        Table(title=title, title_justify="left", header_style="bold", pad_edge=False), rows
    )


def list_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Like :func:`table`, without lines and title: room for many columns."""
    return _filled(Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0)), rows)


def _filled(made: Table, rows: Sequence[Mapping[str, Any]]) -> Table:
    for column in rows[0] if rows else ():
        numeric = all(isinstance(row[column], int | float | None) for row in rows)
        made.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        made.add_row(*(_cell(value) for value in row.values()))
    return made


def sheet(title: str, records: Sequence[Mapping[str, Any]]) -> Table:
    """Few records of many fields: a line a field, a column a record, headed by its first field."""
    made = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    heading, *names = records[0] if records else ("",)
    made.add_column(heading)
    for record in records:
        made.add_column(escape(str(record[heading])), justify="right")
    for name in names:
        made.add_row(name, *(_cell(record[name]) for record in records))
    return made


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return escape(str(value))  # what a cell says is never markup
