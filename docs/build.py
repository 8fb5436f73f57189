"""Writes what the reference pages repeat from the code: settings.md and commands.md.

    python docs/build.py

What stands between the markers ``<!-- generated: NAME -->`` and ``<!-- end -->`` is replaced; the
text around them is written by hand. A test fails when a page is behind the code.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from hadron_tasks import setting_sources
from hadron_tasks.cli import main as hadron
from hadron_tasks.settings import Settings

DOCS = Path(__file__).parent
_MARKED = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_GROUP = re.compile(r"    # ([A-Z][a-z]+(?: [a-z]+)*)")
_BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


def filled(page: str, make: Callable[[str], str]) -> str:
    """A page with what is generated in place."""
    return _MARKED.sub(lambda found: f"{found[1]}{make(found[2])}{found[3]}", page)


# Settings


def setting_groups() -> dict[str, list[str]]:
    """The fields of the settings under the comments that head them."""
    groups: dict[str, list[str]] = {}
    group = ""
    for line in inspect.getsource(Settings).splitlines():
        if heading := _GROUP.fullmatch(line):
            group = heading[1]
        elif (field := re.match(r"    (\w+): ", line)) and field[1] in Settings.model_fields:
            groups.setdefault(group, []).append(field[1])
    return groups


def settings_table(group: str) -> str:
    """The settings of one group."""
    meanings = _meanings()
    rows = [
        f"| `{variable_of(name)}` | {_default(name)} | {_sentence(meanings.get(name, ''))} |"
        for name in setting_groups()[group]
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows, ""])


def variable_of(name: str) -> str:
    """The variable of the environment that sets a field."""
    return setting_sources.variables(Settings, Settings.model_fields[name], name)[0]


def _meanings() -> dict[str, str]:
    """The text that stands below each field."""
    (defined,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(defined, ast.ClassDef)
    found = {}
    for field, below in zip(defined.body, defined.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[field.target.id] = str(below.value.value)
    return found


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    value: Any = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, list):
        value = ",".join(map(str, value))
    shown = f"`{value}`" if value not in (None, "", PydanticUndefined) else "unset"
    bounds = [
        text.format(limit)
        for bound in field.metadata
        for name, text in _BOUNDS.items()
        if (limit := getattr(bound, name, None)) is not None
    ]
    choices = _choices(field.annotation)
    return ", ".join([shown, *bounds, *choices])


def _choices(annotation: Any) -> list[str]:
    values = [value for value in getattr(annotation, "__args__", ()) if isinstance(value, str)]
    return ["one of " + ", ".join(f"`{value}`" for value in values)] if values else []


# Commands


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command that does something, in the order of the help."""
    yield from _within(hadron, click.Context(hadron, info_name="hadron"))


def _within(
    group: click.Group, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group) and not command.invoke_without_command:
            yield from _within(command, inner)
        else:
            yield inner.command_path, command, inner


def commands_text(_: str) -> str:
    """Every command with its options and examples."""
    return "".join(_command_text(*found) for found in commands())


def _command_text(path: str, command: click.Command, context: click.Context) -> str:
    said, _, examples = inspect.cleandoc(command.help or "").partition("\b\nExample")
    arguments = [
        f"[{each.human_readable_name}]" if not each.required else each.human_readable_name
        for each in command.params
        if isinstance(each, click.Argument)
    ]
    parts = [f"\n## {' '.join([path, *arguments])}\n", _paragraphs(said)]
    options = (each for each in command.params if isinstance(each, click.Option))
    rows = [record for each in options if (record := each.get_help_record(context))]
    if rows:
        lines = [f"| `{_cell(names)}` | {_cell(meaning)} |" for names, meaning in rows]
        parts.append("\n".join(["| option | meaning |", "|---|---|", *lines, ""]))
    if examples:
        lines = [_with_comment(line) for line in examples.splitlines()[1:] if line.strip()]
        parts.append("\n".join(["```sh", *lines, "```", ""]))
    return "\n".join(parts)


def _with_comment(example: str) -> str:
    """What an example says behind a wide space is no part of the command."""
    return re.sub(r" {3,}", "    # ", example.strip(), count=1)


def _paragraphs(text: str) -> str:
    paragraphs = text.replace("\b\n", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs) + "\n"


def _sentence(text: str) -> str:
    return _cell(" ".join(text.replace("``", "`").split()))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES: dict[str, Callable[[str], str]] = {
    "settings.md": settings_table,
    "commands.md": commands_text,
}


def main() -> int:
    """Write the pages; returns how many changed."""
    changed = 0
    for name, make in PAGES.items():
        page = DOCS / name
        before = page.read_text()
        after = filled(before, make)
        if after != before:
            page.write_text(after)
            changed += 1
            sys.stdout.write(f"{page.name} is up to date again\n")
    return changed


if __name__ == "__main__":
    main()
