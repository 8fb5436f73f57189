"""The simulated Kalshi over real sockets: handshake, commands, sequences, books, ledger."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from exchange_clients import PATH, kalshi, run, said, said_by_kalshi, signer
from simulator.rest_requests import Asker
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from hadron_tasks.venues.kalshi.signing import KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from streamer.simulator.config import KalshiMix, SimulatorConfig
from streamer.simulator.ledger_file import read_ledger
from streamer.simulator.simulator import Simulator


def market_tickers(sim: Simulator) -> list[str]:
    return [market.ticker for market in sim.kalshi.open_markets]


async def refused_with(sim: Simulator, headers: Mapping[str, str], path: str = PATH) -> int:
    url = sim.kalshi_ws_url.replace(PATH, path)
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(url, additional_headers=dict(headers)):
            pass
    return refusal.value.response.status_code


def test_only_signed_handshakes_are_admitted(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        first, second = (signer(key) for key in sim.keys)
        good = first.headers("GET", PATH)
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
        async with connect(sim.kalshi_ws_url, additional_headers=good):
            pass

    run(tmp_path, test, keys=2)


def test_one_connection_a_key(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim, 1) as first, kalshi(sim, 2):
            assert await refused_with(sim, signer(sim.keys[0]).headers("GET", PATH)) == 429
            assert sim.stats.second_connections == 1
            assert sim.stats.open_now == {"kalshi-1": 1, "kalshi-2": 1}
            await first.command("list_subscriptions")
            assert (await first.receive())["type"] == "ok"
        async with asyncio.timeout(5):
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


def test_too_many_commands(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            for _ in range(6):
                await client.command("list_subscriptions")
            answers = [await client.receive() for _ in range(6)]
            assert [a["type"] for a in answers] == ["ok"] * 5 + ["error"]
            assert answers[-1]["msg"]["code"] == 27

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


class Follower:
    """Follows sequence numbers and books as a careful client would."""

    def __init__(self) -> None:
        self.last_seq: dict[int, int] = {}
        self.books: dict[str, dict[str, dict[str, float]]] = {}
        self.counts: dict[str, int] = defaultdict(int)

    def take(self, frame: bytes) -> None:
        message = json.loads(frame)
        kind = message["type"]
        self.counts[kind] += 1
        if "seq" in message:
            expected = self.last_seq.get(message["sid"], 0) + 1
            assert message["seq"] == expected, f"a hole before {message}"
            self.last_seq[message["sid"]] = expected
        else:
            assert kind in ("ticker", "subscribed", "error") or "sid" not in message
        body = message.get("msg")
        if kind == "orderbook_snapshot":
            book = {
                side: {price: float(size) for price, size in body.get(f"{side}_dollars_fp", [])}
                for side in ("yes", "no")
            }
            before = self.books.get(body["market_ticker"])
            assert before in (None, book), "a later snapshot repeats what deltas have told"
            self.books[body["market_ticker"]] = book
        elif kind == "orderbook_delta":
            levels = self.books[body["market_ticker"]][body["side"]]
            size = round(levels.get(body["price_dollars"], 0.0) + float(body["delta_fp"]), 2)
            assert size >= 0
            levels[body["price_dollars"]] = size
            if size == 0:
                del levels[body["price_dollars"]]


def test_sequences_have_no_holes_books_add_up_and_the_ledger_holds_it_all(
    tmp_path: Path,
) -> None:
    frames: list[bytes] = []

    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            tickers = market_tickers(sim)
            await client.subscribe("ticker", "trade", "market_lifecycle_v2")
            await client.subscribe("orderbook_delta", market_tickers=tickers[:40])
            await client.take(3000)
            await client.command(
                "update_subscription", sid=4, action="add_markets", market_tickers=tickers[40:]
            )
            await client.take(2100)  # some of them answer the commands
            await sim.pause()
            await client.take_rest()
            frames.extend(client.frames)

    sim = run(tmp_path, test, lifecycle_every_s=0.4, rate=8000.0)
    follower = Follower()
    for frame in frames:
        follower.take(frame)
    assert follower.counts["market_lifecycle_v2"] > 0
    assert follower.counts["event_lifecycle"] > 0
    received = [one for frame in frames for one in said_by_kalshi(frame)]
    assert received == [said(line) for line in read_ledger(sim.ledger_path)]
    assert len(received) > 5000
    # Nothing repeats: what states a time states one that is its market's alone.
    stamped = [(one[1], one[2]) for one in received if one[2] is not None]
    assert len(set(stamped)) == len(stamped)


def test_the_mix_is_about_what_was_asked_for(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("ticker", "trade")
            await client.subscribe("orderbook_delta", market_tickers=market_tickers(sim))
            before = dict(sim.stats.sent["kalshi"])
            await client.take(6000)
            sent = sim.stats.sent["kalshi"]
            counts = {kind: sent[kind] - before.get(kind, 0) for kind in sent}
            total = sum(counts.values())
            assert counts["quote"] / total == pytest.approx(0.60, abs=0.04)
            assert counts["book_delta"] / total == pytest.approx(0.30, abs=0.04)
            assert counts["trade"] / total == pytest.approx(0.08, abs=0.02)
            assert counts["book_snapshot"] / total == pytest.approx(0.02, abs=0.01)

    run(tmp_path, test, rate=0.0, lifecycle_every_s=0.0)


def test_only_what_was_asked_for_is_sent(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        one, two, three = market_tickers(sim)[:3]
        async with kalshi(sim) as client:
            await asyncio.sleep(0.2)
            assert sim.stats.total_sent() == 0, "nobody has asked for anything"
            await client.subscribe("ticker", "trade", market_tickers=[one, two])
            await client.take(200)
            bodies = [json.loads(f)["msg"] for f in client.frames]
            assert {b["market_ticker"] for b in bodies if "market_ticker" in b} == {one, two}

            await client.command(
                "update_subscription", sids=[1], action="delete_markets", market_tickers=[two]
            )
            answer = await client.until(lambda m: m["type"] == "ok")
            assert answer["id"] == 1
            assert answer["sid"] == 1
            assert answer["seq"] == 1
            assert answer["msg"] == {"market_tickers": [one]}
            await client.command(
                "update_subscription", sid=2, action="add_markets", market_tickers=[three]
            )
            answer = await client.until(lambda m: m["type"] == "ok")
            trades = sum(json.loads(f)["type"] == "trade" for f in client.frames)
            assert answer["seq"] == trades + 1, "an answer takes a number of its sid"
            assert answer["msg"] == {"market_tickers": sorted([one, two, three])}
            seen = len(client.frames)
            await client.take(300)
            later = [json.loads(f) for f in client.frames[seen:]]
            assert {m["msg"]["market_ticker"] for m in later if m["type"] == "ticker"} == {one}
            assert {m["msg"]["market_ticker"] for m in later if m["type"] == "trade"} == {
                one,
                two,
                three,
            }

            await client.command("unsubscribe", sids=[1, 2])
            answers = [await client.until(lambda m: m["type"] == "unsubscribed") for _ in "12"]
            assert [a["sid"] for a in answers] == [1, 2]
            assert all("seq" in a and a["id"] == 1 for a in answers)
            seen = len(client.frames)
            await client.take_rest()
            assert client.frames[seen:] == []

    run(tmp_path, test)


def test_a_book_comes_whole_first_and_again_when_asked_for(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        one, two = market_tickers(sim)[:2]
        async with kalshi(sim) as client:
            await client.subscribe("orderbook_delta", market_tickers=[one, two])
            first = [await client.receive() for _ in range(2)]
            assert [m["type"] for m in first] == ["orderbook_snapshot"] * 2
            assert {m["msg"]["market_ticker"] for m in first} == {one, two}
            assert [m["seq"] for m in first] == [1, 2]
            await sim.pause()
            await client.take_rest()
            await client.command(
                "update_subscription", sid=1, action="get_snapshot", market_tickers=[two]
            )
            answer, snapshot = await client.receive(), await client.receive()
            assert answer["type"] == "ok"
            assert answer["msg"]["market_tickers"] == sorted([one, two])
            assert snapshot["type"] == "orderbook_snapshot"
            assert snapshot["msg"]["market_ticker"] == two
            assert snapshot["seq"] == answer["seq"] + 1

    run(tmp_path, test, mix=KalshiMix(snapshot=0.0))


def test_rest_tells_the_books_that_the_websocket_told(tmp_path: Path) -> None:
    def told_by_rest(sim: Simulator, tickers: list[str]) -> dict[str, Any]:
        answer = Asker(sim).ask("/markets/orderbooks", tickers=tickers)
        return {
            one["ticker"]: {
                side: {price: float(size) for price, size in one["orderbook_fp"][f"{side}_dollars"]}
                for side in ("yes", "no")
            }
            for one in answer["orderbooks"]
        }

    async def test(sim: Simulator) -> None:
        follower = Follower()
        async with kalshi(sim) as client:
            tickers = market_tickers(sim)
            await client.subscribe("ticker", "trade")
            await client.subscribe("orderbook_delta", market_tickers=tickers)
            for _ in range(3):
                await client.take(800)
                await sim.pause()
                await client.take_rest()
                for frame in client.frames:
                    follower.take(frame)
                client.frames.clear()
                assert await asyncio.to_thread(told_by_rest, sim, tickers) == follower.books
                sim.resume()
        assert follower.counts["orderbook_delta"] > 500

    run(tmp_path, test, mix=KalshiMix(snapshot=0.5), lifecycle_every_s=0, rest_capacity=1000)


def test_a_market_named_before_it_opens_tells_its_book_when_it_does(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim, 1) as first, kalshi(sim, 2) as early:
            await first.subscribe("market_lifecycle_v2")
            created = await first.until(lambda m: _is(m, "created"))
            # Settled events make room for others of the same name with another date; to name one
            # beforehand, take one that is listed, and list it once more.
            ticker = created["msg"]["market_ticker"]
            market = sim.kalshi.markets[ticker]
            sim.kalshi.close_market(market)
            await early.subscribe("orderbook_delta", market_tickers=[ticker])
            await early.take_rest()
            assert len(early.frames) == 1
            sim.kalshi.list_event(market.event)
            message = await early.receive()
            assert message["type"] == "orderbook_snapshot"
            assert message["msg"]["market_ticker"] == ticker

    run(tmp_path, test, keys=2, lifecycle_every_s=0.5, mix=KalshiMix(snapshot=0.0))


def test_an_initial_quote_of_every_market(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        await sim.pause()
        async with kalshi(sim) as client:
            await client.subscribe("ticker", send_initial_snapshot=True)
            await client.take(60)
            tickers = [json.loads(f)["msg"]["market_ticker"] for f in client.frames[1:]]
            assert sorted(tickers) == sorted(market_tickers(sim))

    run(tmp_path, test)


def test_markets_close_settle_and_make_room_for_new_ones(tmp_path: Path) -> None:
    told: list[Any] = []

    async def test(sim: Simulator) -> None:
        ending = sim.kalshi.events[0]
        markets = {market.ticker for market in ending.markets}
        async with kalshi(sim) as client:
            await client.subscribe("ticker", "trade", "market_lifecycle_v2")
            settled = 0
            while settled < len(markets):
                message = await client.until(lambda m: "msg" in m)
                body = message["msg"]
                if body.get("market_ticker") in markets or "lifecycle" in message["type"]:
                    told.append(message)
                    settled += (
                        body.get("event_type") == "settled" and body["market_ticker"] in markets
                    )
        by_market = defaultdict(list)
        for message in told:
            if message["msg"].get("market_ticker") in markets:
                by_market[message["msg"]["market_ticker"]].append(message)
        results = []
        for ticker in markets:
            messages = by_market[ticker]
            kinds = [m["msg"]["event_type"] for m in messages if "event_type" in m["msg"]]
            assert kinds == ["close_date_updated", "deactivated", "determined", "settled"]
            closed = next(
                n for n, m in enumerate(messages) if m["msg"].get("event_type") == "deactivated"
            )
            assert {m["type"] for m in messages[closed:]} == {"market_lifecycle_v2"}
            last = messages[-1]["msg"]
            assert last["settlement_value"] == ("1.0000" if last["result"] == "yes" else "0.0000")
            results.append(last["result"])
        assert results.count("yes") == 1, "one side of a game wins"
        created = [m["msg"] for m in told if m["msg"].get("event_type") == "created"]
        activated = {m["msg"]["market_ticker"] for m in told if _is(m, "activated")}
        assert {b["market_ticker"] for b in created} >= activated > set()
        assert all(b["additional_metadata"]["event_ticker"] for b in created)
        assert all(b["price_ranges"][0]["step"] in ("0.0100", "0.0010") for b in created)
        assert any(m["type"] == "event_lifecycle" for m in told)

    run(tmp_path, test, lifecycle_every_s=1.0, rate=3000.0)


def _is(message: Any, event_type: str) -> bool:
    return bool(message["msg"].get("event_type") == event_type)


class PingCounter(ClientConnection):
    """A client that notes the pings it was sent."""

    pings: list[bytes]

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.__dict__.setdefault("pings", []).append(bytes(event.data))
        super().process_event(event)


def test_heartbeats(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim, create_connection=PingCounter) as client:
            await asyncio.sleep(0.7)
            assert isinstance(client.websocket, PingCounter)
            assert len(client.websocket.pings) >= 3
            assert set(client.websocket.pings) == {b"heartbeat"}

    run(tmp_path, test, heartbeat_s=0.15)


class Silent(ClientConnection):
    """A client whose machine has gone: it answers nothing."""

    def data_received(self, data: bytes) -> None:
        if self.response is None:
            super().data_received(data)


def test_a_client_that_answers_no_ping_is_cut_off(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        headers = signer(sim.keys[0]).headers("GET", PATH)
        websocket = await connect(
            sim.kalshi_ws_url,
            additional_headers=headers,
            create_connection=Silent,
            close_timeout=0.1,
        )
        async with asyncio.timeout(5):
            while sim.connections():
                await asyncio.sleep(0.02)
        assert sim.stats.connected["kalshi"] == 1
        await websocket.close()

    run(tmp_path, test, heartbeat_s=0.1)


def test_the_cents_era(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("ticker", "trade")
            await client.subscribe("orderbook_delta", market_tickers=market_tickers(sim))
            await client.take(1500)
            bodies: dict[str, Any] = {}
            for frame in client.frames:
                message = json.loads(frame)
                bodies.setdefault(message["type"], message["msg"])
            assert isinstance(bodies["ticker"]["yes_bid"], int)
            assert isinstance(bodies["trade"]["count"], int)
            assert isinstance(bodies["orderbook_delta"]["delta"], int)
            assert "ts_ms" not in bodies["ticker"]
            assert set(bodies["orderbook_snapshot"]) <= {"market_ticker", "yes", "no"}

    run(tmp_path, test, era="cents")


def test_the_same_seed_makes_the_same_market(tmp_path: Path) -> None:
    def record(name: str, seed: int) -> list[Any]:
        found: list[Any] = []

        async def test(sim: Simulator) -> None:
            await sim.pause()
            async with kalshi(sim) as client:
                await client.subscribe("trade")
                sim.resume()
                await client.take(100)
                found.extend(json.loads(f)["msg"] for f in client.frames[1:])

        run(tmp_path / name, test, seed=seed, lifecycle_every_s=0.0)
        # A millisecond that was taken moves a trade to another market: times decide a little.
        return [(b["trade_id"], b["yes_price_dollars"], b["market_ticker"]) for b in found]

    first, again, other = record("a", 5), record("b", 5), record("c", 6)
    assert first[0] == again[0]
    assert first != other
    assert {b[0] for b in first}.isdisjoint(b[0] for b in other)


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
        async with asyncio.timeout(20):
            await test(sim)

    asyncio.run(whole())


def test_a_slow_client_is_told_that_its_buffer_overflowed(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim, max_queue=1) as client:
            await client.subscribe("ticker")
            async with asyncio.timeout(10):
                while not sim.stats.closed_as_slow:
                    await asyncio.sleep(0.05)
            ended = await client.until(error(25))
            assert ended["sid"] == 1
            await client.subscribe("ticker")

    run(tmp_path, test, rate=0.0, slow_client_after_s=0.3)
