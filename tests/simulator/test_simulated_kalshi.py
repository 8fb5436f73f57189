"""The simulated Kalshi over real sockets: handshake, commands, heartbeats, goodbyes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from exchange_clients import PATH, WITHIN_S, connected, kalshi, run, said, said_by_kalshi, signer
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from hadron_tasks.venues.kalshi.signing import KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from streamer.simulator.config import SimulatorConfig
from streamer.simulator.ledger_file import read_ledger
from streamer.simulator.simulator import Simulator


async def refused_with(sim: Simulator, headers: Mapping[str, str], path: str = PATH) -> int:
    url = sim.kalshi_ws_url.replace(PATH, path)
    with pytest.raises(InvalidStatus) as refusal:
        async with connected(url, additional_headers=dict(headers)):
            pass
    return refusal.value.response.status_code


def test_only_signed_handshakes_are_admitted(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        first, second = (signer(key) for key in sim.keys)
        good = first.headers("GET", PATH)
        async with connected(sim.kalshi_ws_url, additional_headers=good):
            pass
        old = int(time.time() * 1000) - 60_000
        bad: dict[str, Mapping[str, str]] = {
            "no headers": {},
            "unknown key": good | {KEY_HEADER: "somebody"},
            "another key's signature": second.headers("GET", PATH) | {KEY_HEADER: good[KEY_HEADER]},
            "another path signed": first.headers("GET", "/trade-api/v2/markets"),
            "another method signed": first.headers("POST", PATH),
            "a minute old": first.headers("GET", PATH, old),
            "no number as time": good | {TIMESTAMP_HEADER: "soon"},
            "no base64": good | {SIGNATURE_HEADER: "!"},
        }
        for what, headers in bad.items():
            assert await refused_with(sim, headers) == 401, what
        assert sum(sim.stats.refused.values()) == len(bad)
        assert await refused_with(sim, good, "/trade-api/ws/v1") == 404

    run(tmp_path, test, keys=2)


def test_one_connection_a_key(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim, 1) as first, kalshi(sim, 2):
            assert await refused_with(sim, signer(sim.keys[0]).headers("GET", PATH)) == 429
            assert sim.stats.second_connections == 1
            assert sim.stats.open_now == {"kalshi-1": 1, "kalshi-2": 1}
            await first.command("list_subscriptions")
            assert (await first.receive())["type"] == "ok"
        async with asyncio.timeout(WITHIN_S):
            while sim.connections():
                await asyncio.sleep(0.01)
        async with kalshi(sim, 1):
            pass
        assert sim.stats.open_at_most == {"kalshi-1": 1, "kalshi-2": 1}
        assert sim.stats.second_connections == 1

    run(tmp_path, test, keys=2)


def error(code: int) -> Any:
    def check(message: Any) -> bool:
        return bool(message.get("type") == "error" and message["msg"]["code"] == code)

    return check


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("not json", 1),
        ("[1]", 1),
        ('{"id":1,"cmd":"subscribe"}', 2),
        ('{"id":1,"cmd":"subscribe","params":{"market_tickers":["A"]}}', 3),
        ('{"id":1,"cmd":"subscribe","params":{"channels":[]}}', 3),
        ('{"id":1,"cmd":"unsubscribe","params":{"sid":1}}', 4),
        ('{"id":1,"cmd":"update_subscription","params":{"action":"add_markets"}}', 4),
        ('{"id":1,"cmd":"shout","params":{}}', 5),
        ('{"id":1}', 5),
        ('{"id":1,"cmd":"unsubscribe","params":{"sids":[99]}}', 7),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["trades"]}}', 8),
        ('{"id":1,"cmd":"subscribe","params":{"channels":"ticker"}}', 11),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["ticker"],"market_tickers":[7]}}', 11),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["ticker"],"market_tickers":[]}}', 11),
        ('{"id":1,"cmd":"unsubscribe","params":{"sids":["one"]}}', 11),
        ('{"id":1,"cmd":"update_subscription","params":{"sids":[1,2]}}', 12),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":1,"sids":[1]}}', 12),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":1,"action":"burn"}}', 13),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["orderbook_delta"]}}', 14),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":1,"action":"add_markets"}}', 14),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":1}}', 15),
        (
            '{"id":1,"cmd":"subscribe","params":{"channels":["communications"],"shard_factor":0}}',
            19,
        ),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["communications"],"shard_key":1}}', 20),
        (
            '{"id":1,"cmd":"subscribe","params":{"channels":["communications"],'
            '"shard_factor":2,"shard_key":2}}',
            21,
        ),
        (
            '{"id":1,"cmd":"subscribe","params":{"channels":["communications"],'
            '"shard_factor":101,"shard_key":2}}',
            22,
        ),
        (
            '{"id":1,"cmd":"subscribe","params":{"channels":["orderbook_delta"],'
            '"market_tickers":["A","B","C","D","E","F"]}}',
            26,
        ),
        (
            '{"id":1,"cmd":"update_subscription","params":{"sid":1,"action":"add_markets",'
            '"market_tickers":["A","B","C","D","E","F"]}}',
            26,
        ),
    ],
)
def test_wrong_commands_get_the_documented_code(tmp_path: Path, sent: str, code: int) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            assert await client.subscribe("ticker", market_tickers=["KXNONE-1"]) == [1]
            await client.websocket.send(sent)
            answer = await client.until(lambda m: m["type"] == "error")
            assert answer["msg"]["code"] == code
            assert answer["msg"]["msg"]
            assert answer.get("id") == (1 if sent.startswith("{") else None)
            await client.command("list_subscriptions")
            listed = await client.until(lambda m: m["type"] == "ok")
            assert listed["msg"] == [{"channel": "ticker", "sid": 1}], "the connection goes on"

    run(tmp_path, test, subscription_market_limit=5)


def test_too_many_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time_ns=time.time_ns)
    monkeypatch.setattr("streamer.simulator.kalshi_server.time", clock)

    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            for _ in range(6):
                await client.command("list_subscriptions")
            answers = [await client.receive() for _ in range(6)]
            assert [a["type"] for a in answers] == ["ok"] * 5 + ["error"]
            assert answers[-1]["msg"]["code"] == 27
            now[0] += 1.01
            await client.command("list_subscriptions")
            assert (await client.receive())["type"] == "ok"

    run(tmp_path, test, commands_per_second=5)


def test_each_channel_is_answered_for_itself(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            channels = ["ticker", "nonsense", "trade", "orderbook_delta", "market_lifecycle_v2"]
            await client.command("subscribe", channels=channels)
            answers: list[Any] = []
            while len(answers) < 5:
                answers.append(await client.until(lambda m: m["type"] in ("subscribed", "error")))
            assert [a["msg"].get("channel", a["msg"].get("code")) for a in answers] == [
                "ticker",
                8,
                "trade",
                14,
                "market_lifecycle_v2",
            ]
            assert [a["msg"]["sid"] for a in answers if "sid" in a["msg"]] == [1, 2, 3]

    run(tmp_path, test)


class PingCounter(ClientConnection):
    """A client that notes the pings it was sent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pings: list[bytes] = []

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pings.append(bytes(event.data))
        super().process_event(event)


