"""Every trade of the simulated Polygon, in the order they happened, kept small: 50 bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from struct import Struct
from typing import NamedTuple

NS_A_MS = 1_000_000

# trade id, price, size, sequence number, exchange, conditions
_RECORD = Struct("<QqqQHB")


class PolygonTrade(NamedTuple):
    """A trade of one instrument, without floats, so that both interfaces tell the same digits."""

    ms: int
    """Unix milliseconds, as its WebSocket event states them; later than that of the one before."""
    trade_id: int
    price: int
    """In units of the instrument's last decimal."""
    size: int
    """In units of the last decimal of its sizes: shares, or hundred-millionths of a coin."""
    sequence: int
    exchange: int
    conditions: int
    """Which set of conditions it has."""

    @property
    def sip_ns(self) -> int:
        """Unix nanoseconds within that millisecond: the REST API is more exact."""
        return self.ms * NS_A_MS + self.trade_id * 7919 % NS_A_MS


class _Tape:
    __slots__ = ("ms", "records")

    def __init__(self) -> None:
        self.ms = array("q")
        self.records = bytearray()


class PolygonTape:
    """Grows only. Whether a client was told makes no difference: a trade happened."""

    def __init__(self) -> None:
        self._tapes: dict[str, _Tape] = {}

    def add(self, ticker: str, trade: PolygonTrade) -> None:
        """Write down a trade."""
        tape = self._tapes.get(ticker)
        if tape is None:
            tape = self._tapes[ticker] = _Tape()
        tape.ms.append(trade.ms)
        tape.records += _RECORD.pack(*trade[1:])

    def count(self, ticker: str) -> int:
        """How many trades there are."""
        tape = self._tapes.get(ticker)
        return 0 if tape is None else len(tape.ms)

    def read(self, ticker: str, place: int) -> PolygonTrade:
        """The trade at a place of an instrument's tape, which is counted from 0."""
        tape = self._tapes[ticker]
        record = _RECORD.unpack_from(tape.records, place * _RECORD.size)
        return PolygonTrade(tape.ms[place], *record)

    def place_of(self, ticker: str, ns: int, *, is_exact: bool) -> int:
        """The place of the first trade at ``ns`` (Unix nanoseconds) or later.

        Args:
            is_exact: Whether the trades' times are told in nanoseconds; else they are whole
                milliseconds.
        """
        tape = self._tapes.get(ticker)
        if tape is None:
            return 0
        place = bisect_left(tape.ms, ns // NS_A_MS)
        if place == len(tape.ms):
            return place
        found = self.read(ticker, place)
        return place + ((found.sip_ns if is_exact else found.ms * NS_A_MS) < ns)
