"""The text of Polygon's events, each with what the ledger says about it.

Prices are JSON numbers with the instrument's decimals; the ledger holds the same digits.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from hadron_tasks.local.ledger import NULL
from hadron_tasks.tick import TickType
from streamer.simulator.polygon_tape import PolygonTrade
from streamer.simulator.underlyings import Bar, Instrument

_QUOTE = TickType.QUOTE.value
_TRADE = TickType.TRADE.value
_BAR = TickType.BAR.value
_INDEX = TickType.INDEX_VALUE.value

_STOCK_EXCHANGES = (4, 8, 10, 11, 12, 15)
_COIN_EXCHANGES = (1, 2, 6, 23)
CONDITIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "stocks": ((), (14, 37), (37,), (12, 37)),
    "crypto": ((2,),),
}
"""The sets of conditions that a trade may have, by asset class."""
_STOCK_CONDITIONS = tuple(
    f'"c":{list(codes)},'.replace(" ", "") if codes else "" for codes in CONDITIONS["stocks"]
)
SIZE_DECIMALS = {"stocks": 0, "crypto": 8}
_FINRA = 4
_FINRA_FACILITY = 202


class EventText(NamedTuple):
    """One event, ready to go into a frame."""

    text: str
    kind: str
    ledger: str
    """The ledger's columns from the kind on, with the newline."""
    price: float
    size: float
    trade: PolygonTrade | None = None


def reporting_facility(exchange: int) -> int | None:
    """The trade reporting facility of trades off exchange."""
    return _FINRA_FACILITY if exchange == _FINRA else None


def _units(text: str) -> int:
    """A number's digits, in units of its last decimal."""
    return int(text.replace(".", ""))


def _one_of(values: tuple[int, ...], rng: Random) -> int:
    return values[int(rng.random() * len(values))]


def _lots(rng: Random) -> int:
    """Shares: small lots mostly, round ones often, large ones seldom."""
    chance = rng.random()
    if chance < 0.5:
        return 1 + int(chance * 198)
    return 100 * (1 + int((chance - 0.5) ** 3 * 160))


def _tail(
    kind: str,
    instrument: Instrument,
    ms: int,
    *,
    price: str = NULL,
    size: str = NULL,
    bid: str = NULL,
    ask: str = NULL,
    trade_id: str = NULL,
) -> str:
    columns = (kind, instrument.ticker, f"{ms}000", NULL, price, size, bid, ask, trade_id)
    return "\t".join(columns) + "\n"


def _around(instrument: Instrument, rng: Random) -> float:
    """A trade's price: the bid, the ask or between."""
    return instrument.latent.value + instrument.half_spread * (int(rng.random() * 3) - 1)


def stock_trade(instrument: Instrument, ms: int, rng: Random) -> EventText:
    """A ``T`` event."""
    price, size = _around(instrument, rng), _lots(rng)
    text = f"{price:.{instrument.decimals}f}"
    instrument.trade_id += 1
    instrument.sequence += 1 + int(rng.random() * 4)
    instrument.day_volume += size
    trade_id = str(instrument.trade_id)
    conditions = int(rng.random() * len(_STOCK_CONDITIONS))
    exchange = _one_of(_STOCK_EXCHANGES, rng)
    facility = reporting_facility(exchange)
    reported = "" if facility is None else f'"trfi":{facility},"trft":{ms},'
    event = (
        f'{{"ev":"T","sym":"{instrument.symbol}","x":{exchange},'
        f'"i":"{trade_id}","z":3,"p":{text},"s":{size},{_STOCK_CONDITIONS[conditions]}{reported}'
        f'"t":{ms},"q":{instrument.sequence}}}'
    )
    tail = _tail(_TRADE, instrument, ms, price=text, size=str(size), trade_id=trade_id)
    trade = PolygonTrade(
        ms,
        instrument.trade_id,
        _units(text),
        size,
        instrument.sequence,
        exchange,
        conditions,
    )
    return EventText(event, _TRADE, tail, float(text), size, trade)


def _bid_ask(instrument: Instrument) -> tuple[str, str]:
    value, half, decimals = instrument.latent.value, instrument.half_spread, instrument.decimals
    return f"{value - half:.{decimals}f}", f"{value + half:.{decimals}f}"


def stock_quote(instrument: Instrument, ms: int, rng: Random) -> EventText:
    """A ``Q`` event."""
    bid, ask = _bid_ask(instrument)
    instrument.sequence += 1 + int(rng.random() * 4)
    event = (
        f'{{"ev":"Q","sym":"{instrument.symbol}","bx":{_one_of(_STOCK_EXCHANGES, rng)},'
        f'"bp":{bid},"bs":{1 + int(rng.random() * 12)},"ax":{_one_of(_STOCK_EXCHANGES, rng)},'
        f'"ap":{ask},"as":{1 + int(rng.random() * 12)},"c":0,"i":[604],"t":{ms},'
        f'"q":{instrument.sequence},"z":3}}'
    )
    tail = _tail(_QUOTE, instrument, ms, bid=bid, ask=ask)
    return EventText(event, _QUOTE, tail, instrument.latent.value, 0.0)