def test_heartbeats(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim, create_connection=PingCounter) as client:
            assert isinstance(client.websocket, PingCounter)
            # Where nobody asks for a pace, ten take longer than that.
            async with asyncio.timeout(9 * SimulatorConfig(tmp_path).heartbeat_s):
                while len(client.websocket.pings) < 10:
                    await asyncio.sleep(0.01)
            assert set(client.websocket.pings) == {b"heartbeat"}

    run(tmp_path, test, heartbeat_s=0.07)


class Silent(ClientConnection):
    """A client whose machine has gone: it answers nothing."""

    def data_received(self, data: bytes) -> None:
        if self.response is None:
            super().data_received(data)


def test_a_client_that_answers_no_ping_is_cut_off(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        headers = signer(sim.keys[0]).headers("GET", PATH)
        websocket = await connected(
            sim.kalshi_ws_url, additional_headers=headers, create_connection=Silent
        )
        async with asyncio.timeout(WITHIN_S):
            while sim.connections():
                await asyncio.sleep(0.02)
        assert sim.stats.connected["kalshi"] == 1
        await websocket.close()

    run(tmp_path, test, heartbeat_s=0.1)


def test_stopping_says_goodbye(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("ticker")
            stopping = asyncio.create_task(sim.stop())
            with pytest.raises(ConnectionClosed) as closed:
                await client.until(lambda _message: False)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            await stopping
            received = [one for frame in client.frames for one in said_by_kalshi(frame)]
            assert received == [said(line) for line in read_ledger(sim.ledger_path)]

    async def whole() -> None:
        sim = Simulator(SimulatorConfig(data_dir=tmp_path, keys=1, markets=20))
        await sim.start()
        async with asyncio.timeout(3 * WITHIN_S):
            await test(sim)

    asyncio.run(whole())


def test_a_slow_client_is_told_that_its_buffer_overflowed(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim, max_queue=1) as client:
            await client.subscribe("ticker")
            async with asyncio.timeout(WITHIN_S):
                while not sim.stats.closed_as_slow:
                    await asyncio.sleep(0.05)
            ended = await client.until(error(25))
            assert ended["sid"] == 1
            await client.subscribe("ticker")

    run(tmp_path, test, rate=0.0, slow_client_after_s=0.3)
