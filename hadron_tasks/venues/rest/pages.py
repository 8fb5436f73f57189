"""Lists that come page by page: what a page holds, what narrows it, and how pages are followed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import ValidationError

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.venues import wire
from hadron_tasks.venues.rest.errors import CursorRepeats
from hadron_tasks.venues.rest.values import RestModel, describe

Item = TypeVar("Item", bound=RestModel)

Params = dict[str, str]


class Filter(Protocol):
    """What narrows a list."""

    def params(self) -> Params:
        """As the query string says it."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """A paginated endpoint."""

    path: str
    field: str
    """Where in the answer the items are."""
    model: type[Item]
    page_size: int
    """The largest the exchange gives."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item of a page that cannot be read; the others of its page can."""

    raw: Any
    """As decoded."""
    reason: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list."""

    items: list[Item]
    cursor: str
    """For the next page; empty after the last."""
    rejected: list[Rejected]


def read_items(
    model: type[Item], documents: list[Any], *, may_hold_nul: bool
) -> tuple[list[Item], list[Rejected]]:
    """Validate each item by itself, so that a bad one does not take its page with it.

    Args:
        model: What each should be.
        documents: The items as decoded.
        may_hold_nul: Whether to look for NUL characters, which PostgreSQL cannot store.
    """
    items: list[Item] = []
    rejected: list[Rejected] = []
    for document in documents:
        try:
            if may_hold_nul:
                wire.reject_nul(document)
            items.append(model.model_validate(document))
        except ValidationError as error:
            rejected.append(Rejected(document, describe(error)))
        except MalformedFrame as error:
            rejected.append(Rejected(document, str(error)))
    return items, rejected


def follow(
    endpoint: str, page_at: Callable[[str], Page[Item]], cursor: str = ""
) -> Iterator[Page[Item]]:
    """The pages of a list, from ``cursor`` to the end.

    Args:
        endpoint: What errors call the list.
        page_at: Gives the page that a cursor stands for.

    Raises:
        CursorRepeats: A cursor came that was followed before; the pages so far were given.
        RestError: A page could not be had; its cursor is that of the page before.
    """
    followed = {cursor}
    while True:
        page = page_at(cursor)
        yield page
        cursor = page.cursor
        if not cursor:
            return
        if cursor in followed:
            raise CursorRepeats(endpoint, cursor)
        followed.add(cursor)
