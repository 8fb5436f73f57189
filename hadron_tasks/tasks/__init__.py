"""Thin Celery tasks, one module a subject; each calls one function of a domain module."""

from hadron_tasks.tasks import counting, crawl, drain, heartbeat, partitions

__all__ = ["counting", "crawl", "drain", "heartbeat", "partitions"]
