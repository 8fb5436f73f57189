"""A trade of Polygon is one row, whether the WebSocket told it, or REST, or both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from random import Random
from typing import Any

import jiter
import psycopg2
import pytest
from factories import INSTRUMENT
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.store.partitions import KnownPartitions
from hadron_tasks.store.tick_rows import rows_of
from hadron_tasks.store.ticks import write_ticks
from hadron_tasks.tick import HadronTick, TickType
from hadron_tasks.venues.polygon.normalise import normalise
from hadron_tasks.venues.polygon.rest_models import Trade
from hadron_tasks.venues.polygon.rest_trades import tick_of, ticks_of
from streamer.simulator.polygon_forms import coin_trade, stock_trade
from streamer.simulator.polygon_rest_views import trade_body
from streamer.simulator.underlyings import make_underlyings

NOON_MS = 1_795_262_400_000  # 2026-11-21 12:00:00 UTC
RECEIVED_NS = NOON_MS * 1_000_000 + 7
ASKED_NS = RECEIVED_NS + 3_600 * 10**9

TOLD = {
    "stock": (
        {"ev": "T", "sym": "AAPL", "x": 11, "i": "52983525029461", "z": 3, "p": 171.55, "s": 100}
        | {"c": [12, 41], "t": NOON_MS, "q": 1063},
        "AAPL",
        {"conditions": [12, 41], "exchange": 11, "id": "52983525029461", "price": 171.55}
        | {"size": 100, "tape": 3, "sequence_number": 1063}
        | {"sip_timestamp": NOON_MS * 10**6 + 36_600, "participant_timestamp": NOON_MS * 10**6 - 5},
    ),
    "off exchange": (
        {"ev": "T", "sym": "AAPL", "x": 4, "i": "1060", "z": 3, "p": 122.6233, "s": 400}
        | {"t": NOON_MS, "q": 195469, "trfi": 202, "trft": NOON_MS - 1},
        "AAPL",
        {"exchange": 4, "id": "1060", "price": 122.6233, "size": 400, "tape": 3, "trf_id": 202}
        | {"trf_timestamp": NOON_MS * 10**6 - 10**6, "sequence_number": 195469}
        | {"sip_timestamp": NOON_MS * 10**6 + 977_051},
    ),
    "crypto": (
        {"ev": "XT", "pair": "BTC-USD", "p": 33021.9, "t": NOON_MS, "s": 0.01616617, "c": [2]}
        | {"i": 14272084, "x": 3, "r": NOON_MS + 11},
        "X:BTC-USD",
        {"conditions": [2], "exchange": 3, "id": "14272084", "price": 33021.9}
        | {"size": 0.01616617, "participant_timestamp": NOON_MS * 10**6},
    ),
}
"""A trade as an event, and the same in the REST API's answer for a ticker."""


def by_websocket(event: dict[str, Any] | str) -> HadronTick:
    text = event if isinstance(event, str) else json.dumps(event)
    into = Normalised()
    normalise(f"[{text}]".encode(), RECEIVED_NS, into)
    (tick,) = into.ticks
    return tick


def read(body: dict[str, Any]) -> Trade:
    """A trade as the client decodes it."""
    return Trade.model_validate(jiter.from_json(json.dumps(body).encode(), float_mode="decimal"))


def by_rest(ticker: str, body: dict[str, Any]) -> HadronTick:
    return tick_of(ticker, read(body), ASKED_NS)


def assert_is_the_same(heard: HadronTick, asked: HadronTick) -> None:
    for name in ("venue", "ticker", "tick_type", "event_key", "trade_key", "price", "size"):
        assert getattr(heard, name) == getattr(asked, name), name
    assert heard.trade_key is not None
    assert heard.event_us // 1000 == asked.event_us // 1000
    assert heard.sequence == asked.sequence
    assert (heard.metadata or {}).keys() <= {*(asked.metadata or {}), "vendor_received_ms"}
    for name in ("trade_id", "exchange", "tape", "conditions", "trf_id"):
        assert (heard.metadata or {}).get(name) == (asked.metadata or {}).get(name), name
    assert (asked.metadata or {})["source"] == "rest"


