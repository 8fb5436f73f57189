"""Kalshi's WebSocket messages, as far as a streamer reads them.

The frames themselves are recorded untouched; only their head is read here, and the whole of those
that answer a command or tell of a market's life.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

from hadron_tasks.raw_stream import GapCause
from streamer.plan import BOOKS_CHANNEL

LIFECYCLE_CHANNEL = "market_lifecycle_v2"

CHANNEL_OF_TYPE = {
    "ticker": "ticker",
    "trade": "trade",
    "orderbook_snapshot": BOOKS_CHANNEL,
    "orderbook_delta": BOOKS_CHANNEL,
    "market_lifecycle_v2": LIFECYCLE_CHANNEL,
    "event_lifecycle": LIFECYCLE_CHANNEL,
    "event_fee_update": LIFECYCLE_CHANNEL,
    "multivariate_market_lifecycle": "multivariate_market_lifecycle",
}
"""Data types and the channel each comes by."""

CODE_COMMAND_FAILED = 1
CODE_AUTHENTICATION = 9
CODE_CHANNEL_ERROR = 10
CODE_TIMEOUT = 18
CODE_OVERFLOW = 25
CODE_TOO_MANY_COMMANDS = 27
ENDED_BY_CODE = {
    CODE_CHANNEL_ERROR: GapCause.CHANNEL_ERROR,
    CODE_OVERFLOW: GapCause.BUFFER_OVERFLOW,
}
TRY_AGAIN_CODES = {CODE_COMMAND_FAILED, CODE_CHANNEL_ERROR, CODE_TIMEOUT, CODE_TOO_MANY_COMMANDS}

OPENING_EVENTS = {"created", "activated"}
ENDING_EVENTS = {"determined", "settled", "closed"}

# The order in which the exchange writes a message's head. A frame that does not match is parsed.
HEAD = re.compile(rb'\{"type": ?"(\w+)", ?"sid": ?(\d+), ?(?:"seq": ?(\d+), ?)?"msg"')
MARKET = re.compile(rb'"market_ticker": ?"([^"\\]+)"')
SENT_MS = re.compile(rb'"ts_ms": ?(\d{13})\b')
TYPES = {name.encode(): name for name in CHANNEL_OF_TYPE}


class Envelope(BaseModel):
    """What every message has in common."""

    type: str = ""
    id: int | None = None
    sid: int | None = None
    seq: int | None = None
    msg: Any = None


class Metadata(BaseModel):
    event_ticker: str | None = None


class Lifecycle(BaseModel):
    market_ticker: str
    event_type: str
    additional_metadata: Metadata = Metadata()


class LifecycleFrame(BaseModel):
    msg: Lifecycle


class Refusal(BaseModel):
    """The body of an error."""

    code: int = 0
    msg: str = ""
    sid: int | None = None
