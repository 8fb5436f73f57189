"""The procedures of a page: its marked blocks of commands, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
DEPLOYMENT = ROOT / "docs" / "deployment.md"
QUICK_START = ROOT / "docs" / "quick-start.md"

_PROCEDURE = re.compile(r"<!-- procedure: ([\w ]+) -->\n```sh\n(.*?)```", re.DOTALL)


def procedures(page: Path) -> dict[str, str]:
    """Every marked block of a page, by its name."""
    return dict(_PROCEDURE.findall(page.read_text()))


def run(
    page: Path,
    name: str,
    directory: Path,
    *,
    programs: str,
    instead: Mapping[str, str] | None = None,
    **variables: str,
) -> str:
    """Run a procedure in a directory, as a person would type it; what it printed.

    Args:
        programs: What PATH begins with.
        instead: Host names and paths of the page, and what stands for them here.
        variables: Of the environment, besides.

    Raises:
        AssertionError: A command failed, or the page no longer has what is to be replaced.
    """
    commands = procedures(page)[name]
    for text, other in (instead or {}).items():
        assert text in commands, f"{text!r} is not in the procedure {name!r}"
        commands = commands.replace(text, other)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=directory,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{name}:\n{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout
