"""The errors of REST requests where they were; use :mod:`hadron_tasks.venues.rest.errors`."""

from hadron_tasks.venues.rest.errors import (
    AnswerUnreadable,
    BadRequest,
    CursorRepeats,
    ErrorAnswer,
    ExchangeFailed,
    ExchangeUnreachable,
    KeyRefused,
    NotFound,
    RateLimited,
    RequestBudgetExhausted,
    RequestRefused,
    explain,
    from_status,
)
from hadron_tasks.venues.rest.errors import RestError as KalshiRestError

__all__ = [
    "AnswerUnreadable",
    "BadRequest",
    "CursorRepeats",
    "ErrorAnswer",
    "ExchangeFailed",
    "ExchangeUnreachable",
    "KalshiRestError",
    "KeyRefused",
    "NotFound",
    "RateLimited",
    "RequestBudgetExhausted",
    "RequestRefused",
    "explain",
    "from_status",
]
