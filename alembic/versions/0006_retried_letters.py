"""When a dead letter was last sent again: what is never heard of is dead again after a while."""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("dead_letters", sa.Column("retried_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_dead_letters_retried_at",
        "dead_letters",
        ["retried_at"],
        postgresql_where=sa.text("status = 'retrying'"),
    )


def downgrade() -> None:
    op.drop_index("ix_dead_letters_retried_at", "dead_letters")
    op.drop_column("dead_letters", "retried_at")
