"""A set one can draw from at random in constant time."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """Members in no order that matters; adding, removing and drawing take constant time."""

    __slots__ = ("_members", "_places")

    def __init__(self) -> None:
        self._members: list[T] = []
        self._places: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, member: T) -> bool:
        return member in self._places

    def __iter__(self) -> Iterator[T]:
        return iter(self._members)

    def add(self, member: T) -> None:
        """Add a member; one that is there already stays once."""
        if member not in self._places:
            self._places[member] = len(self._members)
            self._members.append(member)

    def discard(self, member: T) -> None:
        """Remove a member if it is there: the last one takes its place."""
        place = self._places.pop(member, None)
        if place is None:
            return
        last = self._members.pop()
        if place < len(self._members):
            self._members[place] = last
            self._places[last] = place

    def draw(self, rng: Random) -> T:
        """A member, those near the front more often, as a few markets make most of a feed.

        Raises:
            IndexError: The pool is empty.
        """
        chance = rng.random()
        return self._members[int(chance * chance * len(self._members))]

    def draw_evenly(self, rng: Random) -> T:
        """A member, each as often as the others.

        Raises:
            IndexError: The pool is empty.
        """
        return self._members[int(rng.random() * len(self._members))]
