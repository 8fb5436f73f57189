"""Where a list stands that is read series by series: the finer way round a broken cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

MOST_LOST_IN_A_ROW = 3
"""Series lost one after the other, after which it is not the series that is at fault."""


@dataclass(frozen=True, slots=True)
class Place:
    """In which series, and where in its list. As text it is a part's cursor."""

    after: str = ""
    """The last series that is through."""
    series: str = ""
    """The one being read; empty between two."""
    cursor: str = ""
    """The exchange's own, within it."""
    only: tuple[str, ...] = ()
    """Those to read; none for all that are known."""

    @classmethod
    def read(cls, text: str) -> Place:
        """From a part's cursor; empty is the beginning."""
        return _PLACE.validate_json(text) if text else cls()

    def __str__(self) -> str:
        return _PLACE.dump_json(self, exclude_defaults=True).decode()

    def within(self, series: str, cursor: str) -> Place:
        """Further on in one series, or behind it when there is no cursor."""
        if cursor:
            return replace(self, series=series, cursor=cursor)
        return Place(after=series, only=self.only)

    def choose(self, known_after: Callable[[str], str | None]) -> str | None:
        """The series to read now; None when all are through.

        Args:
            known_after: Gives the next known series in order.
        """
        if self.series:
            return self.series
        if self.only:
            return min((series for series in self.only if series > self.after), default=None)
        return known_after(self.after)


def lost_in_a_row(missing: Sequence[dict[str, Any]], page: int) -> int:
    """How many of the pages just before ``page`` were lost."""
    lost = {entry.get("page") for entry in missing}
    count = 0
    while page - count - 1 in lost:
        count += 1
    return count


_PLACE = TypeAdapter(Place)
