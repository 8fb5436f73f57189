"""Combos: several markets at once. The ticker is a hash; the legs come with the metadata."""

from __future__ import annotations

import re

from hadron_tasks.tickers.draft import Draft

_HASHED = re.compile(r"S(?P<year>20\d\d)(?P<hash>[0-9A-F]+)")


def read_combo(draft: Draft) -> None:
    """Note the pieces: a shard where there is one, the collection's year and hash, the market's."""
    for index, part in enumerate([*draft.event, *draft.market]):
        match = _HASHED.fullmatch(part)
        if match is None:
            shard = part.startswith("SHARD")
            draft.piece(index, "shard" if shard else "hash", part)
            continue
        draft.piece(index, "marker", "S")
        draft.piece(index, "year", match["year"])
        draft.piece(index, "hash", match["hash"])
    if draft.event or draft.market:
        draft.unread.append("the legs: they are not in the ticker")
