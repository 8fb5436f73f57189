"""Many rows into a table at once, writing only those that are new or different.

Rows are copied into a temporary table. What is stored already, just so, is taken out again before
anything is locked or written, so an unchanged row costs a look-up and no write: ``ON CONFLICT DO
UPDATE ... WHERE`` alone would lock every row it meets, and a lock is a write. The others go in
with one ``INSERT ... ON CONFLICT DO UPDATE``.

Rows are locked in the order of their key, whoever writes, so workers with overlapping pages wait
for each other and never deadlock. A row that PostgreSQL refuses is found by halving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.catalogue_rows import Refused
from hadron_tasks.store.copy_text import copy_in
from hadron_tasks.store.session import blames_the_data, is_transient


class Line(NamedTuple):
    """A row ready to be copied."""

    key: str
    name: str
    """What people call it."""
    text: bytes
    """COPY text in UTF-8, in the order of :attr:`StagedUpsert.columns`."""
    digest: int | None = None
    """The same for rows that say the same; see :attr:`StagedUpsert.digested`."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the rows that were not stored already, just so."""

    inserted: list[str]
    """Keys."""
    updated: list[str]
    refused: list[Refused]


@dataclass(frozen=True)
class StagedUpsert:
    """How one table takes rows. A staged NULL says nothing and leaves the stored value alone."""

    table: str
    key: str
    """The column that names a row, and by which rows are ordered."""
    key_type: str
    conflict: tuple[str, ...]
    """The columns of the unique constraint by which a row is found again."""
    stated: tuple[str, ...]
    """Columns that a row may state anew."""
    merged: tuple[str, ...]
    """JSON objects whose keys are taken over one by one."""
    fixed: tuple[str, ...] = ()
    """Columns besides the key that are written when a row is made, and never again."""
    staged_only: tuple[str, ...] = ()
    """Text columns of the staging table that the table does not have."""
    defaults: tuple[tuple[str, str], ...] = ()
    """SQL for columns that may not be NULL in a new row."""
    newer_message: str = ""
    """Where messages write the table too, SQL: whether one came after the staged row ``s`` was so.
    Then the table has ``described_at``."""
    streamed: tuple[str, ...] = ()
    """The stated columns that messages write."""
    has_status: bool = False
    """Whether ``status_at`` is to say since when ``status`` is known."""
    digested: bool = False
    """Whether the table keeps the digest of what was stated last, so that a row that states the
    same again need not even be sent. A trigger makes it NULL when anything else changes the row."""

    def write(self, cursor: Cursor, lines: Sequence[Line]) -> Stored:
        """Write rows in the cursor's open transaction.

        Args:
            lines: Each key once.

        Raises:
            psycopg2.Error: It is not a row that is at fault; the transaction is lost.
        """
        if self.digested:
            lines = self._without_known(cursor, lines)
        if not lines:
            return Stored([], [], [])
        cursor.execute(self._make_staging)
        # Nobody has counted the staged rows; by its guess the planner may read the whole table.
        cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        stored = self._write_or_halve(cursor, sorted(lines))
        cursor.execute("SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on")
        return stored

    def _without_known(self, cursor: Cursor, lines: Sequence[Line]) -> list[Line]:
        cursor.execute(self._known, ([line.key for line in lines],))
        known: dict[str, int] = dict(cursor.fetchall())
        return [line for line in lines if known.get(line.key) != line.digest]

    def _write_or_halve(self, cursor: Cursor, lines: Sequence[Line]) -> Stored:
        cursor.execute("SAVEPOINT before_rows")
        try:
            stored = self._write(cursor, lines)
        except psycopg2.Error as error:
            if is_transient(error) or not blames_the_data(error):
                raise
            cursor.execute("ROLLBACK TO SAVEPOINT before_rows")
            if len(lines) == 1:
                return Stored([], [], [Refused(lines[0].name, _reason(error))])
        else:
            cursor.execute("RELEASE SAVEPOINT before_rows")
            return stored
        # The lower half first: locks are still taken in the order of the keys.
        middle = len(lines) // 2
        lower = self._write_or_halve(cursor, lines[:middle])
        upper = self._write_or_halve(cursor, lines[middle:])
        return Stored(
            lower.inserted + upper.inserted,
            lower.updated + upper.updated,
            lower.refused + upper.refused,
        )

    def _write(self, cursor: Cursor, lines: Sequence[Line]) -> Stored:
        cursor.execute(self._empty_staging)
        copy_in(cursor, self._copy, b"".join([line.text for line in lines]))
        cursor.execute(self._drop_unchanged)
        if cursor.rowcount == len(lines):
            return Stored([], [], [])
        if self.newer_message:
            cursor.execute(self._lock)
            if cursor.rowcount:
                # A statement of its own: it sees the messages of whoever held the locks.
                cursor.execute(self._silence_outdated)
        cursor.execute(self._upsert)
        written = cursor.fetchall()
        return Stored(
            [key for key, is_new in written if is_new],
            [key for key, is_new in written if not is_new],
            [],
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The staged columns, in the order of a line."""
        digest = ("digest",) if self.digested else ()
        described = ("described_at",) if self.newer_message else ()
        rest = (*self.staged_only, *self.fixed, *self.stated, *self.merged)
        return (self.key, *digest, *described, *rest)

    @property
    def _staging(self) -> str:
        return f"{self.table}_staging"

    @cached_property
    def _known(self) -> str:
        return (
            f"SELECT {self.key}::text, digest FROM {self.table}"  # noqa: S608 - constants only
            f" WHERE {self.key} = ANY(%s::{self.key_type}[])"
        )

    @cached_property
    def _make_staging(self) -> str:
        columns = ", ".join(
            f"NULL::text AS {column}" if column in self.staged_only else column
            for column in self.columns
        )
        return (
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {self._staging} ON COMMIT DELETE ROWS"  # noqa: S608 - constants only
            f" AS SELECT {columns} FROM {self.table} WITH NO DATA"
        )

    @cached_property
    def _empty_staging(self) -> str:
        return f"DELETE FROM {self._staging}"  # noqa: S608 - constants only

    @cached_property
    def _copy(self) -> str:
        return f"COPY {self._staging} ({', '.join(self.columns)}) FROM STDIN"

    @cached_property
    def _same_row(self) -> str:
        return " AND ".join(f"t.{column} = s.{column}" for column in self.conflict)

    def _differs(self, new: str) -> str:
        tests = [
            f"({new}.{column} IS NOT NULL AND {new}.{column} IS DISTINCT FROM t.{column})"
            for column in self.stated
        ]
        tests += [
            f"({new}.{column} IS NOT NULL"
            f" AND (t.{column} || {new}.{column}) IS DISTINCT FROM t.{column})"
            for column in self.merged
        ]
        return "(" + " OR ".join(tests) + ")"

    @cached_property
    def _drop_unchanged(self) -> str:
        """Rows that say nothing new, and those that were overtaken by a newer description."""
        overtaken = " OR t.described_at > s.described_at" if self.newer_message else ""
        return (
            f"DELETE FROM {self._staging} s USING {self.table} t"  # noqa: S608 - constants only
            f" WHERE {self._same_row} AND (NOT {self._differs('s')}{overtaken})"
        )

    @cached_property
    def _lock(self) -> str:
        return (
            f"SELECT FROM {self.table} t JOIN {self._staging} s ON {self._same_row}"
            f" ORDER BY t.{self.key} FOR UPDATE OF t"
        )

    @cached_property
    def _silence_outdated(self) -> str:
        """A row older than the newest message says only what is not known."""
        silenced = [f"{column} = COALESCE(t.{column}, s.{column})" for column in self.streamed]
        # What is stored stands on the right, where it wins.
        silenced += [f"{column} = s.{column} || t.{column}" for column in self.merged]
        if self.digested:
            silenced.append("digest = NULL")
        return (
            f"UPDATE {self._staging} s SET {', '.join(silenced)}"  # noqa: S608 - constants only
            f" FROM {self.table} t WHERE {self._same_row} AND {self.newer_message}"
        )

    @cached_property
    def _upsert(self) -> str:
        defaults = dict(self.defaults)
        values = {
            name: f"COALESCE(s.{name}, {defaults[name]})" if name in defaults else f"s.{name}"
            for name in self.columns
            if name not in self.staged_only
        }
        settings = [f"{name} = COALESCE(EXCLUDED.{name}, t.{name})" for name in self.stated]
        settings += [f"{name} = t.{name} || EXCLUDED.{name}" for name in self.merged]
        overtaken = ""
        if self.newer_message:
            settings.append("described_at = EXCLUDED.described_at")
            # By one whose transaction ended since the rows were looked at.
            overtaken = " AND (t.described_at > EXCLUDED.described_at) IS NOT TRUE"
        if self.digested:
            settings.append("digest = EXCLUDED.digest")
        if self.has_status:
            values["status_at"] = "CASE WHEN s.status IS NOT NULL THEN s.described_at END"
            settings.append(
                "status_at = CASE WHEN EXCLUDED.status IS DISTINCT FROM t.status"
                " THEN COALESCE(EXCLUDED.status_at, t.status_at) ELSE t.status_at END"
            )
        return (
            f"INSERT INTO {self.table} AS t ({', '.join(values)})"  # noqa: S608 - constants only
            f" SELECT {', '.join(values.values())} FROM {self._staging} s ORDER BY s.{self.key}"
            f" ON CONFLICT ({', '.join(self.conflict)}) DO UPDATE SET"
            f" {', '.join(settings)}, updated_at = now()"
            f" WHERE {self._differs('EXCLUDED')}{overtaken}"
            f" RETURNING t.{self.key}::text, t.xmax = 0"
        )


def _reason(error: psycopg2.Error) -> str:
    return str(error).strip().split("\n", 1)[0]
