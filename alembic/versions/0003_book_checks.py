"""Rebuilt order books compared with the exchange's own."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "book_checks",
        sa.Column("instrument_id", sa.UUID(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("differences", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("instrument_id", "checked_at", name=op.f("pk_book_checks")),
    )
    op.create_index("ix_book_checks_checked_at", "book_checks", ["checked_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_book_checks_checked_at", table_name="book_checks")
    op.drop_table("book_checks")
