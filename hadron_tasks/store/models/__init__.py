"""The tables, as SQLAlchemy models. Alembic makes them; `docs/schema.md` explains them."""

from __future__ import annotations

from hadron_tasks.store.models.base import Base
from hadron_tasks.store.models.book_checks import BookCheckRow
from hadron_tasks.store.models.catalogue import Event, LearntCodeRow, ReferenceDocument, Series
from hadron_tasks.store.models.crawl import (
    CrawlPart,
    CrawlRun,
    CrawlSeen,
    CrawlVanished,
    InstrumentLookup,
)
from hadron_tasks.store.models.dead_letters import DeadLetter
from hadron_tasks.store.models.feed_gaps import FeedGapRow, GapChannel
from hadron_tasks.store.models.ingest import IngestCount, UnknownMessage
from hadron_tasks.store.models.instruments import (
    Instrument,
    InstrumentSearch,
    InstrumentVenueMapping,
)
from hadron_tasks.store.models.lifecycle import LifecycleEventRow
from hadron_tasks.store.models.market_groups import MarketGrouping, MarketGroupMember
from hadron_tasks.store.models.prices import ArbitrageOpportunity, PriceReconciliation
from hadron_tasks.store.models.ticks import LatestQuote, Tick, TradeKey
from hadron_tasks.store.models.trade_walks import Audit, Backfill

__all__ = [
    "ArbitrageOpportunity",
    "Audit",
    "Backfill",
    "Base",
    "BookCheckRow",
    "CrawlPart",
    "CrawlRun",
    "CrawlSeen",
    "CrawlVanished",
    "DeadLetter",
    "Event",
    "FeedGapRow",
    "GapChannel",
    "IngestCount",
    "Instrument",
    "InstrumentLookup",
    "InstrumentSearch",
    "InstrumentVenueMapping",
    "LatestQuote",
    "LearntCodeRow",
    "LifecycleEventRow",
    "MarketGroupMember",
    "MarketGrouping",
    "PriceReconciliation",
    "ReferenceDocument",
    "Series",
    "Tick",
    "TradeKey",
    "UnknownMessage",
]
