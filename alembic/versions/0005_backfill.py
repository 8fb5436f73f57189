"""What became of a gap, channel by channel; runs that fetch trades; audits."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0005"
down_revision = "0004"

_NOW = sa.text("now()")
_RUNNING = sa.text("state = 'running'")


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _time(name: str, *, now: bool = False, optional: bool = False) -> sa.Column[sa.DateTime]:
    default = _NOW if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=optional)


def upgrade() -> None:
    op.create_table(
        "backfills",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        _time("from_time"),
        _time("to_time"),
        sa.Column("tickers", postgresql.JSONB()),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        _count("ticker_number"),
        _time("slice_from"),
        sa.Column("archived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _words("cursor"),
        *(_count(name) for name in ("pages", "fetched", "stored", "unreadable", "failures")),
        _words("reason"),
        _time("due_at", now=True),
        _time("started_at", now=True),
        _time("finished_at", optional=True),
        sa.CheckConstraint(
            "state IN ('running', 'complete', 'refused')", name=op.f("ck_backfills_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
    )
    op.create_index("ix_backfills_due", "backfills", ["due_at"], postgresql_where=_RUNNING)
    op.create_index("ix_backfills_started_at", "backfills", ["started_at"])
    op.create_table(
        "audits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        _time("from_time"),
        _time("to_time"),
        sa.Column("tickers", postgresql.JSONB()),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        _count("ticker_number"),
        _time("slice_from"),
        sa.Column("slice_s", sa.BigInteger(), nullable=False),
        *(_count(name) for name in ("compared", "missing", "extra", "different", "unreadable")),
        sa.Column(
            "findings", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        _count("failures"),
        _words("reason"),
        _time("due_at", now=True),
        _time("started_at", now=True),
        _time("finished_at", optional=True),
        sa.CheckConstraint(
            "state IN ('running', 'complete', 'refused', 'stopped')", name=op.f("ck_audits_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audits")),
    )
    op.create_index("ix_audits_due", "audits", ["due_at"], postgresql_where=_RUNNING)
    op.add_column("feed_gaps", sa.Column("carried", postgresql.JSONB()))
    op.add_column("feed_gaps", sa.Column("tickers", postgresql.JSONB()))
    op.add_column("feed_gaps", sa.Column("backfill_id", sa.BigInteger()))
    op.create_foreign_key(
        op.f("fk_feed_gaps_backfill_id"), "feed_gaps", "backfills", ["backfill_id"], ["id"]
    )
    op.create_index(op.f("ix_feed_gaps_backfill_id"), "feed_gaps", ["backfill_id"])
    op.create_index(
        "ix_feed_gaps_open",
        "feed_gaps",
        ["venue", "to_time"],
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "gap_channels",
        sa.Column("gap_id", sa.UUID(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        _words("reason"),
        _count("fetched"),
        _count("stored"),
        sa.CheckConstraint(
            "state IN ('open', 'backfilled', 'unrecoverable')", name=op.f("ck_gap_channels_state")
        ),
        sa.ForeignKeyConstraint(
            ["gap_id"], ["feed_gaps.id"], name=op.f("fk_gap_channels_gap_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("gap_id", "channel", name=op.f("pk_gap_channels")),
    )


def downgrade() -> None:
    op.drop_table("gap_channels")
    op.drop_index("ix_feed_gaps_open", table_name="feed_gaps")
    op.drop_index(op.f("ix_feed_gaps_backfill_id"), table_name="feed_gaps")
    op.drop_constraint(op.f("fk_feed_gaps_backfill_id"), "feed_gaps", type_="foreignkey")
    for name in ("backfill_id", "tickers", "carried"):
        op.drop_column("feed_gaps", name)
    op.drop_table("audits")
    op.drop_table("backfills")
