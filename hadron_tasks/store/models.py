"""The tables, as SQLAlchemy models. Alembic makes them; `docs/schema.md` explains them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table's base: times with time zone, text without limit, exact numbers."""

    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a plain class attribute
        datetime: DateTime(timezone=True),
        str: Text(),
        Decimal: Numeric(),
        UUID: PG_UUID(as_uuid=True),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
        list[str]: ARRAY(Text()),
        int: BigInteger(),
        bytes: LargeBinary(),
    }


_NOW = func.now()


class Instrument(Base):
    """Something with a price: a market of Kalshi, a stock, an index, a currency pair."""

    __tablename__ = "instruments"
    __table_args__ = (
        UniqueConstraint("primary_source", "ticker"),
        Index(
            "ix_instruments_external_ref",
            "external_ref",
            postgresql_using="gin",
            postgresql_ops={"external_ref": "jsonb_path_ops"},
        ),
        Index(
            "ix_instruments_unnamed",
            "primary_source",
            "created_at",
            postgresql_where=text("display_name IS NULL"),
        ),
        Index("ix_instruments_updated_at", "updated_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    ticker: Mapped[str]
    asset_class: Mapped[str]
    """``other`` for prediction markets; equity, option, index, crypto, forex, future."""
    primary_source: Mapped[str]
    """The venue whose data defines the instrument."""
    venue: Mapped[str]
    name: Mapped[str]
    """``Kalshi Market: {ticker}`` until the exchange's own name is known."""
    display_name: Mapped[str | None]
    status: Mapped[str | None]
    """The exchange's word for it: initialized, active, inactive, closed, determined, finalized."""
    status_at: Mapped[datetime | None]
    """When the status was learnt; an older message does not change a newer status."""
    described_at: Mapped[datetime | None]
    """As of when the venue's last description was so that changed something. Messages received
    before it fill in what it left open, later ones overrule it. Null until it was described."""
    market_type: Mapped[str | None]
    event_ticker: Mapped[str | None] = mapped_column(index=True)
    title: Mapped[str | None]
    yes_sub_title: Mapped[str | None]
    no_sub_title: Mapped[str | None]
    open_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]
    expected_expiration_time: Mapped[datetime | None]
    strike_type: Mapped[str | None]
    floor_strike: Mapped[Decimal | None]
    cap_strike: Mapped[Decimal | None]
    result: Mapped[str | None]
    settlement_value: Mapped[Decimal | None]
    keywords: Mapped[str | None]
    """The words it is found by, as :mod:`hadron_tasks.store.words` makes them."""
    external_ref: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    """What else is known of it: parsed ticker, rules, legs, price structure."""
    digest: Mapped[int | None]
    """Of what the venue's last description said; a trigger makes it null when anything else changes
    the row. A description with this digest need not be compared."""
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class InstrumentSearch(Base):
    """What instruments are searched by, in rows so narrow that many fit a page.

    Triggers on ``instruments`` keep it, so whoever writes there need not know. Each phase has its
    own indexes: what is settled, which over the years is nearly everything, costs the search for
    what is open nothing.
    """

    __tablename__ = "instrument_search"
    __table_args__ = tuple(
        Index(
            f"ix_instrument_search_{name}_{phase}",
            column,
            postgresql_where=text(condition),
            postgresql_using=method,
        )
        for phase, condition in (("unsettled", "phase < 2"), ("settled", "phase = 2"))
        for name, column, method in (("words", "words", "gin"), ("close", "close_time", "btree"))
    )

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    phase: Mapped[int] = mapped_column(SmallInteger)
    """0 open or yet to open, 1 closed and not settled, 2 settled: see the SQL function
    ``instrument_phase``."""
    close_time: Mapped[datetime | None]
    words: Mapped[str] = mapped_column(TSVECTOR)


class InstrumentVenueMapping(Base):
    """An instrument's name at a venue. One instrument may stand on several venues."""

    __tablename__ = "instrument_venue_mapping"
    __table_args__ = (UniqueConstraint("venue", "venue_instrument_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    instrument_id: Mapped[UUID] = mapped_column(ForeignKey("instruments.id"), index=True)
    venue: Mapped[str]
    venue_instrument_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class Series(Base):
    """A Kalshi series: the template that events are made from."""

    __tablename__ = "series"

    ticker: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    category: Mapped[str | None]
    frequency: Mapped[str | None]
    tags: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    fee_type: Mapped[str | None]
    fee_multiplier: Mapped[Decimal | None]
    external_ref: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class Event(Base):
    """A Kalshi event: one real-world occurrence, with its markets."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_updated_at", "updated_at"),)

    event_ticker: Mapped[str] = mapped_column(primary_key=True)
    series_ticker: Mapped[str | None] = mapped_column(index=True)
    described_at: Mapped[datetime | None]
    """As for an instrument."""
    title: Mapped[str | None]
    sub_title: Mapped[str | None]
    category: Mapped[str | None]
    mutually_exclusive: Mapped[bool | None]
    collateral_return_type: Mapped[str | None]
    fee_type_override: Mapped[str | None]
    fee_multiplier_override: Mapped[Decimal | None]
    strike_date: Mapped[datetime | None]
    external_ref: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class MarketGroupMember(Base):
    """A market's place in a group: an event, a game, a ladder of strikes, a combo and its legs.

    What follows from it for two of the members is in the view ``market_relationships``.
    """

    __tablename__ = "market_group_members"

    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    ticker: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    """``no`` where a combo needs that its leg does not come true; ``yes`` everywhere else."""
    # No foreign key: a combo may come before its legs.
    instrument_id: Mapped[UUID] = mapped_column(index=True)
    position: Mapped[Decimal]
    """Members stand in this order: on a ladder each implies those after it."""
    event_ticker: Mapped[str] = mapped_column(index=True)
    """Of the market that says so: with its event these rows are made anew."""


class MarketGrouping(Base):
    """How far the grouping of a venue's markets has come."""

    __tablename__ = "market_grouping"

    venue: Mapped[str] = mapped_column(primary_key=True)
    grouped_until: Mapped[datetime]
    """Every change of an instrument or event before it is in the groups."""
    version: Mapped[int] = mapped_column(server_default="0")
    """Raised with every change of a group, so that whoever remembers groups forgets them."""


class Tick(Base):
    """One normalised market-data message; partitioned by day of ``event_time`` (UTC).

    The primary key makes writing exactly-once and is the index people query by.
    """

    __tablename__ = "ticks"
    __table_args__ = ({"postgresql_partition_by": "RANGE (event_time)"},)

    # No foreign key to instruments: it would cost a lookup for every row of the hot path, which
    # resolves instruments in the same transaction anyway.
    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_time: Mapped[datetime] = mapped_column(primary_key=True)
    event_key: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    venue: Mapped[str]
    tick_type: Mapped[str]
    price: Mapped[Decimal | None]
    raw_price: Mapped[str | None]
    size: Mapped[Decimal | None]
    side: Mapped[str | None]
    bid: Mapped[Decimal | None]
    ask: Mapped[Decimal | None]
    bid_size: Mapped[Decimal | None]
    ask_size: Mapped[Decimal | None]
    sequence: Mapped[int | None]
    # "metadata" is taken by SQLAlchemy's declarative classes.
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata")


class TradeKey(Base):
    """The trades already stored, by id alone: the same trade may come with another time."""

    __tablename__ = "trade_keys"
    __table_args__ = (Index("ix_trade_keys_event_time", "event_time", postgresql_using="brin"),)

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    trade_key: Mapped[int] = mapped_column(primary_key=True)
    event_time: Mapped[datetime]


class LatestQuote(Base):
    """The newest state of an instrument: its last quote and its last trade."""

    __tablename__ = "latest_quotes"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    venue: Mapped[str]
    price: Mapped[Decimal | None]
    """The price that the newest priced tick stated, by the priority HadronTick documents."""
    price_time: Mapped[datetime | None]
    bid: Mapped[Decimal | None]
    ask: Mapped[Decimal | None]
    bid_size: Mapped[Decimal | None]
    ask_size: Mapped[Decimal | None]
    quote_time: Mapped[datetime | None]
    last_trade_price: Mapped[Decimal | None]
    last_trade_size: Mapped[Decimal | None]
    last_trade_time: Mapped[datetime | None]
    received_at: Mapped[datetime]


class LifecycleEventRow(Base):
    """A message about an instrument or event itself, as it came."""

    __tablename__ = "lifecycle_events"
    __table_args__ = (Index("ix_lifecycle_events_ticker", "venue", "ticker", "received_at"),)

    venue: Mapped[str] = mapped_column(primary_key=True)
    event_key: Mapped[int] = mapped_column(primary_key=True)
    ticker: Mapped[str | None]
    event_ticker: Mapped[str | None] = mapped_column(index=True)
    kind: Mapped[str]
    sequence: Mapped[int | None]
    received_at: Mapped[datetime]
    payload: Mapped[dict[str, Any]]


class FeedGapRow(Base):
    """A hole in what an exchange sent to us, and what became of it."""

    __tablename__ = "feed_gaps"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'backfilled', 'unrecoverable')", name="state"),
        Index("ix_feed_gaps_venue_from", "venue", "from_time"),
        Index("ix_feed_gaps_open", "venue", "to_time", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    venue: Mapped[str]
    connection: Mapped[str]
    channel: Mapped[str | None]
    carried: Mapped[list[Any] | None]
    """What the connection carried, where the gap is of a whole connection and that is known."""
    tickers: Mapped[list[Any] | None]
    """The only instruments it concerns, where that is known."""
    sid: Mapped[int | None]
    cause: Mapped[str]
    from_time: Mapped[datetime]
    to_time: Mapped[datetime]
    from_seq: Mapped[int | None]
    to_seq: Mapped[int | None]
    missing: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default="open")
    """``backfilled`` when all that it lost was recovered; ``unrecoverable`` when some of it never
    will be, although its trades may have been: see ``gap_channels``."""
    backfill_id: Mapped[int | None] = mapped_column(ForeignKey("backfills.id"), index=True)
    """The run that fetches its trades."""
    detail: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class BookCheckRow(Base):
    """A rebuilt order book compared with the exchange's own."""

    __tablename__ = "book_checks"
    __table_args__ = (Index("ix_book_checks_checked_at", "checked_at"),)

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(primary_key=True)
    agreed: Mapped[bool]
    via: Mapped[str]
    """Connection, life and sid of the messages it was rebuilt from."""
    since: Mapped[datetime]
    """Its snapshot's time, or the last check that agreed: what is wrong went wrong after it."""
    differences: Mapped[list[Any] | None]
    """The levels that differ: side, price, size here, size at the exchange. Null for none."""


class GapChannel(Base):
    """One channel of a gap: whether what it lost was recovered, how much, or why not."""

    __tablename__ = "gap_channels"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'backfilled', 'unrecoverable')", name="state"),
    )

    gap_id: Mapped[UUID] = mapped_column(
        ForeignKey("feed_gaps.id", ondelete="CASCADE"), primary_key=True
    )
    channel: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(server_default="open")
    reason: Mapped[str] = mapped_column(server_default="")
    fetched: Mapped[int] = mapped_column(server_default="0")
    """Trades that the exchange told of within the gap."""
    stored: Mapped[int] = mapped_column(server_default="0")
    """Of these, those that were not stored before: what the gap had lost."""


