"""What the catalogue needs: as of when a row is so, what a crawl has seen, codes learnt."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("instruments", sa.Column("described_at", moment))
    op.add_column("instruments", sa.Column("keywords", sa.Text()))
    op.add_column("events", sa.Column("described_at", moment))
    op.add_column("events", sa.Column("category", sa.Text()))
    op.create_table(
        "crawl_seen",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("page", sa.BigInteger(), nullable=False),
        sa.Column("tickers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "part", "page", name=op.f("pk_crawl_seen")),
    )
    op.create_table(
        "crawl_vanished",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "ticker", name=op.f("pk_crawl_vanished")),
    )
    op.create_table(
        "learnt_codes",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("learnt_from", sa.Text(), nullable=False),
        sa.Column("learnt_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("scope", "code", name=op.f("pk_learnt_codes")),
    )


def downgrade() -> None:
    op.drop_table("learnt_codes")
    op.drop_table("crawl_vanished")
    op.drop_table("crawl_seen")
    op.drop_column("events", "category")
    op.drop_column("events", "described_at")
    op.drop_column("instruments", "keywords")
    op.drop_column("instruments", "described_at")
