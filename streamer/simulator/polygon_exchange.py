"""The simulated Polygon: events of wandering instruments, and who subscribed to which.

Channels and fields are the vendor's (stocks T, Q, A, AM; indices V, A, AM; crypto XT, XQ, XA,
XAS; forex C, CA, CAS). Aggregates come when their second or minute is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from streamer.simulator.outbox import PolygonOutbox
from streamer.simulator.polygon_forms import (
    EventText,
    bar_event,
    coin_quote,
    coin_trade,
    forex_quote,
    index_value,
    stock_quote,
    stock_trade,
)
from streamer.simulator.polygon_tape import PolygonTape
from streamer.simulator.underlyings import Bar, Instrument

_BARS: dict[str, dict[str, int]] = {
    "stocks": {"A": 1000, "AM": 60_000},
    "indices": {"A": 1000, "AM": 60_000},
    "crypto": {"XAS": 1000, "XA": 60_000},
    "forex": {"CAS": 1000, "CA": 60_000},
}
"""Aggregate channels by asset class, with the milliseconds each covers."""


class Source:
    """One kind of event of one asset class."""

    __slots__ = ("asset_class", "channel", "feeds_bars", "make", "weight")

    def __init__(
        self,
        asset_class: str,
        channel: str,
        weight: float,
        make: Callable[[Instrument, int, Random], EventText],
        *,
        feeds_bars: bool,
    ) -> None:
        self.asset_class = asset_class
        self.channel = channel
        self.weight = weight
        self.make = make
        self.feeds_bars = feeds_bars


_SOURCES = (
    Source("stocks", "T", 25.0, stock_trade, feeds_bars=True),
    Source("stocks", "Q", 40.0, stock_quote, feeds_bars=False),
    Source("indices", "V", 10.0, index_value, feeds_bars=True),
    Source("crypto", "XT", 10.0, coin_trade, feeds_bars=True),
    Source("crypto", "XQ", 6.0, coin_quote, feeds_bars=False),
    Source("forex", "C", 9.0, forex_quote, feeds_bars=True),
)
CHANNELS: dict[str, frozenset[str]] = {
    asset_class: frozenset(bars) | {s.channel for s in _SOURCES if s.asset_class == asset_class}
    for asset_class, bars in _BARS.items()
}
"""What one may subscribe to on each asset class's connection."""

_BAR_CHANCE = 0.1
"""Share of events that are aggregates while some are due."""
_MOST_BARS_DUE = 500
EVERY_SYMBOL = "*"

_Choice = tuple[float, Source, list[Instrument]]


