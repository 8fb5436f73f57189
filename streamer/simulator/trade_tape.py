"""Every trade of the simulated Kalshi, in the order they happened, kept small: 40 bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from streamer.simulator.market import Trade

# trade id, stated ms, market number, thousandths of a dollar, hundredths of a contract, taker
_RECORD = Struct("<16sqIHQB")
_YES = 1


class TapedTrade(NamedTuple):
    """A trade as the REST API tells it."""

    number: int
    """Its place on the tape."""
    trade_id: str
    ticker: str
    ms: int
    """Unix milliseconds, as its WebSocket message states them."""
    created_us: int
    """Unix microseconds within that millisecond: the REST API is more exact."""
    yes_price: int
    size: int
    taker_side: str


class TradeTape:
    """Grows only. Whether a client was told makes no difference: a trade happened."""

    def __init__(self) -> None:
        self._records = bytearray()
        self._happened_ms = array("q")
        """When it happened; never falls, unlike the time stated, which may run ahead."""
        self._most_ahead_ms = 0
        self._tickers: list[str] = []
        self._numbers: dict[str, int] = {}
        self._of_market: dict[str, array[int]] = {}

    def __len__(self) -> int:
        return len(self._happened_ms)

    def add(self, ticker: str, trade: Trade, stated_ms: int, now_ms: int) -> None:
        """Write down a trade; ``stated_ms`` is the time its message states."""
        number = self._numbers.get(ticker)
        if number is None:
            number = self._numbers[ticker] = len(self._tickers)
            self._tickers.append(ticker)
            self._of_market[ticker] = array("Q")
        self._of_market[ticker].append(len(self))
        happened = max(now_ms, self._happened_ms[-1] if self._happened_ms else 0)
        self._happened_ms.append(happened)
        self._most_ahead_ms = max(self._most_ahead_ms, stated_ms - happened)
        self._records += _RECORD.pack(
            UUID(trade.trade_id).bytes,
            stated_ms,
            number,
            trade.yes_price,
            trade.size,
            _YES if trade.taker_side == "yes" else 0,
        )

    def newest_first(
        self,
        *,
        ticker: str = "",
        before: int | None = None,
        from_us: int | None = None,
        until_us: int | None = None,
    ) -> Iterator[TapedTrade]:
        """Trades from the newest back.

        Args:
            ticker: Of this market only.
            before: Only those before this place on the tape.
            from_us: Created then or later.
            until_us: Created before then.
        """
        first, end = 0, len(self) if before is None else min(before, len(self))
        if until_us is not None:
            # Stated no earlier than it happened, give or take the clock it was read from.
            end = min(end, bisect_right(self._happened_ms, until_us // 1000 + 1))
        if from_us is not None:
            first = bisect_left(self._happened_ms, from_us // 1000 - self._most_ahead_ms)
        places: range | array[int] = range(first, end)
        if ticker:
            own = self._of_market.get(ticker, array("Q"))
            places = own[bisect_left(own, first) : bisect_left(own, end)]
        for place in reversed(places):
            trade = self._read(place)
            if from_us is not None and trade.created_us < from_us:
                continue
            if until_us is not None and trade.created_us >= until_us:
                continue
            yield trade

    def _read(self, place: int) -> TapedTrade:
        raw_id, ms, number, price, size, side = _RECORD.unpack_from(
            self._records, place * _RECORD.size
        )
        identity = UUID(bytes=raw_id)
        return TapedTrade(
            place,
            str(identity),
            self._tickers[number],
            ms,
            ms * 1000 + identity.int % 1000,
            price,
            size,
            "yes" if side == _YES else "no",
        )
