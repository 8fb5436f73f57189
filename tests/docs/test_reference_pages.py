"""The reference pages say what the code says: every setting and every command."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from hadron_tasks.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = _load()


@pytest.mark.parametrize("name", sorted(BUILD.PAGES))
def test_the_page_is_up_to_date(name: str) -> None:
    page = (DOCS / name).read_text()
    assert page == BUILD.filled(page, BUILD.PAGES[name]), "run: python docs/build.py"


def test_every_setting_is_told_with_its_meaning() -> None:
    page = (DOCS / "settings.md").read_text()
    grouped = [name for names in BUILD.setting_groups().values() for name in names]
    assert sorted(grouped) == sorted(Settings.model_fields)
    untold = [name for name in grouped if f"| `{BUILD.variable_of(name)}` |" not in page]
    assert untold == []
    without_meaning = [line for line in page.splitlines() if line.endswith("|  |")]
    assert without_meaning == []


def test_every_command_is_told() -> None:
    page = (DOCS / "commands.md").read_text()
    paths = [path for path, _, _ in BUILD.commands()]
    assert [path for path in paths if f"\n## {path}" not in page] == []
    assert {"hadron up", "hadron crawl run", "hadron dlq retry"} <= set(paths)
