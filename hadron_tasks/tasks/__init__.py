"""Thin Celery tasks, one module a subject; each calls one function of a domain module."""

from hadron_tasks.tasks import (
    backfill,
    counting,
    crawl,
    dead_letters,
    drain,
    heartbeat,
    partitions,
)

__all__ = [
    "backfill",
    "counting",
    "crawl",
    "dead_letters",
    "drain",
    "heartbeat",
    "partitions",
]
