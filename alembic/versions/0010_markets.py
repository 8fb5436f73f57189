"""Groups of markets, the edges that follow from them, arbitrage with its whole account."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0010"
down_revision = "0009"

# Typed edges, as they follow from the groups: of a ladder between neighbours, of a set between
# each two. Nothing of it is stored, so nothing of it can be out of date.
_EDGES = """
    CREATE VIEW market_relationships AS
    SELECT 'implies' AS kind, ticker AS from_ticker, next AS to_ticker, instrument_id AS
        from_instrument_id, next_id AS to_instrument_id, side AS from_side, side AS to_side,
        kind AS group_kind, key AS group_key
    FROM (
        SELECT *, lead(ticker) OVER rungs AS next, lead(instrument_id) OVER rungs AS next_id,
            lead(position) OVER rungs AS next_position
        FROM market_group_members WHERE kind IN ('ladder', 'deadlines')
        WINDOW rungs AS (PARTITION BY kind, key ORDER BY position, ticker)
    ) AS rung
    WHERE next_position > position
    UNION ALL
    SELECT CASE a.kind WHEN 'exclusive' THEN 'excludes' WHEN 'exhaustive' THEN 'complements'
            WHEN 'game' THEN 'same_game' ELSE 'same_event' END,
        a.ticker, b.ticker, a.instrument_id, b.instrument_id, a.side, b.side, a.kind, a.key
    FROM market_group_members a
    JOIN market_group_members b ON b.kind = a.kind AND b.key = a.key AND b.ticker > a.ticker
    WHERE a.kind IN ('exclusive', 'game', 'event') OR (a.kind = 'exhaustive' AND
        (SELECT count(*) FROM market_group_members c WHERE c.kind = a.kind AND c.key = a.key) = 2)
    UNION ALL
    SELECT 'leg_of', leg.ticker, combo.ticker, leg.instrument_id, combo.instrument_id, leg.side,
        combo.side, leg.kind, leg.key
    FROM market_group_members leg
    JOIN market_group_members combo ON combo.kind = 'combo' AND combo.key = leg.key
        AND combo.ticker = combo.key
    WHERE leg.kind = 'combo' AND leg.position > 0
    UNION ALL
    SELECT 'underlying_of', i.ticker, m.ticker, i.id, m.instrument_id, 'yes', m.side, m.kind, m.key
    FROM market_group_members m
    JOIN instruments i ON i.primary_source = split_part(m.key, ':', 1)
        AND i.ticker = substr(m.key, position(':' IN m.key) + 1)
    WHERE m.kind = 'underlying'
"""

_ADDED = (
    sa.Column("scope", sa.Text(), nullable=False, server_default=""),
    sa.Column("assumption", sa.Text(), nullable=False, server_default=""),
    sa.Column("pays", sa.Numeric(), nullable=False, server_default="0"),
    sa.Column("fees", sa.Numeric(), nullable=False, server_default="0"),
    sa.Column("profit", sa.Numeric(), nullable=False, server_default="0"),
    sa.Column("best_profit", sa.Numeric(), nullable=False, server_default="0"),
    sa.Column("best_seen_at", sa.DateTime(timezone=True), nullable=True),
)
_CHANGES = """
    CREATE SEQUENCE instrument_mapping_version;
    CREATE FUNCTION instrument_mapping_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM nextval('instrument_mapping_version');
        RETURN NULL;
    END $$;
    CREATE TRIGGER instrument_mapping_changed AFTER UPDATE OR DELETE ON instrument_venue_mapping
        FOR EACH STATEMENT EXECUTE FUNCTION instrument_mapping_changed();
"""
_NO_CHANGES = """
    DROP TRIGGER instrument_mapping_changed ON instrument_venue_mapping;
    DROP FUNCTION instrument_mapping_changed();
    DROP SEQUENCE instrument_mapping_version;
"""


def upgrade() -> None:
    op.drop_table("market_relationships")
    op.create_table(
        "market_group_members",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("instrument_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.Numeric(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "kind", "key", "ticker", "side", name=op.f("pk_market_group_members")
        ),
    )
    for column in ("instrument_id", "event_ticker"):
        name = op.f(f"ix_market_group_members_{column}")
        op.create_index(name, "market_group_members", [column], unique=False)
    op.create_table(
        "market_grouping",
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("grouped_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("venue", name=op.f("pk_market_grouping")),
    )
    op.create_index("ix_instruments_updated_at", "instruments", ["updated_at"], unique=False)
    op.create_index("ix_events_updated_at", "events", ["updated_at"], unique=False)
    op.execute(_EDGES)
    for column in _ADDED:
        op.add_column("arbitrage_opportunities", column)
    op.create_index(
        "ix_arbitrage_opportunities_live",
        "arbitrage_opportunities",
        ["fingerprint"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "ix_arbitrage_opportunities_last_seen_at", "arbitrage_opportunities", ["last_seen_at"]
    )
    op.create_index(
        "ix_price_reconciliations_computed_at", "price_reconciliations", ["computed_at"]
    )
    op.execute(_CHANGES)


def downgrade() -> None:
    op.execute(_NO_CHANGES)
    op.drop_index("ix_price_reconciliations_computed_at", table_name="price_reconciliations")
    op.drop_index("ix_arbitrage_opportunities_last_seen_at", table_name="arbitrage_opportunities")
    op.drop_index("ix_arbitrage_opportunities_live", table_name="arbitrage_opportunities")
    for column in _ADDED:
        op.drop_column("arbitrage_opportunities", column.name)
    op.execute("DROP VIEW market_relationships")
    op.drop_index("ix_events_updated_at", table_name="events")
    op.drop_index("ix_instruments_updated_at", table_name="instruments")
    op.drop_table("market_grouping")
    op.drop_table("market_group_members")
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
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
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
            "from_instrument_id",
            "to_instrument_id",
            "kind",
            name=op.f("pk_market_relationships"),
        ),
    )
    op.create_index(
        op.f("ix_market_relationships_to_instrument_id"),
        "market_relationships",
        ["to_instrument_id"],
    )
