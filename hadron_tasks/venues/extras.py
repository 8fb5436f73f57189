"""Fields that a message has and we do not know: kept beside the tick, within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json

MAX_EXTRA_BYTES = 4096


def extras(message: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The fields ``names`` of a message; only their names where they are more than 4 KB."""
    kept = {name: message[name] for name in sorted(names)}
    if len(to_json(kept)) > MAX_EXTRA_BYTES:
        return {"too_large": [name[:64] for name in kept][:32]}
    return kept
