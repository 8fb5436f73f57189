"""The simulated Polygon over real sockets: authentication, subscriptions, arrays, ledger."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from exchange_clients import Client, connected, polygon, run, said, said_by_polygon, send
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamer.simulator.ledger_file import read_ledger
from streamer.simulator.simulator import Simulator


async def events(client: Client, count: int) -> list[dict[str, Any]]:
    """The next data events, so many or a few more."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        found += await client.receive()
    return found


def test_a_wrong_key_is_told_and_closed(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with connected(f"{sim.polygon_ws_url}/stocks") as websocket:
            client = Client(websocket)
            assert await client.receive() == [
                {"ev": "status", "status": "connected", "message": "Connected Successfully"}
            ]
            await send(client, "subscribe", "T.AAPL")
            assert (await client.receive())[0]["status"] == "auth_required"
            await send(client, "auth", "wrong")
            assert (await client.receive())[0]["status"] == "auth_failed"
            with pytest.raises(ConnectionClosed):
                await client.receive()

    run(tmp_path, test)


def test_one_connection_a_key_and_asset_class(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with polygon(sim, "stocks") as first, polygon(sim, "crypto"):
            async with connected(f"{sim.polygon_ws_url}/stocks") as websocket:
                second = Client(websocket)
                await second.receive()
                await send(second, "auth", sim.config.polygon_api_key)
                assert (await second.receive())[0]["status"] == "max_connections"
                with pytest.raises(ConnectionClosed):
                    await second.receive()
            assert sim.stats.second_connections == 1
            assert sim.stats.open_at_most == {"polygon-stocks": 1, "polygon-crypto": 1}
            await send(first, "subscribe", "T.AAPL")
            assert (await first.receive())[0]["status"] == "success"

    run(tmp_path, test)


def test_only_asset_classes_have_a_path(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        with pytest.raises(InvalidStatus) as refusal:
            async with connected(f"{sim.polygon_ws_url}/bonds"):
                pass
        assert refusal.value.response.status_code == 404

    run(tmp_path, test)


def test_every_channel_is_answered(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with polygon(sim, "stocks") as client:
            await send(client, "subscribe", "T.MSFT, Q.*,XT.BTC-USD,nonsense,*")
            answers = await client.receive()
            assert [(a["status"], a["message"]) for a in answers] == [
                ("success", "subscribed to: T.MSFT"),
                ("success", "subscribed to: Q.*"),
                ("error", "not authorized to subscribe to: XT.BTC-USD"),
                ("error", "not authorized to subscribe to: nonsense"),
                ("success", "subscribed to: *"),
            ]
            await send(client, "dance", "T.MSFT")
            while True:
                message = await client.receive()
                if message[0]["ev"] == "status":
                    break
            assert message[0]["status"] == "error"

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("asset_class", "channel", "symbols"),
    [
        ("stocks", "T.MSFT", {"MSFT"}),
        ("stocks", "Q.AAPL", {"AAPL"}),
        ("indices", "V.I:SPX", {"I:SPX"}),
        ("crypto", "XT.BTC-USD", {"BTC-USD"}),
        ("crypto", "XQ.X:ETH-USD", {"ETH-USD"}),
        ("forex", "C.EUR/USD", {"EUR/USD"}),
        ("forex", "C.C:USD-JPY", {"USD/JPY"}),
        ("forex", "C.*", {"EUR/USD", "USD/JPY", "GBP/USD"}),
    ],
)
def test_only_what_was_asked_for_is_sent(
    tmp_path: Path, asset_class: str, channel: str, symbols: set[str]
) -> None:
    async def test(sim: Simulator) -> None:
        async with polygon(sim, asset_class, channel) as client:
            found = await events(client, 150)
            assert {e["ev"] for e in found} == {channel.partition(".")[0]}
            names = {e.get("sym") or e.get("pair") or e.get("T") or e.get("p") for e in found}
            assert names == symbols
            await send(client, "unsubscribe", channel)
            while (last := await client.receive())[0]["ev"] != "status":
                pass
            assert last[0]["message"] == f"unsubscribed to: {channel}"
            seen = len(client.frames)
            others = "crypto" if asset_class == "stocks" else "stocks"
            async with polygon(sim, others, "*") as other:
                await events(other, 300)
            await client.take_rest()
            assert client.frames[seen:] == []

    run(tmp_path, test)


def test_arrays_are_mixed_times_rise_and_the_ledger_holds_it_all(tmp_path: Path) -> None:
    frames: dict[str, list[bytes]] = {}
    wanted = {
        "stocks": ("T.*", "Q.*", "A.*", "T.AAPL"),
        "indices": ("V.*", "A.*"),
        "crypto": ("XT.*", "XQ.*", "XAS.*"),
        "forex": ("C.*",),
    }

    async def test(sim: Simulator) -> None:
        async with AsyncExitStack() as open_now:
            clients = {
                name: await open_now.enter_async_context(polygon(sim, name, *channels))
                for name, channels in wanted.items()
            }
            frames.update((name, client.frames) for name, client in clients.items())
            reading = [asyncio.create_task(client.take(10**9)) for client in clients.values()]
            while sim.stats.total_sent() <= 5000 or not any(map(_has_bar, frames["stocks"])):
                await asyncio.sleep(0.02)
            await sim.pause()
            for one in reading:
                one.cancel()
            ended = await asyncio.gather(*reading, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended
            for client in clients.values():
                await client.take_rest()

    sim = run(tmp_path, test, rate=4000.0)
    received = {
        name: [s for f in ours for s in said_by_polygon(f)] for name, ours in frames.items()
    }
    ledger = read_ledger(sim.ledger_path)
    for name in wanted:
        sent = [said(line) for line in ledger if line.connection.startswith(f"polygon-{name}#")]
        assert received[name] == sent
    assert sum(map(len, received.values())) > 5000
    kinds = Counter(one[0] for ours in received.values() for one in ours)
    assert set(kinds) == {"trade", "quote", "bar", "index_value"}
    arrays = [json.loads(frame) for frame in frames["stocks"]]
    assert any(len({e["ev"] for e in array}) > 1 for array in arrays), "mixed"
    assert any(len(array) == 1 for array in arrays)
    everything = [one for ours in received.values() for one in ours if one[0] != "bar"]
    stamped = [(one[1], one[2]) for one in everything]
    assert len(set(stamped)) == len(stamped), "no instrument states a time twice"
    bars = [(one[1], one[2]) for one in received["stocks"] if one[0] == "bar"]
    assert len(set(bars)) == len(bars) > 0


def _has_bar(frame: bytes) -> bool:
    return b'"ev":"A"' in frame


def test_bars_sum_up_their_trades(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with polygon(sim, "crypto", "XT.BTC-USD", "XAS.BTC-USD") as client:
            found: list[dict[str, Any]] = []
            while sum(e["ev"] == "XAS" for e in found) < 3:
                found += await client.receive()
            for bar in [e for e in found if e["ev"] == "XAS"][1:]:  # the first began before us
                inside = [e for e in found if e["ev"] == "XT" and bar["s"] <= e["t"] < bar["e"]]
                assert bar["z"] == len(inside)
                assert bar["v"] == pytest.approx(sum(e["s"] for e in inside), abs=1e-6)
                assert bar["o"] == inside[0]["p"]
                assert bar["c"] == inside[-1]["p"]
                assert bar["h"] == max(e["p"] for e in inside)
                assert bar["l"] == min(e["p"] for e in inside)

    run(tmp_path, test, rate=300.0)


def test_kalshi_markets_settle_on_what_polygon_sends(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        btc = sim.polygon.instruments["X:BTC-USD"]
        ladder = [m for m in sim.kalshi.open_markets if m.ticker.startswith("KXBTCD-")]
        assert ladder
        assert all(m.terms.latent is btc.latent for m in ladder)
        async with polygon(sim, "crypto", "XT.BTC-USD") as client:
            await events(client, 50)
            await sim.pause()
            await client.take_rest()
            last = json.loads(client.frames[-1])[-1]["p"]
            assert last == pytest.approx(btc.latent.value, rel=0.01)

    run(tmp_path, test, markets=200)
