"""Values that are no trade and no quote: indices, fair values, price bands, order imbalances."""

from __future__ import annotations

from collections.abc import Callable

from hadron_tasks.tick import HadronTick, TickType
from hadron_tasks.venues import wire
from hadron_tasks.venues.polygon.fields import VENUE, Event, Fields, price, sequence, time_us
from hadron_tasks.venues.polygon.symbols import listed_ticker

_BAND = Fields(
    columns=frozenset({"ev", "T", "t", "q"}),
    names={"h": "high", "l": "low", "i": "indicators", "z": "tape"},
)
_IMBALANCE = Fields(
    columns=frozenset({"ev", "T", "t", "o"}),
    names={
        "at": "auction_time",
        "a": "auction_type",
        "i": "symbol_sequence",
        "x": "exchange",
        "p": "paired_quantity",
        "b": "clearing_price",
    },
)


def value_reader(
    symbol: str, value: str, names: dict[str, str]
) -> Callable[[Event, int], HadronTick]:
    """A reader of events that state one value of one symbol.

    Args:
        symbol: The field with the symbol.
        value: The field with the value.
        names: Other fields, see :class:`Fields`.
    """
    fields = Fields(frozenset({"ev", symbol, value, "t"}) - names.keys(), names)

    def read(event: Event, received_ns: int) -> HadronTick:
        ticker = listed_ticker(event.get(symbol), symbol)
        return HadronTick(
            venue=VENUE,
            ticker=ticker,
            tick_type=TickType.INDEX_VALUE,
            event_us=time_us(event),
            event_key=fields.content("value", event),
            received_ns=received_ns,
            price=price(event, value, ticker),
            raw_price=str(event[value]),
            metadata=fields.metadata(event),
        )

    return read


def read_price_band(event: Event, received_ns: int) -> HadronTick:
    """A ``LULD``: limit up and limit down of a stock."""
    ticker = listed_ticker(event.get("T"), "T")
    for name in ("h", "l"):
        price(event, name, ticker)
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=TickType.PRICE_BAND,
        event_us=time_us(event),
        event_key=_BAND.content(TickType.PRICE_BAND, event),
        received_ns=received_ns,
        sequence=sequence(event),
        metadata=_BAND.metadata(event),
    )


def read_imbalance(event: Event, received_ns: int) -> HadronTick:
    """A ``NOI``: net order imbalance before an auction; its quantity is the tick's size."""
    return HadronTick(
        venue=VENUE,
        ticker=listed_ticker(event.get("T"), "T"),
        tick_type=TickType.IMBALANCE,
        event_us=time_us(event),
        event_key=_IMBALANCE.content(TickType.IMBALANCE, event),
        received_ns=received_ns,
        size=wire.optional_number(event.get("o"), "o"),
        metadata=_IMBALANCE.metadata(event),
    )
