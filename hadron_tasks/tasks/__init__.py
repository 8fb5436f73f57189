"""Thin Celery tasks, one module a subject; each calls one function of a domain module."""

from hadron_tasks.tasks import counting, drain, heartbeat, partitions

__all__ = ["counting", "drain", "heartbeat", "partitions"]