class Backfill(Base):
    """A run that fetches an exchange's trades of some time, with the place where it goes on."""

    __tablename__ = "backfills"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'complete', 'refused')", name="state"),
        Index("ix_backfills_due", "due_at", postgresql_where=text("state = 'running'")),
        Index("ix_backfills_started_at", "started_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    venue: Mapped[str]
    origin: Mapped[str]
    """``gap`` or ``person``."""
    from_time: Mapped[datetime]
    to_time: Mapped[datetime]
    tickers: Mapped[list[Any] | None]
    """Null for every instrument of the venue."""
    state: Mapped[str] = mapped_column(server_default="running")
    ticker_number: Mapped[int] = mapped_column(server_default="0")
    """Which of the tickers is being fetched."""
    slice_from: Mapped[datetime]
    """Where the part of the time begins that is being fetched."""
    archived: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether it is being fetched from the exchange's archive."""
    cursor: Mapped[str] = mapped_column(server_default="")
    """The exchange's, for the next page."""
    pages: Mapped[int] = mapped_column(server_default="0")
    fetched: Mapped[int] = mapped_column(server_default="0")
    stored: Mapped[int] = mapped_column(server_default="0")
    """Trades that were not stored before."""
    unreadable: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    """In a row: a page that succeeds sets it back."""
    reason: Mapped[str] = mapped_column(server_default="")
    """What went wrong last, or why it was given up."""
    due_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    """When its next page may be asked for by whoever looks."""
    started_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    finished_at: Mapped[datetime | None]


class Audit(Base):
    """A comparison of stored trades with the exchange's own, with the place where it goes on."""

    __tablename__ = "audits"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'complete', 'refused', 'stopped')", name="state"),
        Index("ix_audits_due", "due_at", postgresql_where=text("state = 'running'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    venue: Mapped[str]
    origin: Mapped[str]
    """``schedule`` or ``person``."""
    from_time: Mapped[datetime]
    to_time: Mapped[datetime]
    tickers: Mapped[list[Any] | None]
    """Null for every instrument of the venue."""
    samples: Mapped[list[Any] | None]
    """Where the minutes begin that are compared, in seconds since the Unix epoch; null for all of
    the time."""
    state: Mapped[str] = mapped_column(server_default="running")
    ticker_number: Mapped[int] = mapped_column(server_default="0")
    """Which of the tickers, or of the samples, is being compared."""
    slice_from: Mapped[datetime]
    slice_s: Mapped[int]
    """How long a part is compared at once."""
    compared: Mapped[int] = mapped_column(server_default="0")
    """Trades that the exchange told of."""
    missing: Mapped[int] = mapped_column(server_default="0")
    extra: Mapped[int] = mapped_column(server_default="0")
    different: Mapped[int] = mapped_column(server_default="0")
    unreadable: Mapped[int] = mapped_column(server_default="0")
    gaps: Mapped[int] = mapped_column(server_default="0")
    """Opened because of what was found."""
    findings: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    """The first of them, in full."""
    failures: Mapped[int] = mapped_column(server_default="0")
    reason: Mapped[str] = mapped_column(server_default="")
    due_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    started_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    finished_at: Mapped[datetime | None]


class DeadLetter(Base):
    """A frame or task that failed for good, with all that is needed to try it again."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        CheckConstraint("kind IN ('message', 'task')", name="kind"),
        CheckConstraint("status IN ('dead', 'retrying', 'resolved', 'discarded')", name="status"),
        UniqueConstraint("identity"),
        Index("ix_dead_letters_status_fingerprint", "status", "fingerprint"),
        Index("ix_dead_letters_first_failed_at", "first_failed_at"),
        Index(
            "ix_dead_letters_retried_at",
            "retried_at",
            postgresql_where=text("status = 'retrying'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    identity: Mapped[bytes]
    """What makes it one letter however often it fails: digest of frame and receive time, or the
    task's id."""
    fingerprint: Mapped[str]
    """Same error at the same place: what letters are grouped by."""
    venue: Mapped[str | None]
    connection: Mapped[str | None]
    raw_frame: Mapped[bytes | None]
    """The frame, whole, as received; not necessarily UTF-8."""
    received_at_ns: Mapped[int | None]
    """Receive time of the frame, Unix nanoseconds: to the digit, so that a retry has the same."""
    task_id: Mapped[str | None]
    task_name: Mapped[str | None]
    args: Mapped[list[Any] | None]
    kwargs: Mapped[dict[str, Any] | None]
    queue: Mapped[str | None]
    error_type: Mapped[str]
    message: Mapped[str]
    place: Mapped[str] = mapped_column(server_default="")
    traceback: Mapped[str] = mapped_column(server_default="")
    attempts: Mapped[int] = mapped_column(server_default="1")
    status: Mapped[str] = mapped_column(server_default="dead")
    first_failed_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    last_failed_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    retried_at: Mapped[datetime | None]
    """When it was last sent again."""


class IngestCount(Base):
    """What became of every frame, counted in the transaction that stored it.

    One row a venue, minute and worker process, so that workers do not wait for each other.
    """

    __tablename__ = "ingest_counts"

    venue: Mapped[str] = mapped_column(primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    worker: Mapped[str] = mapped_column(primary_key=True)
    frames: Mapped[int] = mapped_column(server_default="0")
    ticks: Mapped[int] = mapped_column(server_default="0")
    duplicates: Mapped[int] = mapped_column(server_default="0")
    lifecycle: Mapped[int] = mapped_column(server_default="0")
    control: Mapped[int] = mapped_column(server_default="0")
    unknown: Mapped[int] = mapped_column(server_default="0")
    dead_letters: Mapped[int] = mapped_column(server_default="0")
    gaps: Mapped[int] = mapped_column(server_default="0")


class UnknownMessage(Base):
    """Message types that no normaliser knows: how many came, and one of them to look at."""

    __tablename__ = "unknown_messages"

    venue: Mapped[str] = mapped_column(primary_key=True)
    message_type: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    sample: Mapped[bytes]
    """A frame that holds one, as received."""


class CrawlRun(Base):
    """One crawl of a venue's REST metadata; its work is in its parts."""

    __tablename__ = "crawl_runs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('running', 'complete', 'incomplete', 'stopped')", name="status"
        ),
        # One crawl of a kind at a time, whoever starts it.
        Index(
            "uq_crawl_runs_running",
            "venue",
            "kind",
            "scope",
            unique=True,
            postgresql_where=text("status = 'running'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    venue: Mapped[str]
    kind: Mapped[str]
    """``full``, ``incremental``, ``combos``, ``series``."""
    scope: Mapped[str] = mapped_column(server_default="")
    """The series that the crawl is narrowed to, if it is."""
    status: Mapped[str] = mapped_column(server_default="running")
    """``incomplete`` has ended, but lost pages: the parts' ``missing`` says which."""
    since: Mapped[datetime | None]
    """Only what changed after then was asked for; null for everything."""
    started_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    finished_at: Mapped[datetime | None]


class CrawlSeen(Base):
    """The instruments that a page of a crawl listed: what is open and in no page has vanished.

    One row a page, so that a million unchanged instruments cost a thousand rows, and not one of
    their own is written.
    """

    __tablename__ = "crawl_seen"

    run_id: Mapped[int] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    page: Mapped[int] = mapped_column(primary_key=True)
    tickers: Mapped[list[str]]


class CrawlVanished(Base):
    """An instrument that was open and that a crawl did not list: to be asked for by name."""

    __tablename__ = "crawl_vanished"

    run_id: Mapped[int] = mapped_column(primary_key=True)
    ticker: Mapped[str] = mapped_column(primary_key=True)


class LearntCodeRow(Base):
    """What a code in tickers means, as a market's own words told."""

    __tablename__ = "learnt_codes"

    scope: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    learnt_from: Mapped[str]
    """The ticker of the market that told."""
    learnt_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class CrawlPart(Base):
    """One list that a crawl reads page by page, resumable by its cursor.

    The cursor is written in the transaction that stores the page's rows, so a part that was
    interrupted goes on exactly after the last page that is stored.
    """

    __tablename__ = "crawl_parts"
    __table_args__ = (
        CheckConstraint(
            "status IN ('waiting', 'running', 'resting', 'complete', 'broken')", name="status"
        ),
        Index(
            "ix_crawl_parts_due",
            "due_at",
            postgresql_where=text("status = 'running'"),
        ),
    )

    run_id: Mapped[int] = mapped_column(
        ForeignKey("crawl_runs.id", ondelete="CASCADE"), primary_key=True
    )
    part: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[int]
    """Parts of a stage begin when those of the stages before have ended."""
    status: Mapped[str] = mapped_column(server_default="waiting")
    """``resting``: its budget is used up, the next run of its schedule goes on."""
    cursor: Mapped[str] = mapped_column(server_default="")
    """Where the next page begins; empty for the first."""
    landmark: Mapped[str] = mapped_column(server_default="")
    """A cursor from before: one that comes again means that the exchange goes round in circles."""
    pages: Mapped[int] = mapped_column(server_default="0")
    """Pages stored, which is also the number of the next one."""
    seen: Mapped[int] = mapped_column(server_default="0")
    changed: Mapped[int] = mapped_column(server_default="0")
    """Rows written: new ones, and those that were different."""
    requests: Mapped[int] = mapped_column(server_default="0")
    """Sent to the exchange, retries included."""
    unreadable: Mapped[int] = mapped_column(server_default="0")
    """Items left out because they could not be read or stored; samples are in ``notes``."""
    failures: Mapped[int] = mapped_column(server_default="0")
    """In a row, of the page that is next."""
    resent: Mapped[int] = mapped_column(server_default="0")
    """In a row: how often the task of the page that is next was sent again, none being heard of."""
    restarts: Mapped[int] = mapped_column(server_default="0")
    """How often it began again from the first page because its cursor was no longer taken."""
    rest_at_page: Mapped[int | None]
    """The page before which it rests."""
    error: Mapped[str] = mapped_column(server_default="")
    """What the last attempt met; empty after one that succeeded."""
    missing: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    """What could not be had, each with the page, its cursor and the error."""
    notes: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    due_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    """When the task of the next page should begin; long past, it was lost."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class InstrumentLookup(Base):
    """An instrument that the exchange was asked for by name and did not know, or not yet."""

    __tablename__ = "instrument_lookups"

    instrument_id: Mapped[UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True
    )
    attempts: Mapped[int] = mapped_column(server_default="1")
    next_at: Mapped[datetime]
    """Not to be asked for before then."""
    error: Mapped[str] = mapped_column(server_default="")


class ReferenceDocument(Base):
    """What a venue tells about itself in one piece: its schedule, its search tags."""

    __tablename__ = "reference_documents"

    venue: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    """When it was last different from before."""
    fetched_at: Mapped[datetime] = mapped_column(server_default=_NOW)


class PriceReconciliation(Base):
    """A prediction market's price beside the one its underlying implies, with the inputs."""

    __tablename__ = "price_reconciliations"
    __table_args__ = (Index("ix_price_reconciliations_computed_at", "computed_at"),)

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    computed_at: Mapped[datetime] = mapped_column(primary_key=True)
    underlying_id: Mapped[UUID]
    spot: Mapped[Decimal | None]
    market_probability: Mapped[Decimal | None]
    model_probability: Mapped[Decimal | None]
    difference: Mapped[Decimal | None]
    inputs: Mapped[dict[str, Any]]


class ArbitrageOpportunity(Base):
    """A set of prices that would have paid whatever happened; logged, never traded."""

    __tablename__ = "arbitrage_opportunities"
    __table_args__ = (
        Index(
            "ix_arbitrage_opportunities_live",
            "fingerprint",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_arbitrage_opportunities_last_seen_at", "last_seen_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    fingerprint: Mapped[str] = mapped_column(index=True)
    """Kind and legs: one row lives for each at a time."""
    scope: Mapped[str] = mapped_column(server_default="")
    """The group of markets it was found in, or the market."""
    assumption: Mapped[str] = mapped_column(server_default="")
    """What has to be true for it, in words."""
    legs: Mapped[list[Any]]
    """What to buy: ticker, side, price, size offered, and the quote behind it."""
    pays: Mapped[Decimal] = mapped_column(server_default="0")
    """What one set pays at least, dollars."""
    profit_per_set: Mapped[Decimal]
    sets: Mapped[Decimal]
    """How many the books offered."""
    fees: Mapped[Decimal] = mapped_column(server_default="0")
    profit: Mapped[Decimal] = mapped_column(server_default="0")
    """Of all sets after fees, dollars, when it was last seen."""
    best_profit: Mapped[Decimal] = mapped_column(server_default="0")
    best_seen_at: Mapped[datetime | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    first_seen_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    last_seen_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    closed_at: Mapped[datetime | None]
