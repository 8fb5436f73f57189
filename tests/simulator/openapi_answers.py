"""Answers made at random from the exchange's own description of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from simulator.openapi import schema_at

_UNIX_OF_THIS_AGE = (1_420_070_400, 2_840_140_800)  # 2015 to 2060
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
_NAME = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", min_size=1, max_size=30)
_DOLLARS = st.decimals(0, 1, places=4).map(str) | st.sampled_from(["", "0.560000"])
_COUNT = st.decimals(0, 10**9, places=2).map(str)

_BY_SCHEMA = {"FixedPointDollars": _DOLLARS, "FixedPointCount": _COUNT}
_AMOUNT = st.integers(1, 10**6)
_BY_FIELD = {
    "ticker": _NAME,
    "event_ticker": _NAME,
    "trade_id": _NAME,
    # What a rate limit must be to be one; the description says only that they are whole numbers.
    "refill_rate": _AMOUNT,
    "bucket_capacity": _AMOUNT,
    "default_cost": _AMOUNT,
    "cost": st.integers(0, 10**6),
}


def answers(schema: dict[str, Any], field: str = "") -> st.SearchStrategy[Any]:
    """Documents that a schema describes.

    What a description leaves to the reader is filled in here: prices and counts are numbers, times
    are of this age, names are not empty.

    Args:
        schema: As the description has it; a ``$ref`` is followed.
        field: The name of the field that it is the schema of.
    """
    reference: str = schema.get("$ref", "")
    name = reference.rpartition("/")[2]
    if name in _BY_SCHEMA:
        made = _BY_SCHEMA[name]
    elif reference:
        made = answers(schema_at(reference), field)
    elif field in _BY_FIELD:
        made = _BY_FIELD[field]
    else:
        made = _OF_TYPE[schema.get("type", "object")](schema)
    return st.none() | made if schema.get("nullable") else made


def _texts(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "date-time":
        return st.integers(*_UNIX_OF_THIS_AGE).map(_as_text)
    return _TEXT


def _as_text(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat().replace("+00:00", "Z")


def _lists(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
    if schema["items"].get("type") == "string" and least == most == 2:
        return st.tuples(_DOLLARS.filter(bool), _COUNT).map(list)  # a level of a book
    return st.lists(answers(schema["items"]), min_size=least, max_size=most)


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = schema.get("properties", {})
    if not fields:
        more = schema.get("additionalProperties")
        values = answers(more) if isinstance(more, dict) and more else st.integers() | _TEXT
        return st.dictionaries(_TEXT, values, max_size=3)
    required = set(schema.get("required", ()))
    made = {name: answers(field, name) for name, field in fields.items()}
    return st.fixed_dictionaries(
        {name: field for name, field in made.items() if name in required},
        optional={name: field for name, field in made.items() if name not in required},
    )


_OF_TYPE: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
    "string": _texts,
    "integer": lambda _: st.integers(-(2**31), 2**31),
    "number": lambda _: st.floats(allow_nan=False, allow_infinity=False),
    "boolean": lambda _: st.booleans(),
    "array": _lists,
    "object": _objects,
}
