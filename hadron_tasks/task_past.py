"""What a task's message tells of its past: a header of our own, beside those of Celery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

HEADER = "hadron"


@dataclass(frozen=True, slots=True)
class Past:
    """What happened to a task before this attempt."""

    waits: int = 0
    """Attempts that ended because PostgreSQL or Redis was away."""
    asked: int = 0
    """Attempts that ended because the exchange did not answer well."""
    failures: int = 0
    """Attempts that failed otherwise."""
    first_failed_at: datetime | None = None
    letter: bytes | None = None
    """Identity of the dead letter that this task is a retry of."""
    scheduled: bool = False
    """Sent by beat: the next one does the same work."""

    @classmethod
    def of(cls, headers: Mapping[str, Any]) -> Past:
        """The past that a message's headers tell; without the header, or with nonsense, none."""
        told = headers.get(HEADER)
        if not isinstance(told, Mapping):
            return cls()
        return cls(
            waits=_count(told.get("waits")),
            asked=_count(told.get("asked")),
            failures=_count(told.get("failures")),
            first_failed_at=_moment(told.get("since")),
            letter=_identity(told.get("letter")),
            scheduled=told.get("scheduled") is True,
        )

    def headers(self) -> dict[str, Any]:
        """The header that tells this past."""
        told: dict[str, Any] = {
            "waits": self.waits,
            "asked": self.asked,
            "failures": self.failures,
        }
        if self.first_failed_at is not None:
            told["since"] = self.first_failed_at.timestamp()
        if self.letter is not None:
            told["letter"] = self.letter.hex()
        if self.scheduled:
            told["scheduled"] = True
        return {HEADER: told}

    @property
    def attempts(self) -> int:
        """Attempts that ended without success, but for those that found PostgreSQL or Redis away:
        nothing was tried then."""
        return self.asked + self.failures


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _identity(value: Any) -> bytes | None:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        return None


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
