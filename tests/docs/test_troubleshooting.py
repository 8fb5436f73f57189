"""What the troubleshooting page quotes is what Hadron says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from hadron_tasks.cli import main
from hadron_tasks.feed_health import ConnectionState

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
_ADJACENT = re.compile(r'"\s*f?"')


def _said() -> str:
    """Every text of the code, those that stand on several lines joined."""
    files = [*(ROOT / "hadron_tasks").rglob("*.py"), *(ROOT / "streamer").rglob("*.py")]
    return " ".join(_ADJACENT.sub("", file.read_text()) for file in files)


SAID = _said()
STATES = {state.value.replace("_", " ") for state in ConnectionState}
QUOTED = [
    quoted
    for quoted in re.findall(r"`([^`\n]+)`", PAGE)
    if len(quoted.split()) > 2 and not quoted.startswith(("hadron ", "pip ")) and "|" not in quoted
]


@pytest.mark.parametrize("quoted", QUOTED)
def test_what_is_quoted_is_said(quoted: str) -> None:
    assert quoted in STATES or re.sub(r"KALSHI_(PRIVATE_KEY|API_KEY)$", "", quoted) in SAID


def test_messages_are_quoted() -> None:
    assert len(QUOTED) > 8


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`?(hadron [a-z]+(?: [a-z]+)?)", PAGE))))
def test_the_commands_exist(command: str) -> None:
    parts = command.split()[1:]
    group = main.get_command(None, parts[0])  # type: ignore[arg-type]
    assert group is not None, command
    if len(parts) > 1 and hasattr(group, "commands"):
        assert CliRunner().invoke(main, [*parts, "--help"]).exit_code == 0, command
