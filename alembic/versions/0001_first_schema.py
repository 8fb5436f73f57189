"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "arbitrage_opportunities",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("legs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("profit_per_set", sa.Numeric(), nullable=False),
        sa.Column("sets", sa.Numeric(), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arbitrage_opportunities")),
    )
    op.create_index(
        op.f("ix_arbitrage_opportunities_fingerprint"),
        "arbitrage_opportunities",
        ["fingerprint"],
        unique=False,
    )
    op.create_table(
        "crawl_runs",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("pages", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawl_runs")),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=True),
        sa.Column("connection", sa.Text(), nullable=True),
        sa.Column("raw_frame", sa.LargeBinary(), nullable=True),
        sa.Column("received_at_ns", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.Text(), nullable=True),
        sa.Column("task_name", sa.Text(), nullable=True),
        sa.Column("args", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("kwargs", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("traceback", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("status", sa.Text(), server_default="dead", nullable=False),
        sa.Column(
            "first_failed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "last_failed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("kind IN ('message', 'task')", name=op.f("ck_dead_letters_kind")),
        sa.CheckConstraint(
            "status IN ('dead', 'retrying', 'resolved', 'discarded')",
            name=op.f("ck_dead_letters_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint("identity", name=op.f("uq_dead_letters_identity")),
    )
    op.create_index(
        "ix_dead_letters_first_failed_at", "dead_letters", ["first_failed_at"], unique=False
    )
    op.create_index(
        "ix_dead_letters_status_fingerprint",
        "dead_letters",
        ["status", "fingerprint"],
        unique=False,
    )
    op.create_table(
        "events",
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("series_ticker", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("sub_title", sa.Text(), nullable=True),
        sa.Column("mutually_exclusive", sa.Boolean(), nullable=True),
        sa.Column("collateral_return_type", sa.Text(), nullable=True),
        sa.Column("fee_type_override", sa.Text(), nullable=True),
        sa.Column("fee_multiplier_override", sa.Numeric(), nullable=True),
        sa.Column("strike_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "external_ref",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("event_ticker", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_series_ticker"), "events", ["series_ticker"], unique=False)
    op.create_table(
        "feed_gaps",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("sid", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("from_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_seq", sa.BigInteger(), nullable=True),
        sa.Column("to_seq", sa.BigInteger(), nullable=True),
        sa.Column("missing", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state IN ('open', 'backfilled', 'unrecoverable')", name=op.f("ck_feed_gaps_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_gaps")),
    )
    op.create_index("ix_feed_gaps_venue_from", "feed_gaps", ["venue", "from_time"], unique=False)
    op.create_table(
        "ingest_counts",
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("frames", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ticks", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicates", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lifecycle", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("control", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unknown", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dead_letters", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("gaps", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("venue", "minute", "worker", name=op.f("pk_ingest_counts")),
    )
    op.create_table(
        "instruments",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("asset_class", sa.Text(), nullable=False),
        sa.Column("primary_source", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("market_type", sa.Text(), nullable=True),
        sa.Column("event_ticker", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("yes_sub_title", sa.Text(), nullable=True),
        sa.Column("no_sub_title", sa.Text(), nullable=True),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expected_expiration_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("strike_type", sa.Text(), nullable=True),
        sa.Column("floor_strike", sa.Numeric(), nullable=True),
        sa.Column("cap_strike", sa.Numeric(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("settlement_value", sa.Numeric(), nullable=True),
        sa.Column(
            "external_ref",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "to_tsvector('simple'::regconfig, coalesce(display_name, '') || ' '"
                " || coalesce(title, '') || ' ' || coalesce(yes_sub_title, '') || ' '"
                " || ticker || ' ' || replace(ticker, '-', ' '))",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instruments")),
        sa.UniqueConstraint(
            "primary_source", "ticker", name=op.f("uq_instruments_primary_source_ticker")
        ),
    )
    op.create_index(
        op.f("ix_instruments_event_ticker"), "instruments", ["event_ticker"], unique=False
    )
    op.create_index(
        "ix_instruments_external_ref",
        "instruments",
        ["external_ref"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"external_ref": "jsonb_path_ops"},
    )
    op.create_index(
        "ix_instruments_search", "instruments", ["search"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "latest_quotes",
        sa.Column("instrument_id", sa.UUID(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=True),
        sa.Column("price_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bid", sa.Numeric(), nullable=True),
        sa.Column("ask", sa.Numeric(), nullable=True),
        sa.Column("bid_size", sa.Numeric(), nullable=True),
        sa.Column("ask_size", sa.Numeric(), nullable=True),
        sa.Column("quote_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_trade_price", sa.Numeric(), nullable=True),
        sa.Column("last_trade_size", sa.Numeric(), nullable=True),
        sa.Column("last_trade_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("instrument_id", name=op.f("pk_latest_quotes")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "lifecycle_events",
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("event_key", sa.BigInteger(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=True),
        sa.Column("event_ticker", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("venue", "event_key", name=op.f("pk_lifecycle_events")),
    )
    op.create_index(
        op.f("ix_lifecycle_events_event_ticker"), "lifecycle_events", ["event_ticker"], unique=False
    )
    op.create_index(
        "ix_lifecycle_events_ticker",
        "lifecycle_events",
        ["venue", "ticker", "received_at"],
        unique=False,
    )
    op.create_table(
        "price_reconciliations",
        sa.Column("instrument_id", sa.UUID(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("underlying_id", sa.UUID(), nullable=False),
        sa.Column("spot", sa.Numeric(), nullable=True),
        sa.Column("market_probability", sa.Numeric(), nullable=True),
        sa.Column("model_probability", sa.Numeric(), nullable=True),
        sa.Column("difference", sa.Numeric(), nullable=True),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint(
            "instrument_id", "computed_at", name=op.f("pk_price_reconciliations")
        ),
    )
    op.create_table(
        "series",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("frequency", sa.Text(), nullable=True),
        sa.Column(
            "tags",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("fee_type", sa.Text(), nullable=True),
        sa.Column("fee_multiplier", sa.Numeric(), nullable=True),
        sa.Column(
            "external_ref",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("ticker", name=op.f("pk_series")),
    )
    op.create_table(
        "ticks",
        sa.Column("instrument_id", sa.UUID(), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_key", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("tick_type", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=True),
        sa.Column("raw_price", sa.Text(), nullable=True),
        sa.Column("size", sa.Numeric(), nullable=True),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("bid", sa.Numeric(), nullable=True),
        sa.Column("ask", sa.Numeric(), nullable=True),
        sa.Column("bid_size", sa.Numeric(), nullable=True),
        sa.Column("ask_size", sa.Numeric(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("instrument_id", "event_time", "event_key", name=op.f("pk_ticks")),
        postgresql_partition_by="RANGE (event_time)",
    )
    op.create_table(
        "trade_keys",
        sa.Column("instrument_id", sa.UUID(), nullable=False),
        sa.Column("trade_key", sa.BigInteger(), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("instrument_id", "trade_key", name=op.f("pk_trade_keys")),
    )
    op.create_index(
        "ix_trade_keys_event_time",
        "trade_keys",
        ["event_time"],
        unique=False,
        postgresql_using="brin",
    )
    op.create_table(
        "unknown_messages",
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("message_type", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sample", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "message_type", name=op.f("pk_unknown_messages")),
    )
    op.create_table(
        "instrument_venue_mapping",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("instrument_id", sa.UUID(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("venue_instrument_id", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["instruments.id"],
            name=op.f("fk_instrument_venue_mapping_instrument_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instrument_venue_mapping")),
        sa.UniqueConstraint(
            "venue",
            "venue_instrument_id",
            name=op.f("uq_instrument_venue_mapping_venue_venue_instrument_id"),
        ),
    )
    op.create_index(
        op.f("ix_instrument_venue_mapping_instrument_id"),
        "instrument_venue_mapping",
        ["instrument_id"],
        unique=False,
    )
    op.create_table(
        "market_relationships",
        sa.Column("from_instrument_id", sa.UUID(), nullable=False),
        sa.Column("to_instrument_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["from_instrument_id"],
            ["instruments.id"],
            name=op.f("fk_market_relationships_from_instrument_id"),
        ),
        sa.ForeignKeyConstraint(
            ["to_instrument_id"],
            ["instruments.id"],
            name=op.f("fk_market_relationships_to_instrument_id"),
        ),
        sa.PrimaryKeyConstraint(
            "from_instrument_id", "to_instrument_id", "kind", name=op.f("pk_market_relationships")
        ),
    )
    op.create_index(
        op.f("ix_market_relationships_to_instrument_id"),
        "market_relationships",
        ["to_instrument_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(
        op.f("ix_market_relationships_to_instrument_id"), table_name="market_relationships"
    )
    op.drop_table("market_relationships")
    op.drop_index(
        op.f("ix_instrument_venue_mapping_instrument_id"), table_name="instrument_venue_mapping"
    )
    op.drop_table("instrument_venue_mapping")
    op.drop_table("unknown_messages")
    op.drop_index("ix_trade_keys_event_time", table_name="trade_keys", postgresql_using="brin")
    op.drop_table("trade_keys")
    op.drop_table("ticks")
    op.drop_table("series")
    op.drop_table("price_reconciliations")
    op.drop_index("ix_lifecycle_events_ticker", table_name="lifecycle_events")
    op.drop_index(op.f("ix_lifecycle_events_event_ticker"), table_name="lifecycle_events")
    op.drop_table("lifecycle_events")
    op.drop_table("latest_quotes")
    op.drop_index("ix_instruments_search", table_name="instruments", postgresql_using="gin")
    op.drop_index(
        "ix_instruments_external_ref",
        table_name="instruments",
        postgresql_using="gin",
        postgresql_ops={"external_ref": "jsonb_path_ops"},
    )
    op.drop_index(op.f("ix_instruments_event_ticker"), table_name="instruments")
    op.drop_table("instruments")
    op.drop_table("ingest_counts")
    op.drop_index("ix_feed_gaps_venue_from", table_name="feed_gaps")
    op.drop_table("feed_gaps")
    op.drop_index(op.f("ix_events_series_ticker"), table_name="events")
    op.drop_table("events")
    op.drop_index("ix_dead_letters_status_fingerprint", table_name="dead_letters")
    op.drop_index("ix_dead_letters_first_failed_at", table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_table("crawl_runs")
    op.drop_index(
        op.f("ix_arbitrage_opportunities_fingerprint"), table_name="arbitrage_opportunities"
    )
    op.drop_table("arbitrage_opportunities")
