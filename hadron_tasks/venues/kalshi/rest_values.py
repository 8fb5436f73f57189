"""Values of Kalshi's REST answers as pydantic takes them: exact numbers, times, lists.

Bodies are decoded by jiter, which keeps every digit of a number, and validated as Python objects:
pydantic's own JSON mode goes through binary floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.times import from_ns
from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import from_cents

T = TypeVar("T")

_UNSET_YEAR = "0001-"
"""How the exchange's own language writes a time that was never set."""


class RestModel(BaseModel):
    """A part of an answer. Fields that are new to us are kept in ``model_extra``."""

    model_config = ConfigDict(extra="allow", frozen=True)


def _number(value: Any) -> Decimal | None:
    try:
        return wire.optional_number(value, "")
    except MalformedFrame as error:
        raise ValueError(error.reason) from None


def _time(value: Any) -> datetime | None:
    if wire.is_absent(value) or (isinstance(value, str) and value.startswith(_UNSET_YEAR)):
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return from_ns(wire.time_us(value, "") * 1000)
    except MalformedFrame as error:
        raise ValueError(error.reason) from None


def _text(value: Any) -> Any:
    return "" if value is None else value


def _list(value: Any) -> Any:
    return [] if value is None else value


def _mapping(value: Any) -> Any:
    return {} if value is None else value


Number = Annotated[Decimal | None, BeforeValidator(_number)]
"""A decimal with every digit it was sent with; None for null or an empty text."""
ExactNumber = Annotated[Decimal, BeforeValidator(_number)]
"""The same where there must be one."""
Time = Annotated[datetime | None, BeforeValidator(_time)]
"""An aware UTC time, to the microsecond; None where there is none yet."""
Text = Annotated[str, BeforeValidator(_text)]
"""A text; empty for null."""
ListOf = Annotated[list[T], BeforeValidator(_list)]
"""A list; empty for null, which is how the exchange writes some empty lists."""
MappingOf = Annotated[dict[str, T], BeforeValidator(_mapping)]


def dollars_from_cents(data: Any, prices: Mapping[str, str]) -> Any:
    """Say in dollars what an answer of 2025 says in cents; dollars win where it says both.

    Args:
        data: The object as decoded; anything but an object is returned as it is.
        prices: Field in dollars -> the older field in cents, which is left out of the result.
    """

    def dollars(cents: Any) -> Decimal | None:
        value = _number(cents)
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
