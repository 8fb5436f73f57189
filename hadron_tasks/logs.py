"""How every process of Hadron logs: structured events, for people or for machines, no secrets."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from hadron_tasks.redaction import redact
from hadron_tasks.settings import Settings


def configure_logging(settings: Settings) -> None:
    """Send structlog's and the standard library's records to standard error.

    Args:
        settings: ``log_format`` (``console`` for people, ``json`` for machines) and ``log_level``.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered: structlog.typing.Processor
    if settings.log_format == "json":
        shared.append(structlog.processors.format_exc_info)
        rendered = structlog.processors.JSONRenderer()
    else:
        rendered = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # By default structlog prints tracebacks with the values of local variables.
            exception_formatter=structlog.dev.plain_traceback,
        )
    renderer = _without_secrets(rendered)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unfailing(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard library: the same look, but only what needs attention.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


class _Unfailing:
    """A stream to log to that never raises.

    The disk that is full for the log is often the one that is full for everything else; whoever
    is about to tell so must live to deal with it. The standard library's handlers do the same.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _without_secrets(renderer: structlog.typing.Processor) -> structlog.typing.Processor:
    """A renderer whose lines are redacted, whoever wrote them and however they came by it."""

    def render(logger: Any, method: str, event: structlog.typing.EventDict) -> str:
        return redact(str(renderer(logger, method, event)))

    return render
