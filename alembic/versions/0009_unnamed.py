"""Instruments without a name are found without reading the others, which are nearly all."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index(
        "ix_instruments_unnamed",
        "instruments",
        ["primary_source", "created_at"],
        postgresql_where=sa.text("display_name IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_instruments_unnamed", "instruments")
