"""A crawl is a run with parts; names that were looked up; what venues tell about themselves."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0004"
down_revision = "0003"

_NOW = sa.text("now()")
_EMPTY_LIST = sa.text("'[]'::jsonb")


def upgrade() -> None:
    # Nothing has ever written the table of the first schema.
    op.drop_table("crawl_runs")
    op.create_table(
        "crawl_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawl_runs")),
        sa.CheckConstraint(
            "status IN ('running', 'complete', 'incomplete', 'stopped')",
            name=op.f("ck_crawl_runs_status"),
        ),
    )
    op.create_index(
        "uq_crawl_runs_running",
        "crawl_runs",
        ["venue", "kind", "scope"],
        unique=True,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "crawl_parts",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("stage", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("cursor", sa.Text(), server_default="", nullable=False),
        sa.Column("landmark", sa.Text(), server_default="", nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in (
                "pages",
                "seen",
                "changed",
                "requests",
                "unreadable",
                "failures",
                "restarts",
            )
        ),
        sa.Column("rest_at_page", sa.BigInteger()),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("missing", postgresql.JSONB(), server_default=_EMPTY_LIST, nullable=False),
        sa.Column("notes", postgresql.JSONB(), server_default=_EMPTY_LIST, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["crawl_runs.id"],
            name=op.f("fk_crawl_parts_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "part", name=op.f("pk_crawl_parts")),
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'resting', 'complete', 'broken')",
            name=op.f("ck_crawl_parts_status"),
        ),
    )
    op.create_index(
        "ix_crawl_parts_due",
        "crawl_parts",
        ["due_at"],
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "instrument_lookups",
        sa.Column("instrument_id", sa.UUID(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_instrument_lookups_instrument_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("instrument_id", name=op.f("pk_instrument_lookups")),
    )
    op.create_table(
        "reference_documents",
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("venue", "name", name=op.f("pk_reference_documents")),
    )


def downgrade() -> None:
    op.drop_table("reference_documents")
    op.drop_table("instrument_lookups")
    op.drop_table("crawl_parts")
    op.drop_table("crawl_runs")
    op.create_table(
        "crawl_runs",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("pages", "seen", "changed", "requests")
        ),
        sa.Column(
            "detail", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawl_runs")),
    )
