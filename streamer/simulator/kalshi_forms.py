"""The bodies of Kalshi's data messages, in today's dollar form and in the 2025 cents form.

Text is put together by hand because one process sends tens of thousands of these a second; the
tests read every form back with a JSON parser. Prices are thousandths of a dollar, quantities
hundredths of a contract (see :mod:`streamer.simulator.market`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

from streamer.simulator.market import ONE_DOLLAR, Delta, Market, Trade

PRICE_TEXT = tuple(f"{price / ONE_DOLLAR:.4f}" for price in range(ONE_DOLLAR + 1))
"""A price in dollars with four decimals, by thousandths."""


def contracts(hundredths: int) -> str:
    """A quantity with two decimals: ``300.00``, ``-54.00``."""
    if hundredths < 0:
        return "-" + contracts(-hundredths)
    return f"{hundredths // 100}.{hundredths % 100:02d}"


@lru_cache(maxsize=8)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso_time(ms: int) -> str:
    """Unix milliseconds as ISO 8601 with microseconds, UTC."""
    return f"{_second_text(ms // 1000)}.{ms % 1000:03d}000Z"


class KalshiForm(Protocol):
    """How an era writes the bodies (``msg``) of its messages.

    Times are Unix milliseconds, from :meth:`Market.next_ms`. ``states`` gives the microseconds
    that a message made of it says to a reader.
    """

    delta_states_time: bool

    def states_us(self, ms: int) -> int:
        """The time a ticker or trade made at ``ms`` states, microseconds since the epoch."""

    def ticker(self, market: Market, ms: int) -> str:
        """A ticker of the market as it stands."""

    def trade(self, market: Market, trade: Trade, ms: int) -> str:
        """A trade in the market."""

    def snapshot(self, market: Market) -> str:
        """The whole book."""

    def delta(self, market: Market, delta: Delta, ms: int) -> str:
        """One level's change."""


class DollarForm:
    """What the exchange sends today: decimal strings, fractional contracts, milliseconds."""

    delta_states_time = True

    def states_us(self, ms: int) -> int:
        """To the millisecond."""
        return ms * 1000

    def ticker(self, market: Market, ms: int) -> str:
        """``price_dollars`` is empty where nothing has traded; a missing ask says 1.0000."""
        bid, no_bid = market.best_yes, market.best_no
        last = PRICE_TEXT[market.last_price] if market.last_price else ""
        return (
            f'{{"market_ticker":"{market.ticker}","market_id":"{market.market_id}",'
            f'"price_dollars":"{last}","yes_bid_dollars":"{PRICE_TEXT[bid]}",'
            f'"yes_ask_dollars":"{PRICE_TEXT[ONE_DOLLAR - no_bid]}",'
            f'"volume_fp":"{contracts(market.volume)}",'
            f'"open_interest_fp":"{contracts(market.open_interest)}",'
            f'"dollar_volume":{market.volume // 200},'
            f'"dollar_open_interest":{market.open_interest // 200},'
            f'"yes_bid_size_fp":"{contracts(market.yes.get(bid, 0))}",'
            f'"yes_ask_size_fp":"{contracts(market.no.get(no_bid, 0))}",'
            f'"last_trade_size_fp":"{contracts(market.last_size)}",'
            f'"ts":{ms // 1000},"ts_ms":{ms},"time":"{iso_time(ms)}"}}'
        )

    def trade(self, market: Market, trade: Trade, ms: int) -> str:
        """With its id, and the taker's side in the old words and the new."""
        buys_yes = trade.taker_side == "yes"
        return (
            f'{{"trade_id":"{trade.trade_id}","market_ticker":"{market.ticker}",'
            f'"yes_price_dollars":"{PRICE_TEXT[trade.yes_price]}",'
            f'"no_price_dollars":"{PRICE_TEXT[ONE_DOLLAR - trade.yes_price]}",'
            f'"count_fp":"{contracts(trade.size)}","taker_side":"{trade.taker_side}",'
            f'"taker_outcome_side":"{trade.taker_side}",'
            f'"taker_book_side":"{"bid" if buys_yes else "ask"}","is_block_trade":false,'
            f'"ts":{ms // 1000},"ts_ms":{ms}}}'
        )

    def snapshot(self, market: Market) -> str:
        """A side with no orders is left out."""
        sides = "".join(
            f',"{name}":[{_levels(levels)}]'
            for name, levels in (("yes_dollars_fp", market.yes), ("no_dollars_fp", market.no))
            if levels
        )
        head = f'{{"market_ticker":"{market.ticker}","market_id":"{market.market_id}"'
        return f"{head}{sides}}}"

    def delta(self, market: Market, delta: Delta, ms: int) -> str:
        """Here ``ts`` is an ISO string, as it has been since April 2026."""
        return (
            f'{{"market_ticker":"{market.ticker}","market_id":"{market.market_id}",'
            f'"price_dollars":"{PRICE_TEXT[delta.price]}","delta_fp":"{contracts(delta.change)}",'
            f'"side":"{delta.side}","ts":"{iso_time(ms)}","ts_ms":{ms}}}'
        )


