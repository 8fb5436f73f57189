"""Search: a narrow table beside instruments, kept by triggers, in the order people want."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0007"
down_revision = "0006"

_PHASE = """
    CREATE FUNCTION instrument_phase(status text) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE
            WHEN status IN ('finalized', 'settled', 'delisted') THEN 2
            WHEN status IN ('closed', 'determined', 'disputed', 'amended') THEN 1
            ELSE 0 END::smallint
    $$
"""
# No word that people look for has a colon, so what follows one cannot be taken for it.
_WORDS = """
    CREATE FUNCTION instrument_words(i instruments) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT array_to_tsvector(array_remove(string_to_array(
            coalesce(i.keywords, lower(regexp_replace(
                concat_ws(' ', i.ticker, i.title, i.yes_sub_title), '[^[:alnum:].]+', ' ', 'g'))),
            ' '), '') || ARRAY['venue:' || i.venue, 'status:' || coalesce(i.status, '')])
    $$
"""
_INSERTED = """
    CREATE FUNCTION search_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO instrument_search (instrument_id, phase, close_time, words)
        SELECT n.id, instrument_phase(n.status), n.close_time, instrument_words(n)
        FROM new_rows n;
        RETURN NULL;
    END $$
"""
_UPDATED = """
    CREATE FUNCTION search_updated() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE instrument_search s
        SET phase = instrument_phase(n.status), close_time = n.close_time,
            words = instrument_words(n)
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        WHERE s.instrument_id = n.id
            AND (n.status IS DISTINCT FROM o.status
                 OR n.close_time IS DISTINCT FROM o.close_time
                 OR n.keywords IS DISTINCT FROM o.keywords
                 OR n.keywords IS NULL AND (n.title, n.yes_sub_title)
                    IS DISTINCT FROM (o.title, o.yes_sub_title));
        RETURN NULL;
    END $$
"""
_DELETED = """
    CREATE FUNCTION search_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM instrument_search s USING old_rows o WHERE s.instrument_id = o.id;
        RETURN NULL;
    END $$
"""
_EMPTIED = """
    CREATE FUNCTION search_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        TRUNCATE instrument_search;
        RETURN NULL;
    END $$
"""
_DIGEST_OUTLIVED = """
    CREATE FUNCTION digest_outlived() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.digest := NULL;
        RETURN NEW;
    END $$
"""
_TRIGGERS = (
    # Whoever else changes an instrument, an operator by hand included, need not know of digests.
    "CREATE TRIGGER digest_outlived BEFORE UPDATE ON instruments FOR EACH ROW"
    " WHEN (NEW.digest = OLD.digest) EXECUTE FUNCTION digest_outlived()",
    "CREATE TRIGGER search_inserted AFTER INSERT ON instruments"
    " REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION search_inserted()",
    "CREATE TRIGGER search_updated AFTER UPDATE ON instruments"
    " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
    " FOR EACH STATEMENT EXECUTE FUNCTION search_updated()",
    "CREATE TRIGGER search_deleted AFTER DELETE ON instruments"
    " REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION search_deleted()",
    "CREATE TRIGGER search_emptied AFTER TRUNCATE ON instruments"
    " FOR EACH STATEMENT EXECUTE FUNCTION search_emptied()",
)


def upgrade() -> None:
    op.drop_index("ix_instruments_search", table_name="instruments")
    op.drop_column("instruments", "search")
    op.add_column("instruments", sa.Column("digest", sa.BigInteger()))
    op.create_table(
        "instrument_search",
        sa.Column("instrument_id", sa.UUID(), nullable=False),
        sa.Column("phase", sa.SmallInteger(), nullable=False),
        sa.Column("close_time", sa.DateTime(timezone=True)),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("instrument_id", name=op.f("pk_instrument_search")),
    )
    op.execute(_PHASE)
    op.execute(_WORDS)
    op.execute(
        "INSERT INTO instrument_search SELECT i.id, instrument_phase(i.status), i.close_time,"
        " instrument_words(i) FROM instruments i"
    )
    for phase, name in (("phase < 2", "unsettled"), ("phase = 2", "settled")):
        op.create_index(
            f"ix_instrument_search_words_{name}",
            "instrument_search",
            ["words"],
            postgresql_using="gin",
            postgresql_where=sa.text(phase),
        )
        op.create_index(
            f"ix_instrument_search_close_{name}",
            "instrument_search",
            ["close_time"],
            postgresql_where=sa.text(phase),
        )
    for statement in (_INSERTED, _UPDATED, _DELETED, _EMPTIED, _DIGEST_OUTLIVED, *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER digest_outlived ON instruments")
    op.execute("DROP FUNCTION digest_outlived()")
    for event in ("inserted", "updated", "deleted", "emptied"):
        op.execute(f"DROP TRIGGER search_{event} ON instruments")
        op.execute(f"DROP FUNCTION search_{event}()")
    op.drop_table("instrument_search")
    op.execute("DROP FUNCTION instrument_words(instruments)")
    op.execute("DROP FUNCTION instrument_phase(text)")
    op.drop_column("instruments", "digest")
    op.add_column(
        "instruments",
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
    )
    op.create_index("ix_instruments_search", "instruments", ["search"], postgresql_using="gin")
