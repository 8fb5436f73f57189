"""Clients that others wrote for the real exchanges work against the simulated ones."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import pykalshi
import pytest
from exchange_clients import WITHIN_S, run
from massive import WebSocketClient
from massive.exceptions import AuthError
from massive.websocket.models import (
    CryptoTrade,
    EquityAgg,
    EquityQuote,
    EquityTrade,
    ForexQuote,
    IndexValue,
)
from pykalshi.feed import (
    MarketLifecycleMessage,
    OrderbookDeltaMessage,
    OrderbookSnapshotMessage,
    TickerMessage,
    TradeMessage,
)
from pykalshi.orderbook import OrderbookManager

from streamer.simulator.ledger_file import read_ledger
from streamer.simulator.simulator import Simulator


async def massive_received(
    sim: Simulator, market: str, subscriptions: list[str], kinds: set[type], key: str = ""
) -> list[Any]:
    """What the vendor's own client parsed, until it has seen messages of all ``kinds``."""
    client = WebSocketClient(
        api_key=key or sim.config.polygon_api_key,
        feed=sim.polygon_ws_url.removeprefix("ws://"),
        market=market,
        subscriptions=subscriptions,
        secure=False,
        max_reconnects=0,
    )
    received: list[Any] = []
    complete = asyncio.Event()

    async def take(messages: list[Any]) -> None:
        received.extend(messages)
        if {type(m) for m in received} >= kinds and len(received) > 100:
            complete.set()

    reading = asyncio.create_task(client.connect(take))
    waiting = asyncio.create_task(complete.wait())
    done, _ = await asyncio.wait(
        {reading, waiting}, timeout=WITHIN_S, return_when="FIRST_COMPLETED"
    )
    if reading in done:
        waiting.cancel()
        reading.result()
    assert complete.is_set(), f"only { ({type(m) for m in received}) }"
    await client.close()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return received


@pytest.mark.parametrize(
    ("market", "subscriptions", "kinds"),
    [
        ("stocks", ["T.*", "Q.*", "A.*"], {EquityTrade, EquityQuote, EquityAgg}),
        ("indices", ["V.*"], {IndexValue}),
        ("crypto", ["XT.BTC-USD"], {CryptoTrade}),
        ("forex", ["C.*"], {ForexQuote}),
    ],
)
def test_massive_receives_parsed_messages(
    tmp_path: Path, market: str, subscriptions: list[str], kinds: set[type]
) -> None:
    received: list[Any] = []

    async def test(sim: Simulator) -> None:
        received.extend(await massive_received(sim, market, subscriptions, kinds))

    sim = run(tmp_path, test)
    ledger = read_ledger(sim.ledger_path)
    if market == "stocks":
        trades = [m for m in received if isinstance(m, EquityTrade)]
        sent = {line.trade_id: line for line in ledger if line.kind == "trade"}
        for trade in trades:
            assert trade.symbol == sent[trade.id].ticker
            assert trade.price == float(sent[trade.id].price or 0)
            assert trade.size == int(sent[trade.id].size or 0)
            assert trade.timestamp == (sent[trade.id].event_us or 0) // 1000
    for message in received:
        assert None not in (getattr(message, "timestamp", 0), getattr(message, "price", 0))


def test_massive_is_told_that_its_key_is_wrong(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        with pytest.raises(AuthError):
            await massive_received(sim, "stocks", ["T.*"], set(), key="wrong")

    run(tmp_path, test)


def pykalshi_received(url: str, key_id: str, key_path: Path, tickers: list[str]) -> dict[str, Any]:
    """What pykalshi's feed parsed, until it has enough of everything."""
    client = pykalshi.KalshiClient(api_key_id=key_id, private_key_path=str(key_path))
    feed = client.feed()
    feed._ws_url = url  # it has no option for the address
    received: dict[str, list[Any]] = defaultdict(list)
    complete = threading.Event()

    def taker(channel: str) -> Any:
        def take(message: Any) -> None:
            received[channel].append(message)
            if (
                all(len(received[c]) >= 30 for c in ("ticker", "trade", "orderbook_delta"))
                and received["market_lifecycle_v2"]
            ):
                complete.set()

        return take

    for channel in ("ticker", "trade", "orderbook_delta", "market_lifecycle_v2", "error"):
        feed.on(channel, taker(channel))
    feed.subscribe("ticker")
    feed.subscribe("trade")
    feed.subscribe("market_lifecycle_v2")
    feed.subscribe("orderbook_delta", market_tickers=tickers)
    feed.start()
    try:
        assert feed._connected.wait(WITHIN_S)  # it gives up waiting after ten seconds
        assert complete.wait(WITHIN_S), {name: len(all_) for name, all_ in received.items()}
    finally:
        feed.stop()
        client.close()
    assert feed.reconnect_count == 0
    return received


def test_pykalshi_receives_parsed_messages(tmp_path: Path) -> None:
    received: dict[str, Any] = {}

    async def test(sim: Simulator) -> None:
        key = sim.keys[0]
        tickers = [market.ticker for market in sim.kalshi.open_markets][:20]
        received.update(
            await asyncio.to_thread(
                pykalshi_received, sim.kalshi_ws_url, key.key_id, key.private_key_path, tickers
            )
        )

    sim = run(tmp_path, test, rate=1500.0, lifecycle_every_s=0.5)
    assert received.get("error", []) == []
    assert {type(m) for m in received["ticker"]} == {TickerMessage}
    assert {type(m) for m in received["trade"]} == {TradeMessage}
    assert {type(m) for m in received["market_lifecycle_v2"]} == {MarketLifecycleMessage}
    assert {type(m) for m in received["orderbook_delta"]} == {
        OrderbookSnapshotMessage,
        OrderbookDeltaMessage,
    }
    sent = {line.trade_id for line in read_ledger(sim.ledger_path) if line.kind == "trade"}
    assert {m.trade_id for m in received["trade"]} <= sent
    books: dict[str, OrderbookManager] = {}
    for message in received["orderbook_delta"]:
        book = books.setdefault(message.market_ticker, OrderbookManager(message.market_ticker))
        if isinstance(message, OrderbookSnapshotMessage):
            book.apply_snapshot(message.yes_dollars, message.no_dollars)
        else:
            book.apply_delta(message.side, message.price_dollars, message.delta_fp)
    for book in books.values():
        if book.best_bid is not None and book.best_ask is not None:
            assert float(book.best_bid) < float(book.best_ask)
    assert sim.stats.second_connections == 0
