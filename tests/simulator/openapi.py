"""The exchange's own description of its REST answers, made strict: unknown fields are errors."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

_DOCUMENT = Path(__file__).parent / "fixtures" / "kalshi-openapi.json"
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def _described() -> Any:
    return json.loads(_DOCUMENT.read_text(encoding="utf-8"))


@cache
def _document() -> Any:
    return _strict(_described())


def answer_schema(endpoint: str) -> dict[str, Any]:
    """The schema of an endpoint's answer, as the exchange wrote it."""
    return schema_at(_described()["answers"][endpoint])


def schema_at(reference: str) -> dict[str, Any]:
    """What a reference (``#/components/schemas/Market``) leads to."""
    found: dict[str, Any] = _described()
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def endpoints() -> list[str]:
    """Every endpoint that is described."""
    return sorted(_document()["answers"])


def faults_of_answer(endpoint: str, answer: Any) -> list[str]:
    """What the description does not allow in an answer of an endpoint."""
    return _faults({"$ref": _document()["answers"][endpoint]}, answer)


def faults_of(schema: str, document: Any) -> list[str]:
    """What the description does not allow in one of its schemas."""
    return _faults({"$ref": f"#/components/schemas/{schema}"}, document)


def _faults(schema: dict[str, Any], document: Any) -> list[str]:
    whole = {**schema, "components": _document()["components"]}
    validator = Draft202012Validator(whole, format_checker=_FORMATS)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def _strict(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: ``nullable`` becomes a type, objects have no other fields."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(value) for name, value in schema.items() if name != "nullable"}
    if schema.get("nullable") is True:
        if "$ref" in made:
            return {"anyOf": [made, {"type": "null"}]}
        made["type"] = [made["type"], "null"]
    if schema.get("type") == "object" and "properties" in schema:
        made.setdefault("additionalProperties", False)
    return made
