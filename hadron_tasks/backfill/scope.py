"""Whose trades to ask an exchange for, when nobody named the instruments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.backfill.windows import Window
from hadron_tasks.store import trades_stored

SEEN_WITHIN = timedelta(hours=1)
"""Of the time asked for: an instrument that traded so near is one that may have traded in it."""
MOST_SEEN = 2_000
"""Instruments asked for one by one at a venue that has no list of all."""

Scope = tuple[str, ...] | None
"""Instruments, one after the other; None for a venue's list of all."""


def around(window: Window) -> Window:
    """The time in which to look for instruments that may have traded in a window."""
    return Window(window.since - SEEN_WITHIN, window.until + SEEN_WITHIN)


def scope_of(
    cursor: Cursor, venue: str, window: Window, named: Sequence[str], *, has_list: bool
) -> Scope:
    """The instruments whose trades to ask for.

    Args:
        named: By whoever asks; empty for every one.
        has_list: Whether the venue tells the trades of all instruments in one list. Of one that
            does not, every one means those that traded around that time.
    """
    if named:
        return tuple(dict.fromkeys(named))
    if has_list:
        return None
    return tuple(sorted(trades_stored.traded(cursor, venue, *around(window), MOST_SEEN)))
