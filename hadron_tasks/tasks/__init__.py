"""Thin Celery tasks, one module a subject; each calls one function of a domain module."""

from hadron_tasks.tasks import (
    audit,
    backfill,
    books,
    counting,
    crawl,
    dead_letters,
    drain,
    heartbeat,
    markets,
    partitions,
)

__all__ = [
    "audit",
    "backfill",
    "books",
    "counting",
    "crawl",
    "dead_letters",
    "drain",
    "heartbeat",
    "markets",
    "partitions",
]
