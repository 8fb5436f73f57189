"""Dead letters: frames that could not be stored, with all that is needed to try them again."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b, sha256

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import execute_values

from hadron_tasks.raw_stream import RawFrame

_INSERT = """
    INSERT INTO dead_letters (kind, identity, fingerprint, venue, connection, raw_frame,
                              received_at_ns, error_type, message, place, traceback)
    VALUES %s
    ON CONFLICT (identity) DO UPDATE SET
        attempts = dead_letters.attempts + 1, last_failed_at = now(), status = 'dead',
        error_type = EXCLUDED.error_type, message = EXCLUDED.message, place = EXCLUDED.place,
        traceback = EXCLUDED.traceback, fingerprint = EXCLUDED.fingerprint
    WHERE dead_letters.status = 'retrying'
"""


_RESOLVE = """
    UPDATE dead_letters SET status = 'resolved'
    WHERE id = ANY(%s) AND status IN ('dead', 'retrying')
"""


@dataclass(frozen=True, slots=True)
class DeadFrame:
    """A frame that failed, and why."""

    venue: str
    frame: RawFrame
    error_type: str
    message: str
    place: str = ""
    """Where in the frame: ``msg.yes_bid_dollars``, ``[3].p``."""
    traceback: str = ""

    @property
    def identity(self) -> bytes:
        """The same frame received at the same moment is the same letter, however often it fails."""
        digest = sha256(self.frame.data)
        digest.update(f"{self.venue}\x1f{self.frame.received_ns}".encode())
        return digest.digest()

    @property
    def fingerprint(self) -> str:
        """What letters of the same cause share. A place in an array counts without its number."""
        place = "".join("#" if c.isdigit() else c for c in self.place)
        text = f"{self.venue}\x1f{self.error_type}\x1f{place}"
        return blake2b(text.encode(), digest_size=6).hexdigest()


def write_dead_frames(cursor: Cursor, letters: list[DeadFrame]) -> int:
    """Store letters in the cursor's open transaction.

    One that is there already is a redelivery and stays as it is, unless it was being retried:
    then it is dead again, with an attempt more.

    Returns:
        How many were written.
    """
    # One row a letter: the same statement may not touch one row twice.
    by_identity = {letter.identity: letter for letter in letters}
    if not by_identity:
        return 0
    execute_values(
        cursor,
        _INSERT,
        [
            (
                "message",
                identity,
                letter.fingerprint,
                letter.venue,
                letter.frame.connection,
                letter.frame.data,
                letter.frame.received_ns,
                letter.error_type,
                storable(letter.message),
                storable(letter.place),
                storable(letter.traceback),
            )
            for identity, letter in by_identity.items()
        ],
        page_size=len(by_identity),
    )
    return int(cursor.rowcount)


def resolve_letters(cursor: Cursor, letter_ids: list[int]) -> None:
    """Mark letters whose retry was stored."""
    if letter_ids:
        cursor.execute(_RESOLVE, (sorted(letter_ids),))


def storable(words: str) -> str:
    """A text that PostgreSQL takes: its own holds neither NUL nor half a surrogate pair."""
    return words.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
