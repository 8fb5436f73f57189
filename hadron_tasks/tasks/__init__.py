"""Thin Celery tasks, one module a subject; each calls one function of a domain module."""

from hadron_tasks.tasks import drain, partitions

__all__ = ["drain", "partitions"]
