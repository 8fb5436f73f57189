"""What the simulated Kalshi sends over real sockets: sequences, books, lifecycle, ledger."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from exchange_clients import kalshi, run, said, said_by_kalshi
from simulator.rest_requests import Asker

from streamer.simulator.config import KalshiMix
from streamer.simulator.ledger_file import read_ledger
from streamer.simulator.simulator import Simulator


def market_tickers(sim: Simulator) -> list[str]:
    return [market.ticker for market in sim.kalshi.open_markets]


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
            async with kalshi(sim, 2) as other:
                await other.subscribe("ticker", "trade")
                await other.take(300)
            await client.take_rest()
            assert client.frames[seen:] == []

    run(tmp_path, test, keys=2)


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
            await first.subscribe("trade")
            await first.take(200)
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
