"""Values of REST answers as pydantic takes them: exact numbers, times, lists.

Bodies are decoded by jiter, which keeps every digit of a number, and validated as Python objects:
pydantic's own JSON mode goes through binary floats.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.times import from_ns
from hadron_tasks.venues import wire
from hadron_tasks.venues.rest.errors import AnswerUnreadable

T = TypeVar("T")

_DOUBLE_DIGITS = 400
_UNSET_YEAR = "0001-"
"""How Go, which exchanges are written in, writes a time that was never set."""


class RestModel(BaseModel):
    """A part of an answer. Fields that are new to us are kept in ``model_extra``."""

    # Built when first used: every process imports these, and few read an exchange's answers.
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


def number(value: Any) -> Decimal | None:
    """A number with every digit it was sent with, None for none.

    A JSON number may be as large as a double, which is how the exchanges' own documents describe
    them; what a price can be is for who makes a tick of it.

    Raises:
        ValueError: It is something else.
    """
    if type(value) is Decimal and value.is_finite() and abs(value.adjusted()) <= _DOUBLE_DIGITS:
        return value
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


Number = Annotated[Decimal | None, BeforeValidator(number)]
"""A decimal with every digit it was sent with; None for null or an empty text."""
ExactNumber = Annotated[Decimal, BeforeValidator(number)]
"""The same where there must be one."""
Time = Annotated[datetime | None, BeforeValidator(_time)]
"""An aware UTC time, to the microsecond; None where there is none yet."""
Text = Annotated[str, BeforeValidator(_text)]
"""A text; empty for null."""
ListOf = Annotated[list[T], BeforeValidator(_list)]
"""A list; empty for null, which is how exchanges write some empty lists."""
MappingOf = Annotated[dict[str, T], BeforeValidator(_mapping)]


Model = TypeVar("Model", bound=RestModel)


def validated(model: type[Model], document: object, endpoint: str) -> Model:
    """A document as a model.

    Raises:
        AnswerUnreadable: It is none of that shape, or holds what cannot be stored.
    """
    try:
        wire.reject_nul(document)
        return model.model_validate(document)
    except ValidationError as error:
        raise AnswerUnreadable(endpoint, describe(error)) from None
    except MalformedFrame as error:
        raise AnswerUnreadable(endpoint, str(error)) from None


def describe(error: ValidationError) -> str:
    """One line: which fields are wrong, and how."""
    faults = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, f['loc'])) or 'all of it'}: {f['msg']}" for f in faults)
