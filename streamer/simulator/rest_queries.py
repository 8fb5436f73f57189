"""What the query strings of the simulated REST API may say, and what is refused with HTTP 400."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamer.simulator.rest_market import STATUS_WORDS

DEFAULT_PAGE = 100
MOST_MARKETS_A_PAGE = 1000
"""Of trades, too."""

_MOST_SECONDS = 1 << 40

Argument = Callable[[str], str]
"""Gives a query argument; empty where it was left out."""


class WrongQuery(Exception):  # noqa: N818 - what it is, not what to do about it
    """The request cannot be answered; the text says why."""


@dataclass(frozen=True, slots=True)
class MarketQuery:
    """Which markets are asked for. Times are Unix seconds."""

    status: str = ""
    event_ticker: str = ""
    series_ticker: str = ""
    tickers: tuple[str, ...] = ()
    combos: str = ""
    """``only``, ``exclude`` or empty for both."""
    min_updated: int | None = None
    min_created: int | None = None
    max_created: int | None = None
    min_close: int | None = None
    max_close: int | None = None
    min_settled: int | None = None
    max_settled: int | None = None

    @classmethod
    def read(cls, argument: Argument) -> MarketQuery:
        """Read and check.

        Raises:
            WrongQuery: A value that is none, or filters that do not go together.
        """
        query = cls(
            status=one_of(argument, "status", tuple(STATUS_WORDS)),
            event_ticker=argument("event_ticker"),
            series_ticker=argument("series_ticker"),
            tickers=tuple(part for part in argument("tickers").split(",") if part),
            combos=one_of(argument, "mve_filter", ("only", "exclude")),
            min_updated=seconds(argument, "min_updated_ts"),
            min_created=seconds(argument, "min_created_ts"),
            max_created=seconds(argument, "max_created_ts"),
            min_close=seconds(argument, "min_close_ts"),
            max_close=seconds(argument, "max_close_ts"),
            min_settled=seconds(argument, "min_settled_ts"),
            max_settled=seconds(argument, "max_settled_ts"),
        )
        query._check()
        return query

    def _check(self) -> None:
        created = self.min_created is not None or self.max_created is not None
        close = self.min_close is not None or self.max_close is not None
        settled = self.min_settled is not None or self.max_settled is not None
        updated = self.min_updated is not None
        if created + close + settled + updated > 1:
            raise WrongQuery("timestamp filters are mutually exclusive")
        allowed = (
            {"unopened", "open", ""} if created else {"closed", ""} if close else {"settled", ""}
        )
        if (created or close or settled) and self.status not in allowed:
            raise WrongQuery(f"status {self.status} does not go with this timestamp filter")
        others = self.status or self.event_ticker or self.series_ticker or self.tickers
        if updated and (others or self.combos == "only"):
            raise WrongQuery("min_updated_ts goes with mve_filter=exclude alone")


def one_of(argument: Argument, name: str, words: tuple[str, ...]) -> str:
    """An argument that is one of some words, or empty.

    Raises:
        WrongQuery: It is another.
    """
    said = argument(name)
    if said and said not in words:
        raise WrongQuery(f"{name} must be one of {', '.join(words)}")
    return said


def seconds(argument: Argument, name: str) -> int | None:
    """An argument that is a Unix time.

    Raises:
        WrongQuery: It is none.
    """
    said = argument(name)
    if not said:
        return None
    if not (said.isascii() and said.isdecimal()) or int(said) > _MOST_SECONDS:
        raise WrongQuery(f"{name} must be a Unix time in seconds")
    return int(said)


def limit(argument: Argument, default: int, most: int) -> int:
    """How many items a page may have; 0 is the default.

    Raises:
        WrongQuery: It is no number, or more than the exchange gives.
    """
    said = argument("limit")
    if not said:
        return default
    if not (said.isascii() and said.isdecimal()) or int(said) > most:
        raise WrongQuery(f"limit must be a number from 1 to {most}")
    return int(said) or default


def flag(argument: Argument, name: str) -> bool:
    """An argument that is true or false.

    Raises:
        WrongQuery: It is neither.
    """
    return one_of(argument, name, ("true", "false")) == "true"


def write_cursor(section: str, position: int) -> str:
    """Where the next page begins, as clients see it: nothing they could read."""
    return base64.urlsafe_b64encode(json.dumps([section, position]).encode()).decode()


def read_cursor(argument: Argument, sections: tuple[str, ...]) -> tuple[str, int]:
    """Where to begin; the beginning where nothing is said.

    Raises:
        WrongQuery: It is none that this list gave out.
    """
    said = argument("cursor")
    if not said:
        return sections[0], 0
    try:
        section, position = json.loads(base64.b64decode(said, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error):
        raise WrongQuery("invalid cursor") from None
    if section not in sections or type(position) is not int or position < 0:
        raise WrongQuery("invalid cursor")
    return section, position


def cursor_after(found: list[tuple[str, int, Any]], size: int) -> str:
    """Where the page after this one begins; empty when ``found`` holds no more than this one."""
    if len(found) <= size:
        return ""
    section, after, _ = found[size - 1]
    return write_cursor(section, after)
