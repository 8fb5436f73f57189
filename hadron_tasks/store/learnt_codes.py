"""Codes of tickers whose meaning was learnt: kept for other processes, and for tomorrow."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import execute_values

Code = tuple[str, str, str, str]
"""Scope, code, name, and the ticker of the market that told."""

_KEEP = """
    INSERT INTO learnt_codes AS k (scope, code, name, learnt_from) VALUES %s
    ON CONFLICT (scope, code) DO UPDATE
    SET name = EXCLUDED.name, learnt_from = EXCLUDED.learnt_from, learnt_at = now()
    WHERE (k.name, k.learnt_from) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.learnt_from)
"""


def keep_codes(cursor: Cursor, codes: Iterable[Code]) -> int:
    """Store codes; returns how many were new or changed."""
    by_place = {tuple(code[:2]): tuple(code) for code in codes}
    if not by_place:
        return 0
    rows = [row for _, row in sorted(by_place.items())]
    execute_values(cursor, _KEEP, rows, page_size=len(rows))
    return int(cursor.rowcount)


def kept_codes(cursor: Cursor) -> list[Code]:
    """All codes that were learnt."""
    cursor.execute("SELECT scope, code, name, learnt_from FROM learnt_codes")
    return cursor.fetchall()
