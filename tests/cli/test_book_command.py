"""``hadron book`` for people and programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.cli import main
from hadron_tasks.feed_health import HEALTH_KEY, ConnectionHealth, ConnectionState
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import RawFrame, connection_life
from hadron_tasks.settings import get_settings
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.times import to_ns
from hadron_tasks.venues.registry import rules_for

START = datetime.now(UTC) - timedelta(minutes=10)
TICKER, UNRECORDED = "KXTEST-26NOV21-A", "KXTEST-26NOV21-B"
Hadron = Callable[..., Result]


def store(connection: PgConnection, venue: str, frames: list[RawFrame]) -> None:
    BatchWriter(rules_for(venue), InstrumentCache(100), "test").write(connection, frames)


def kalshi_frame(kind: str, seconds: float, seq: int, **body: Any) -> RawFrame:
    at_ns = to_ns(START + timedelta(seconds=seconds))
    message = {"market_ticker": TICKER, "ts_ms": at_ns // 1_000_000} | body
    document = {"type": kind, "sid": 2, "seq": seq, "msg": message}
    return RawFrame(json.dumps(document).encode(), at_ns, connection_life("kalshi-1", 1))


@pytest.fixture
def hadron(
    connection: PgConnection,
    database_url: str,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Hadron:
    """The command, beside a recorded book whose connection is live."""
    monkeypatch.setenv("HADRON_DATABASE_URL", database_url)
    monkeypatch.setenv("HADRON_REDIS_URL", redis_server.url)
    get_settings.cache_clear()
    yes = [[f"0.{cents}00", f"{cents}.00"] for cents in range(30, 45)]
    levels = {"yes_dollars_fp": yes, "no_dollars_fp": [["0.5400", "1500.00"]]}
    change = {"price_dollars": "0.4500", "delta_fp": "7.50", "side": "yes"}
    unrecorded = {"market_ticker": UNRECORDED, "price_dollars": "0.40"}
    store(
        connection,
        "kalshi",
        [
            kalshi_frame("orderbook_snapshot", 0, 1, **levels),
            kalshi_frame("orderbook_delta", 60, 2, **change),
            kalshi_frame("ticker", 61, 3, **unrecorded),
        ],
    )
    live = ConnectionHealth(
        venue="kalshi",
        connection="kalshi-1",
        streamer="here:1",
        state=ConnectionState.LIVE,
        reported_ns=to_ns(datetime.now(UTC)),
    )
    redis.Redis.from_url(redis_server.url).hset(HEALTH_KEY, "kalshi-1", live.model_dump_json())
    return lambda *arguments: CliRunner().invoke(main, ["book", *arguments])


def test_a_book_as_people_read_it(hadron: Hadron) -> None:
    shown = hadron(TICKER, "--depth", "2")
    assert shown.exit_code == 0, shown.output
    lines = [line.split("│")[1:-1] for line in shown.output.splitlines() if "│" in line]
    assert [[cell.strip() for cell in line] for line in lines] == [
        ["ask", "0.4600", "1,500.00", "1,500.00"],
        ["spread", "0.0100", "", ""],
        ["bid", "0.4500", "7.50", "7.50"],
        ["bid", "0.4400", "44.00", "51.50"],
    ]
    assert "14 levels more" in shown.output
    assert "1 changes after it" in shown.output
    assert "Exact: no message is missing" in shown.output


def test_the_other_outcome_turns_it_round(hadron: Hadron) -> None:
    document = json.loads(hadron(TICKER, "--side", "no", "--json").output)
    assert document["bids"] == [["0.5400", "1500.00"]]
    assert document["asks"][0] == ["0.5500", "7.50"]
    assert len(document["asks"]) == 16


def test_a_book_for_programs_at_a_time(hadron: Hadron) -> None:
    at = START + timedelta(seconds=30)
    document = json.loads(hadron(TICKER, "--at", at.isoformat(), "--json").output)
    assert document["bids"][0] == ["0.4400", "44.00"]
    assert (document["changes"], document["last_change"]) == (0, None)
    assert (document["snapshot_sequence"], document["spread"]) == (1, "0.0200")
    assert document["trust"] == {"exact": True, "since": None, "reasons": []}


def test_a_connection_that_is_down_shows(hadron: Hadron, redis_server: RedisServer) -> None:
    redis.Redis.from_url(redis_server.url).delete(HEALTH_KEY)
    trust = json.loads(hadron(TICKER, "--json").output)["trust"]
    assert [reason["doubt"] for reason in trust["reasons"]] == ["silence"]
    shown = hadron(TICKER)
    assert "Not to be trusted since" in shown.output
    assert "kalshi-1 was never heard of" in shown.output


def test_without_redis_the_past_is_told_all_the_same(
    hadron: Hadron, redis_server: RedisServer
) -> None:
    redis_server.stop()
    at = START + timedelta(seconds=90)
    assert json.loads(hadron(TICKER, "--at", at.isoformat(), "--json").output)["trust"]["exact"]
    assert "Redis cannot be asked" in hadron(TICKER).output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["KXTEST-26NOV21"], 1, "No instrument is called KXTEST-26NOV21. Did you mean"),
        ([UNRECORDED], 1, "was never recorded. HADRON_KALSHI_BOOKS names the series"),
        ([TICKER, "--at", "2d"], 1, "is recorded from"),
        ([TICKER, "--at", "2099-01-01"], 2, "in the future"),
        ([TICKER, "--at", "soon"], 2, "is no time"),
        ([TICKER, "--depth", "0"], 2, "--depth"),
    ],
)
def test_what_cannot_be_shown_is_explained(
    hadron: Hadron, arguments: list[str], code: int, words: str
) -> None:
    shown = hadron(*arguments)
    assert shown.exit_code == code
    assert words in " ".join(shown.output.split())


def test_a_book_that_comes_whole(hadron: Hadron, connection: PgConnection) -> None:
    at_ns = to_ns(START)
    book = {"ev": "XL2", "pair": "BTC-USD", "t": at_ns // 1_000_000, "x": 1}
    book |= {"b": [[98000.1, 0.5], [98000.2, 1.25]], "a": [[98001, 2], [98000.9, 0.1]]}
    store(connection, "polygon", [RawFrame(json.dumps([book]).encode(), at_ns, "polygon-crypto")])
    document = json.loads(hadron("X:BTC-USD", "--json").output)
    assert document["bids"] == [["98000.2", "1.25"], ["98000.1", "0.5"]]
    assert (document["asks"][0], document["exchange"]) == (["98000.9", "0.1"], 1)
    shown = hadron("X:BTC-USD").output
    assert "The book of exchange 1 as it was told whole" in shown
    assert "98,000.2" in shown