class CentsForm:
    """What 2025 recordings hold: whole cents, whole contracts, times in seconds or none.

    A second is long: to keep two messages of one market from being the same to the letter, a
    ticker within the second of the one before it states at least one more contract of volume.
    """

    delta_states_time = False

    def __init__(self) -> None:
        self._ticker_seconds: dict[str, int] = {}
        self._clock = 4_117_569_085

    def states_us(self, ms: int) -> int:
        """To the second."""
        return ms // 1000 * 1_000_000

    def ticker(self, market: Market, ms: int) -> str:
        """Now and then with the stray ``Clock`` that the exchange sent too."""
        second = ms // 1000
        if self._ticker_seconds.get(market.ticker) == second:
            market.volume += 100
        self._ticker_seconds[market.ticker] = second
        self._clock += 7
        clock = f',"Clock":{self._clock}' if self._clock % 3 == 0 else ""
        last = PRICE_TEXT[market.last_price] if market.last_price else ""
        bid, ask = market.best_yes, ONE_DOLLAR - market.best_no
        return (
            f'{{"market_ticker":"{market.ticker}","price":{market.last_price // 10},'
            f'"yes_bid":{bid // 10},"yes_ask":{ask // 10},"price_dollars":"{last}",'
            f'"yes_bid_dollars":"{PRICE_TEXT[bid]}","yes_ask_dollars":"{PRICE_TEXT[ask]}",'
            f'"volume":{market.volume // 100},"open_interest":{market.open_interest // 100},'
            f'"dollar_volume":{market.volume // 200},'
            f'"dollar_open_interest":{market.open_interest // 200},"ts":{second}{clock}}}'
        )

    def trade(self, market: Market, trade: Trade, ms: int) -> str:
        """Both prices in cents."""
        return (
            f'{{"trade_id":"{trade.trade_id}","market_ticker":"{market.ticker}",'
            f'"yes_price":{trade.yes_price // 10},'
            f'"no_price":{(ONE_DOLLAR - trade.yes_price) // 10},"count":{trade.size // 100},'
            f'"taker_side":"{trade.taker_side}","ts":{ms // 1000}}}'
        )

    def snapshot(self, market: Market) -> str:
        """Levels as pairs of cents and contracts."""
        sides = "".join(
            f',"{name}":[{",".join(f"[{p // 10},{levels[p] // 100}]" for p in sorted(levels))}]'
            for name, levels in (("yes", market.yes), ("no", market.no))
            if levels
        )
        return f'{{"market_ticker":"{market.ticker}"{sides}}}'

    def delta(self, market: Market, delta: Delta, ms: int) -> str:  # noqa: ARG002 - states no time
        """Without a time: the reader takes when it received it."""
        return (
            f'{{"market_ticker":"{market.ticker}","price":{delta.price // 10},'
            f'"delta":{delta.change // 100},"side":"{delta.side}"}}'
        )


def _levels(levels: dict[int, int]) -> str:
    return ",".join(f'["{PRICE_TEXT[p]}","{contracts(levels[p])}"]' for p in sorted(levels))