def index_value(instrument: Instrument, ms: int, rng: Random) -> EventText:  # noqa: ARG001
    """A ``V`` event."""
    value = f"{instrument.latent.value:.{instrument.decimals}f}"
    event = f'{{"ev":"V","val":{value},"T":"{instrument.symbol}","t":{ms}}}'
    tail = _tail(_INDEX, instrument, ms, price=value)
    return EventText(event, _INDEX, tail, float(value), 0.0)


def coin_trade(instrument: Instrument, ms: int, rng: Random) -> EventText:
    """An ``XT`` event."""
    price = f"{_around(instrument, rng):.{instrument.decimals}f}"
    size = f"{0.0001 + rng.random() ** 4 * 3:.8f}"
    instrument.trade_id += 1
    trade_id = str(instrument.trade_id)
    exchange = _one_of(_COIN_EXCHANGES, rng)
    event = (
        f'{{"ev":"XT","pair":"{instrument.symbol}","p":{price},"t":{ms},"s":{size},"c":[2],'
        f'"i":{trade_id},"x":{exchange},"r":{ms + 11}}}'
    )
    tail = _tail(_TRADE, instrument, ms, price=price, size=size, trade_id=trade_id)
    trade = PolygonTrade(ms, instrument.trade_id, _units(price), _units(size), 0, exchange, 0)
    return EventText(event, _TRADE, tail, float(price), float(size), trade)


def coin_quote(instrument: Instrument, ms: int, rng: Random) -> EventText:
    """An ``XQ`` event."""
    bid, ask = _bid_ask(instrument)
    event = (
        f'{{"ev":"XQ","pair":"{instrument.symbol}","bp":{bid},"bs":{0.01 + rng.random():.4f},'
        f'"ap":{ask},"as":{0.01 + rng.random():.4f},"t":{ms},'
        f'"x":{_one_of(_COIN_EXCHANGES, rng)},"r":{ms + 13}}}'
    )
    tail = _tail(_QUOTE, instrument, ms, bid=bid, ask=ask)
    return EventText(event, _QUOTE, tail, instrument.latent.value, 0.0)


def forex_quote(instrument: Instrument, ms: int, rng: Random) -> EventText:  # noqa: ARG001
    """A ``C`` event."""
    bid, ask = _bid_ask(instrument)
    event = f'{{"ev":"C","p":"{instrument.symbol}","x":"44","a":{ask},"b":{bid},"t":{ms}}}'
    tail = _tail(_QUOTE, instrument, ms, bid=bid, ask=ask)
    return EventText(event, _QUOTE, tail, float(bid), 1.0)


def bar_event(instrument: Instrument, channel: str, bar: Bar, length_ms: int) -> EventText:
    """An aggregate of any asset class, which the channel's name tells."""
    d = instrument.decimals
    prices = f'"c":{bar.close:.{d}f},"h":{bar.high:.{d}f},"l":{bar.low:.{d}f}'
    end_ms = bar.start_ms + length_ms
    opened = f"{bar.open:.{d}f}"
    average = bar.turnover / bar.volume if bar.volume else bar.close
    size = NULL
    match instrument.asset_class:
        case "stocks":
            size = f"{bar.volume:.0f}"
            event = (
                f'{{"ev":"{channel}","sym":"{instrument.symbol}","v":{size},'
                f'"av":{instrument.day_volume:.0f},"op":{instrument.day_open:.{d}f},'
                f'"vw":{average:.4f},"o":{opened},{prices},"a":{average:.4f},'
                f'"z":{max(1, int(bar.volume / max(1, bar.trades)))},'
                f'"s":{bar.start_ms},"e":{end_ms}}}'
            )
        case "indices":
            event = (
                f'{{"ev":"{channel}","sym":"{instrument.symbol}",'
                f'"op":{instrument.day_open:.{d}f},"o":{opened},{prices},'
                f'"s":{bar.start_ms},"e":{end_ms}}}'
            )
        case "crypto":
            size = f"{bar.volume:.8f}"
            event = (
                f'{{"ev":"{channel}","pair":"{instrument.symbol}","v":{size},'
                f'"vw":{average:.4f},"z":{bar.trades},"o":{opened},{prices},'
                f'"s":{bar.start_ms},"e":{end_ms}}}'
            )
        case "forex":
            size = str(bar.trades)
            event = (
                f'{{"ev":"{channel}","pair":"{instrument.symbol}","o":{opened},{prices},'
                f'"v":{size},"s":{bar.start_ms},"e":{end_ms}}}'
            )
    close = f"{bar.close:.{d}f}"
    tail = _tail(_BAR, instrument, bar.start_ms, price=close, size=size)
    return EventText(event, _BAR, tail, bar.close, bar.volume)
