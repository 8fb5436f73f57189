"""docker-compose.yml as docker reads it: variables put in, anchors merged, secrets and services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")


class _Loader(yaml.SafeLoader):
    """Knows compose's own tags for overriding files, and takes them for what they hold."""


_Loader.add_constructor("!override", lambda loader, node: loader.construct_mapping(node, deep=True))


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """``${NAME:-default}`` put in and ``$$`` made one, as docker does to every value.

    Raises:
        KeyError: A variable that has no default and is not given.
    """

    def value(found: re.Match[str]) -> str:
        name, default = found.groups()
        if name is None:
            return "$"
        return variables.get(name) or (default if default is not None else variables[name])

    return _VARIABLE.sub(value, text)


def load(path: Path = COMPOSE_FILE, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole document, with variables put in."""
    given = variables or {}

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return interpolate(value, given)
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return value

    document: dict[str, Any] = walk(yaml.load(path.read_text(), _Loader))
    return document


def command_of(service: dict[str, Any]) -> list[str]:
    """A service's command, word by word."""
    return [str(word) for word in service["command"]]


def health_command_of(service: dict[str, Any]) -> list[str]:
    """A service's health check, word by word."""
    kind, *words = service["healthcheck"]["test"]
    return list(words) if kind == "CMD" else ["sh", "-c", *words]


def seconds(duration: str) -> float:
    """A duration as compose writes it: ``30s``, ``1m``, ``1m30s``."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([hms])", duration))