@pytest.mark.parametrize("kind", TOLD)
def test_it_is_the_same_trade(kind: str) -> None:
    event, ticker, body = TOLD[kind]
    assert_is_the_same(by_websocket(event), by_rest(ticker, body))


@given(st.sampled_from(["AAPL", "X:BTC-USD", "X:SOL-USD"]), st.integers(0, 2**32))
def test_the_simulated_exchange_tells_the_same_trade_both_ways(ticker: str, seed: int) -> None:
    instrument = make_underlyings(seed)[ticker]
    make = stock_trade if ticker == "AAPL" else coin_trade
    made = make(instrument, NOON_MS + seed % 100_000, Random(seed))
    assert made.trade is not None
    assert_is_the_same(by_websocket(made.text), by_rest(ticker, trade_body(instrument, made.trade)))


def test_what_else_rest_says_is_kept() -> None:
    _, ticker, body = TOLD["stock"]
    tick = by_rest(ticker, body | {"correction": 1, "new_field": "x"})
    assert tick.received_ns == ASKED_NS
    assert tick.event_us == NOON_MS * 1000 + 36
    assert tick.metadata is not None
    assert tick.metadata["correction"] == 1
    assert tick.metadata["participant_time"] == NOON_MS * 10**6 - 5


# Without an id


OPTION = {"exchange": 46, "price": 6.91, "size": 1, "conditions": [209]} | {
    "sip_timestamp": NOON_MS * 10**6 + 5,
    "participant_timestamp": NOON_MS * 10**6,
}


def test_options_have_no_ids_and_alike_ones_stay_apart() -> None:
    trades = [read(OPTION) for _ in range(3)]
    trades.append(read(OPTION | {"size": 2}))
    ticks, rejected = ticks_of("O:SPY261219C00650000", trades, ASKED_NS)
    assert rejected == []
    assert {tick.trade_key for tick in ticks} == {None}
    assert len({tick.event_key for tick in ticks}) == 4
    again, _ = ticks_of("O:SPY261219C00650000", trades, ASKED_NS + 1)
    assert [tick.event_key for tick in again] == [tick.event_key for tick in ticks]


@pytest.mark.parametrize(
    "spoilt", [{"price": -1}, {"sip_timestamp": None, "participant_timestamp": None}, {"size": -5}]
)
def test_one_that_cannot_be_read_takes_no_other_with_it(spoilt: dict[str, Any]) -> None:
    bodies = [TOLD["stock"][2], TOLD["stock"][2] | spoilt, TOLD["off exchange"][2]]
    trades = [read(body) for body in bodies]
    ticks, rejected = ticks_of("AAPL", trades, ASKED_NS)
    assert [tick.metadata["trade_id"] for tick in ticks if tick.metadata] == [
        "52983525029461",
        "1060",
    ]
    assert len(rejected) == 1
    with pytest.raises(MalformedFrame):
        tick_of("AAPL", trades[1], ASKED_NS)


# In the database


@pytest.fixture
def connection(database_url: str) -> Iterator[PgConnection]:
    with closing(psycopg2.connect(database_url)) as opened:
        KnownPartitions().ensure(opened, [NOON_MS * 1000])
        yield opened


def _write(connection: PgConnection, ticks: list[HadronTick]) -> int:
    with connection, connection.cursor() as cursor:
        return write_ticks(cursor, rows_of((INSTRUMENT, tick) for tick in ticks))


@pytest.mark.parametrize("first", ["websocket", "rest", "both"])
def test_one_row_whichever_came_first(connection: PgConnection, first: str) -> None:
    for event, ticker, body in TOLD.values():
        heard, asked = by_websocket(event), by_rest(ticker, body)
        if first == "both":
            assert _write(connection, [asked, heard]) == 1
        else:
            pair = [heard, asked] if first == "websocket" else [asked, heard]
            assert [_write(connection, [tick]) for tick in pair] == [1, 0]
        assert _write(connection, [heard, asked]) == 0
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT tick_type, price, size, metadata->>'trade_id' FROM ticks")
        assert sorted(cursor.fetchall()) == sorted(
            (TickType.TRADE, Decimal(str(body["price"])), Decimal(str(body["size"])), body["id"])
            for _, _, body in TOLD.values()
        )
