"""HadronTick: the one schema that every venue's messages are normalised to."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from struct import Struct
from typing import Any

import msgspec

from hadron_tasks.times import from_ns

_INT64 = Struct(">q")


class TickType(StrEnum):
    """What a tick reports."""

    TRADE = "trade"
    QUOTE = "quote"
    BAR = "bar"
    BOOK_SNAPSHOT = "book_snapshot"
    BOOK_DELTA = "book_delta"
    INDEX_VALUE = "index_value"
    PRICE_BAND = "price_band"
    """Limit up / limit down band of a stock; ``metadata`` holds ``low`` and ``high``."""
    IMBALANCE = "imbalance"
    """Net order imbalance before an auction."""


class HadronTick(msgspec.Struct, frozen=True, gc=False):
    """One normalised market-data message: a row of ``ticks`` before its instrument is resolved.

    Prices and sizes are :class:`~decimal.Decimal` with every digit the exchange sent. Kalshi
    prices are probabilities 0..1 (dollars of a one-dollar contract); Polygon prices are in the
    quote currency. What the columns mean for each type:

    ============== ============================== ============== ====================== =========
    type           price                          size           side                   sequence
    ============== ============================== ============== ====================== =========
    trade          price paid                     quantity       taker's outcome or None per feed
    quote          last trade, else mid           last trade's   None                   per feed
    bar            close                          volume         None                   None
    book_snapshot  mid of the best bid and ask    None           None                   per sid
    book_delta     price of the level             signed change  yes or no              per sid
    index_value    the value                      None           None                   None
    ============== ============================== ============== ====================== =========

    A msgspec.Struct, because the hot path makes one for every message: a NamedTuple takes five
    times as long to make. ``gc=False``: a tick is in no cycle, so nobody need look for one.
    """

    venue: str
    ticker: str
    """The instrument's name at its venue (``KXNBAGAME-25NOV29TORCHA-TOR``, ``I:SPX``)."""
    tick_type: TickType
    event_us: int
    """When it happened, by the exchange's clock: microseconds since the Unix epoch, UTC."""
    event_key: int
    """Signed 64-bit identity within instrument and event time; see :func:`content_key`."""
    received_ns: int
    """When the streamer received the frame: nanoseconds since the Unix epoch, UTC."""
    price: Decimal | None = None
    raw_price: str | None = None
    """The price as the exchange wrote it (``"0.4800"``, ``"48"`` cents), before normalising."""
    size: Decimal | None = None
    side: str | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    sequence: int | None = None
    metadata: dict[str, Any] | None = None
    """What else the message said. Decimals, and numbers that are only kept (totals), are text in
    JSON; floats never occur."""
    trade_key: int | None = None
    """For a trade with an id: the identity that does not depend on its time (see DESIGN: the
    same trade comes with other time precision over REST). Scoped to the instrument; equals
    ``event_key`` then. None for everything else."""

    @property
    def event_time(self) -> datetime:
        """``event_us`` as an aware UTC datetime."""
        return from_ns(self.event_us * 1000)

    @property
    def received_at(self) -> datetime:
        """``received_ns`` as an aware UTC datetime, to the microsecond."""
        return from_ns(self.received_ns)


def content_key(*parts: object) -> int:
    """A stable signed 64-bit key of ``parts``: the same on every machine and in every run.

    It identifies a message within one instrument and event time, so 64 bits are ample. Parts are
    joined with a separator that no exchange field contains, so ``("a", "bc")`` and
    ``("ab", "c")`` differ.
    """
    return joined_key("\x1f".join(map(str, parts)))


def joined_key(parts: str) -> int:
    """The :func:`content_key` of parts that are joined already, by U+001F."""
    (key,) = _INT64.unpack(blake2b(parts.encode(), digest_size=8).digest())
    return int(key)
