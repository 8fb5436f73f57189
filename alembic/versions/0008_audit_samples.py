"""An audit may compare samples of its time, and counts the gaps that it opened."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("audits", sa.Column("samples", postgresql.JSONB()))
    op.add_column("audits", sa.Column("gaps", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("audits", "gaps")
    op.drop_column("audits", "samples")
