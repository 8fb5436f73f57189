"""cryptofeed's PostgreSQL backend, where it is installed, on the same frames and PostgreSQL.

It is an extra of the benchmark (``pip install 'hadron[bench]'``) and of nothing else. Its own
types and its own writers are used as its examples do; only the reading of Kalshi's frames, which it
does not know, is ours, and leaves out whatever it would not store.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.bench.frames import batches
from hadron_tasks.bench.measure import Figure
from hadron_tasks.bench.services import Services
from hadron_tasks.raw_stream import RawFrame

A_TURN = 1000
"""Frames between two turns of its writers: they store in one statement what waits by then."""
_PATIENCE_S = 120.0
_HEAD = "id serial PRIMARY KEY, timestamp timestamp, receipt timestamp, exchange text, symbol text"
_TABLES = {
    "bench_cf_ticker": f"{_HEAD}, bid numeric, ask numeric",
    "bench_cf_trades": f"{_HEAD}, side text, amount numeric, price numeric, trade text, type text",
    "bench_cf_book": f"{_HEAD}, data jsonb",
}
_EXCHANGE = "KALSHI"


def is_installed() -> bool:
    """Whether there is anything to compare with."""
    return all(find_spec(name) is not None for name in ("asyncpg", "cryptofeed"))


def make_tables(services: Services) -> None:
    """The tables that its writers expect, empty."""
    with services.connect() as connection, connection, connection.cursor() as cursor:
        for name, columns in _TABLES.items():
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.execute(f"CREATE TABLE {name} ({columns})")


def store(figure: Figure, services: Services, frames: Sequence[RawFrame]) -> None:
    """From frames in memory to committed rows, in this process.

    Raises:
        TimeoutError: The rows did not appear.
    """
    with services.connect() as connection:
        address = connection.get_dsn_parameters()
        already = _stored(connection)
        with figure.timing(len(frames)):
            asyncio.run(_store(address, frames, connection, already + len(frames)))


async def _store(
    address: dict[str, str], frames: Sequence[RawFrame], connection: PgConnection, wanted: int
) -> None:
    from cryptofeed.backends.postgres import BookPostgres, TickerPostgres, TradePostgres

    where = {
        "host": address["host"],
        "port": int(address["port"]),
        "user": address["user"],
        "db": address["dbname"],
    }
    tickers = TickerPostgres(table="bench_cf_ticker", **where)
    trades = TradePostgres(table="bench_cf_trades", **where)
    # Its default writes the whole book again after a thousand changes of it: not here.
    books = BookPostgres(table="bench_cf_book", snapshot_interval=10**9, **where)
    writers = {"ticker": tickers, "trade": trades}
    loop = asyncio.get_running_loop()
    for writer in (tickers, trades, books):
        writer.start(loop)
    for some in batches(frames, A_TURN):
        for frame in some:
            kind, what = _read(frame)
            await writers.get(kind, books)(what, frame.received_ns / 1e9)
        await asyncio.sleep(0)
    deadline = time.monotonic() + _PATIENCE_S
    while _stored(connection) < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError("cryptofeed's writers did not store all frames.")
        await asyncio.sleep(0.01)
    for writer in (tickers, trades, books):
        await writer.stop()
    await asyncio.sleep(0.05)
    for writer in (tickers, trades, books):
        if writer.conn is not None:
            await writer.conn.close()


def _read(frame: RawFrame) -> tuple[str, Any]:
    from cryptofeed.types import OrderBook, Ticker, Trade

    document = json.loads(frame.data)
    kind, message = document["type"], document["msg"]
    symbol = message["market_ticker"]
    at = message.get("ts_ms", frame.received_ns / 1e6) / 1000
    if kind == "ticker":
        bid, ask = Decimal(message["yes_bid_dollars"]), Decimal(message["yes_ask_dollars"])
        return kind, Ticker(_EXCHANGE, symbol, bid, ask, at)
    if kind == "trade":
        size, price = Decimal(message["count_fp"]), Decimal(message["yes_price_dollars"])
        side = message["taker_side"]
        return kind, Trade(_EXCHANGE, symbol, side, size, price, at, id=message["trade_id"])
    if kind == "orderbook_delta":
        level = (Decimal(message["price_dollars"]), Decimal(message["delta_fp"]))
        book = OrderBook(_EXCHANGE, symbol, bids={}, asks={})
        is_bid = message["side"] == "yes"
        book.delta = {"bid": [level] if is_bid else [], "ask": [] if is_bid else [level]}
    else:
        yes, no = message["yes_dollars_fp"], message["no_dollars_fp"]
        bids = {Decimal(price): Decimal(size) for price, size in yes}
        asks = {1 - Decimal(price): Decimal(size) for price, size in no}
        book = OrderBook(_EXCHANGE, symbol, bids=bids, asks=asks)
    book.timestamp = at
    return kind, book


def _stored(connection: PgConnection) -> int:
    counts = " + ".join(f"(SELECT count(*) FROM {name})" for name in _TABLES)  # noqa: S608
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}")
        ((count,),) = cursor.fetchall()
    return int(count)