class PolygonExchange:
    """Instruments, their subscribers and the next thing to happen."""

    def __init__(
        self, instruments: dict[str, Instrument], rng: Random, now_ms: Callable[[], int]
    ) -> None:
        self.instruments = instruments
        self.tape = PolygonTape()
        self.rng = rng
        self.now_ms = now_ms
        self._subscribers: dict[tuple[str, str], dict[PolygonOutbox, set[str]]] = {}
        self._choices: list[_Choice] = []
        self._goes_on_unheard = False
        self._bars_due: deque[tuple[Instrument, str, Bar]] = deque(maxlen=_MOST_BARS_DUE)

    def subscribe(self, outbox: PolygonOutbox, asset_class: str, channel: str, symbol: str) -> None:
        """Begin to send a channel's events of one symbol, or of all (``*``)."""
        subscribers = self._subscribers.setdefault((asset_class, channel), {})
        subscribers.setdefault(outbox, set()).add(symbol)
        self._choose_again()

    def unsubscribe(
        self, outbox: PolygonOutbox, asset_class: str, channel: str, symbol: str
    ) -> None:
        """Stop sending a channel's events of that symbol, or all that ``*`` had asked for."""
        subscribers = self._subscribers.get((asset_class, channel), {})
        symbols = subscribers.get(outbox, set())
        symbols.discard(symbol)
        if not symbols:
            subscribers.pop(outbox, None)
        self._choose_again()

    def forget(self, outbox: PolygonOutbox) -> None:
        """End every subscription of a connection that is gone."""
        for subscribers in self._subscribers.values():
            subscribers.pop(outbox, None)
        self._choose_again()

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything that somebody would be told."""
        return bool(self._choices)

    def step(self) -> int:
        """Let one thing happen; returns how many messages that sent."""
        rng = self.rng
        if self._bars_due and rng.random() < _BAR_CHANCE:
            return self._send_bar(*self._bars_due.popleft())
        chance = rng.random()
        for limit, source, instruments in self._choices:
            if chance < limit:
                # What nobody hears takes its time all the same.
                sent = self._happen(source, self._draw(instruments))
                return max(sent, int(self._goes_on_unheard))
        return 0

    def go_on_unheard(self, goes_on: bool) -> None:
        """Let happen what happens now, whether or not anybody is still subscribed to it."""
        self._goes_on_unheard = goes_on
        self._choose_again()

    def _draw(self, instruments: list[Instrument]) -> Instrument:
        """One of them, those named first more often, unless it is ahead of the clock already."""
        chance = self.rng.random()
        instrument = instruments[int(chance * chance * len(instruments))]
        if instrument.last_ms >= self.now_ms():
            instrument = instruments[int(self.rng.random() * len(instruments))]
        return instrument

    def _happen(self, source: Source, instrument: Instrument) -> int:
        instrument.latent.step(self.rng)
        ms = instrument.next_ms(self.now_ms())
        made = source.make(instrument, ms, self.rng)
        if made.trade is not None:
            self.tape.add(instrument.ticker, made.trade)
        if source.feeds_bars:
            self._count_in_bars(source.asset_class, instrument, made, ms)
        return self._send(source.asset_class, source.channel, instrument, made)

    def _send(self, asset_class: str, channel: str, instrument: Instrument, made: EventText) -> int:
        sent = 0
        event = made.text.encode()
        for outbox, symbols in self._subscribers.get((asset_class, channel), {}).items():
            if EVERY_SYMBOL in symbols or instrument.symbol in symbols:
                outbox.event(event, made.kind, f"{outbox.head}{made.ledger}")
                sent += 1
        return sent

    def _count_in_bars(
        self, asset_class: str, instrument: Instrument, made: EventText, ms: int
    ) -> None:
        for channel, length_ms in _BARS[asset_class].items():
            start = ms // length_ms * length_ms
            bar = instrument.bars.get(channel)
            if bar is None or bar.start_ms != start:
                if bar is not None and self._subscribers.get((asset_class, channel)):
                    self._bars_due.append((instrument, channel, bar))
                price = made.price
                bar = instrument.bars[channel] = Bar(start, price, price, price, price)
            bar.add(made.price, made.size)

    def _send_bar(self, instrument: Instrument, channel: str, bar: Bar) -> int:
        asset_class = instrument.asset_class
        length_ms = _BARS[asset_class][channel]
        made = bar_event(instrument, channel, bar, length_ms)
        return self._send(asset_class, channel, instrument, made)

    def _choose_again(self) -> None:
        """Work out anew which kinds of event somebody would get, of which instruments."""
        if self._goes_on_unheard and self._choices:
            return
        found = []
        for source in _SOURCES:
            channels = [source.channel, *(_BARS[source.asset_class] if source.feeds_bars else ())]
            instruments = self._wanted(source.asset_class, channels)
            if instruments:
                found.append((source, instruments))
        total = sum(source.weight for source, _ in found)
        self._choices = []
        reached = 0.0
        for source, instruments in found:
            reached += source.weight / total
            self._choices.append((reached, source, instruments))
        if self._choices:  # whatever rounding did, the last choice takes the rest
            _, source, instruments = self._choices[-1]
            self._choices[-1] = (1.0, source, instruments)

    def _wanted(self, asset_class: str, channels: list[str]) -> list[Instrument]:
        symbols: set[str] = set()
        for channel in channels:
            for asked in self._subscribers.get((asset_class, channel), {}).values():
                symbols |= asked
        return [
            instrument
            for instrument in self.instruments.values()
            if instrument.asset_class == asset_class
            and (EVERY_SYMBOL in symbols or instrument.symbol in symbols)
        ]


def plain_symbol(asset_class: str, symbol: str) -> str:
    """A subscription's symbol as events write it: ``X:BTC-USD`` as ``BTC-USD``.

    Forex pairs may be asked for as ``C:EUR-USD``, ``EUR-USD`` or ``EUR/USD``.
    """
    if asset_class == "crypto":
        return symbol.removeprefix("X:")
    if asset_class == "forex":
        return symbol.removeprefix("C:").replace("-", "/")
    return symbol
