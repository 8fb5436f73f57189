"""PostgreSQL's COPY text format: the fastest way in that keeps every digit of a Decimal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from typing import Any

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812

NULL = "\\N"

_encode_json = msgspec.json.Encoder(decimal_format="string").encode

TICK_COLUMNS = (
    "instrument_id",
    "event_time",
    "event_key",
    "received_at",
    "venue",
    "tick_type",
    "price",
    "raw_price",
    "size",
    "side",
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "sequence",
    "metadata",
)


def copy_in(cursor: Cursor, statement: str, lines: bytes) -> None:
    """Run a ``COPY ... FROM STDIN`` of ``lines``.

    In one piece: psycopg2 would send 8 kB at a time and give the interpreter away for each, which
    takes up to 5 ms to come back while another thread computes (measured: a batch takes a fifth
    longer).
    """
    cursor.copy_expert(statement, BytesIO(lines), size=len(lines) + 1)


def array(values: Iterable[str]) -> str:
    """Ids, numbers, times or rows as the text of an array.

    A list would be written out as an expression for each value, which PostgreSQL reads one by one.
    """
    return f"{{{','.join(values)}}}"


# The fields by position and the conditions in place: this line is written for every message, and
# looking up names and calling a function for each value would take as long again. Joined, because
# formatting is slow with a text that is a member of an enum.
def tick_line(
    instrument_id: str,
    venue: str,
    _ticker: str,
    tick_type: str,
    event_us: int,
    event_key: int,
    received_ns: int,
    price: Decimal | None,
    raw_price: str | None,
    size: Decimal | None,
    side: str | None,
    bid: Decimal | None,
    ask: Decimal | None,
    bid_size: Decimal | None,
    ask_size: Decimal | None,
    sequence: int | None,
    metadata: dict[str, Any] | None,
    _trade_key: int | None,
) -> str:
    """A tick as a line of COPY text, in the order of :data:`TICK_COLUMNS`.

    Args:
        instrument_id: Its instrument's.
        The others: Its fields, as ``astuple`` gives them.
    """
    return "\t".join(
        (
            instrument_id,
            event_time(event_us),
            str(event_key),
            timestamp(received_ns // 1000),
            venue,
            tick_type,
            NULL if price is None else str(price),
            NULL if raw_price is None else text(raw_price),
            NULL if size is None else str(size),
            NULL if side is None else text(side),
            NULL if bid is None else str(bid),
            NULL if ask is None else str(ask),
            NULL if bid_size is None else str(bid_size),
            NULL if ask_size is None else str(ask_size),
            NULL if sequence is None else str(sequence),
            "\\N\n" if metadata is None else f"{json_text(metadata)}\n",
        )
    )


def value(number: Decimal | int | None) -> str:
    """A number as COPY text."""
    return NULL if number is None else str(number)


def text(words: str | None) -> str:
    """Text as COPY text: backslash and the separators escaped."""
    if words is None:
        return NULL
    if words.isprintable() and "\\" not in words:
        return words
    return (
        words.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    )


def json_text(document: dict[str, Any] | list[Any] | None) -> str:
    """A JSON document as COPY text; JSON itself escapes tabs and newlines."""
    if document is None:
        return NULL
    return _encode_json(document).decode().replace("\\", "\\\\")


def timestamp(microseconds: int) -> str:
    """Microseconds since the Unix epoch as a timestamptz in UTC."""
    return f"{_second(microseconds // 1_000_000)}{microseconds % 1_000_000:06d}+00"


# Exchanges tell the time in milliseconds, and much happens in the same one.
event_time = lru_cache(maxsize=4096)(timestamp)


# Ticks of one batch share few seconds, and formatting one takes longer than the rest of the row.
@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.")
