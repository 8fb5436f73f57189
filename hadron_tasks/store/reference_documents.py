"""What a venue tells about itself in one piece: the newest of each, and when it last changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json

_UPSERT = """
    INSERT INTO reference_documents AS d (venue, name, document) VALUES (%s, %s, %s)
    ON CONFLICT (venue, name) DO UPDATE SET
        document = excluded.document, fetched_at = now(),
        changed_at = CASE WHEN d.document = excluded.document THEN d.changed_at ELSE now() END
    RETURNING changed_at = now()
"""


def keep_documents(cursor: Cursor, venue: str, documents: Mapping[str, Any]) -> int:
    """Store documents by name; returns how many are new or different."""
    changed = 0
    for name, document in sorted(documents.items()):
        cursor.execute(_UPSERT, (venue, name, Json(document)))
        row = cursor.fetchone()
        changed += bool(row and row[0])
    return changed
