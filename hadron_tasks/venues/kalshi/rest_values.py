"""Kalshi's two eras: what an answer of 2025 says in cents and under older names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import from_cents
from hadron_tasks.venues.rest.values import number


def dollars_from_cents(data: Any, prices: Mapping[str, str]) -> Any:
    """Say in dollars what an answer of 2025 says in cents; dollars win where it says both.

    Args:
        data: The object as decoded; anything but an object is returned as it is.
        prices: Field in dollars -> the older field in cents, which is left out of the result.
    """

    def dollars(cents: Any) -> Decimal | None:
        value = number(cents)
        return None if value is None else from_cents(value)

    return _carried_over(data, prices, dollars)


def renamed(data: Any, names: Mapping[str, str]) -> Any:
    """Call fields (new name -> older name) by their new names; the newer wins."""
    return _carried_over(data, names, lambda value: value)


def _carried_over(data: Any, names: Mapping[str, str], convert: Callable[[Any], Any]) -> Any:
    if not isinstance(data, dict) or data.keys().isdisjoint(names.values()):
        return data
    made = dict(data)
    for new, old in names.items():
        value = made.pop(old, None)
        if not wire.is_absent(value) and wire.is_absent(made.get(new)):
            made[new] = convert(value)
    return made
