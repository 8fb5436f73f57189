"""Every command line that a page or a help text shows is one that the program takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hadron_tasks.cli import main as hadron
from streamer.__main__ import main as streamer

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`((?:hadron|python -m streamer) [^`]+)`")
_PROGRAMS = {"hadron": hadron, "python -m streamer": streamer}
_PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b|\bV\b|\bID\b|\.\.\.")


def _lines(page: Path) -> Iterator[str]:
    text = page.read_text()
    for block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from _commands_of(line)
    for inline in _INLINE.findall(text):
        yield " ".join(inline.split())


def _commands_of(line: str) -> Iterator[str]:
    for part in line.split("&&"):
        command = part.split("|")[0].strip()
        command = re.sub(r"^(\w+=\S+ )+", "", command).removeprefix(".venv/bin/")
        if command.startswith(tuple(_PROGRAMS)):
            yield command


SHOWN = sorted({line for page in PAGES for line in _lines(page)} - {"hadron COMMAND --help"})


def test_there_are_commands() -> None:
    assert len(SHOWN) > 60


@pytest.mark.parametrize("line", SHOWN)
def test_the_program_takes_it(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program = next(name for name in _PROGRAMS if line.startswith(name))
    words = shlex.split(line.removeprefix(program), comments=True)
    command: click.Command = _PROGRAMS[program]
    context = click.Context(command, info_name=program)
    while isinstance(command, click.Group) and words:
        if _PLACEHOLDER.fullmatch(words[0]):
            return  # any of the group's commands
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        command, words = found, words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    known = {
        option
        for parameter in command.params
        for option in [*parameter.opts, *parameter.secondary_opts]
    } | {"--help"}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert used <= known, f"{line}: no such option"
    for word in words:
        if word.endswith(".jsonl"):
            (tmp_path / word).touch()
    has_placeholder = any(_PLACEHOLDER.fullmatch(word) for word in words)
    if line in _IN_BLOCKS and not has_placeholder and "--help" not in used:
        command.make_context(command.name, list(words), parent=context.parent)


_IN_BLOCKS = {
    line
    for page in PAGES
    for block in _BLOCK.findall(page.read_text())
    for whole in block.replace("\\\n", " ").splitlines()
    for line in _commands_of(whole)
}
