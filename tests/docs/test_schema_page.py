"""The page about the database knows every table."""

from __future__ import annotations

from pathlib import Path

from hadron_tasks.store.models import Base

PAGE = (Path(__file__).parents[2] / "docs" / "schema.md").read_text()


def test_every_table_is_told() -> None:
    assert [name for name in sorted(Base.metadata.tables) if f"`{name}`" not in PAGE] == []
