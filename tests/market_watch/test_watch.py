"""Watching, from the changes that drains tell of to stored findings; with a real Redis."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg2
import pytest
import redis
from click.testing import CliRunner, Result
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from watched import kalshi, list_event, list_market, polygon, put_quote, select

from hadron_tasks import quote_changes
from hadron_tasks.cli import main
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.market_watch.watch import LOOK_EVERY_S, MarketWatch, Watched
from hadron_tasks.markets.model import probability_above
from hadron_tasks.settings import get_settings
from hadron_tasks.store.session import engine_for

NOW = datetime.now(UTC)
CLOSE = NOW + timedelta(hours=4)
EVENT = "KXBTCD-26NOV2217"
LOW, HIGH = f"{EVENT}-T97999.99", f"{EVENT}-T98499.99"
PARTITION = (
    "CREATE TABLE ticks_test PARTITION OF ticks FOR VALUES FROM ('2000-01-01') TO ('2100-01-01')"
)
TICK = """
    INSERT INTO ticks (instrument_id, event_time, event_key, received_at, venue, tick_type, price)
    SELECT %s, %s - make_interval(secs => n * 60), n, now(), 'polygon', 'trade',
        98000 + 50 * (n %% 2)
    FROM generate_series(1, 60) AS n
"""


class StandingClock:
    """The watch's clock, which moves when it sleeps."""

    def __init__(self) -> None:
        self.now_s = 1.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


CLOCK = StandingClock()


@pytest.fixture(autouse=True)
def _however_slow_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch is as many looks as it says, and its lock is held until it ends."""
    monkeypatch.setattr("hadron_tasks.market_watch.watch.time", CLOCK)
    monkeypatch.setattr("hadron_tasks.market_watch.watch._LOCK_S", 600.0)


def once(watch: MarketWatch) -> Watched | None:
    """A stretch of exactly one look."""
    return watch.run(LOOK_EVERY_S, CLOCK.sleep)


@pytest.fixture
def watch(client: redis.Redis, database_url: str) -> MarketWatch:
    return MarketWatch(client, engine_for(database_url))


@pytest.fixture
def markets(connection: PgConnection) -> None:
    """Two strikes on Bitcoin, whose price was recorded for an hour."""
    for ticker, strike in ((LOW, "97999.99"), (HIGH, "98499.99")):
        list_market(connection, ticker, strike_type="greater", floor=strike, close_time=CLOSE)
    list_event(connection, EVENT)
    list_market(connection, "X:BTC-USD", None, venue="polygon", asset_class="crypto")
    put_quote(connection, LOW, "0.40", "0.45")
    put_quote(connection, HIGH, "0.60", "0.65")
    put_quote(connection, "X:BTC-USD", venue="polygon", price="98000")
    with connection, connection.cursor() as cursor:
        cursor.execute(PARTITION)
        cursor.execute(TICK, (polygon("X:BTC-USD"), NOW))


@pytest.fixture
def hadron(
    database_url: str,
    client: redis.Redis,
    shared_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> CliRunner:
    monkeypatch.setenv("HADRON_DATABASE_URL", database_url)
    monkeypatch.setenv("HADRON_REDIS_URL", shared_redis.url)
    get_settings.cache_clear()
    return CliRunner()


def run(hadron: CliRunner, *arguments: str, code: int = 0) -> Result:
    result = hadron.invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result


def test_a_change_that_was_told_of_is_looked_at(
    connection: PgConnection, client: redis.Redis, watch: MarketWatch, markets: None
) -> None:
    done = once(watch)
    assert done is not None
    assert (done.grouped, done.opened, done.reconciled) == (2, 1, 2)
    put_quote(connection, LOW, "0.60", "0.70")
    with client.pipeline() as pipeline:
        quote_changes.enqueue(pipeline, [kalshi(LOW)])
        pipeline.execute()
    done = once(watch)
    assert done is not None
    assert (done.changed, done.closed, done.opened) == (1, 1, 0)
    done = once(watch)
    assert done is not None
    assert done.changed == 0


def test_only_one_process_watches(
    client: redis.Redis, watch: MarketWatch, database_url: str
) -> None:
    other = MarketWatch(client, engine_for(database_url))
    seen = []

    def sleep(seconds: float) -> None:
        seen.append(once(other))
        CLOCK.sleep(seconds)

    assert watch.run(LOOK_EVERY_S, sleep) is not None
    assert seen == [None]
    assert once(other) is not None


def test_who_watched_before_somebody_else_reads_everything_again(
    connection: PgConnection,
    client: redis.Redis,
    watch: MarketWatch,
    markets: None,
    database_url: str,
) -> None:
    once(watch)
    put_quote(connection, LOW, "0.60", "0.70")
    # Another is told of it; this one hears only of the other market.
    assert once(MarketWatch(client, engine_for(database_url))) is not None
    with client.pipeline() as pipeline:
        quote_changes.enqueue(pipeline, [kalshi(HIGH)])
        pipeline.execute()
    done = once(watch)
    assert done is not None
    assert (done.changed, done.closed) == (1, 1)


def test_what_could_not_be_looked_at_is_looked_at_later(
    connection: PgConnection, client: redis.Redis, watch: MarketWatch, markets: None
) -> None:
    once(watch)
    put_quote(connection, LOW, "0.60", "0.70")
    with client.pipeline() as pipeline:
        quote_changes.enqueue(pipeline, [kalshi(LOW)])
        pipeline.execute()
    with connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE latest_quotes RENAME TO away")
    with pytest.raises(psycopg2.errors.UndefinedTable):
        once(watch)
    with connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE away RENAME TO latest_quotes")
    done = once(watch)
    assert done is not None
    assert (done.changed, done.closed) == (1, 1)


def test_reconciliation_can_be_computed_again_from_its_row(
    connection: PgConnection, watch: MarketWatch, markets: None
) -> None:
    once(watch)
    rows = select(
        connection,
        "SELECT spot, market_probability, model_probability, difference, inputs"
        " FROM price_reconciliations WHERE instrument_id = %s",
        kalshi(HIGH),
    )
    ((spot, market, model, difference, inputs),) = rows
    assert (spot, market) == (Decimal(98000), Decimal("0.625"))
    assert difference == market - model
    assert inputs["marks"] == []
    again = probability_above(
        spot,
        Decimal(inputs["floor_strike"]),
        inputs["volatility"]["a_year"],
        inputs["seconds_left"],
    )
    assert model == round(Decimal(again), 4)


def test_the_commands(
    connection: PgConnection,
    watch: MarketWatch,
    markets: None,
    hadron: CliRunner,
) -> None:
    once(watch)
    (found,) = json.loads(run(hadron, "arb", "list", "--live", "--json").output)
    assert (found["kind"], found["profit"]) == ("implication", "11.58")
    assert "11.58" in run(hadron, "arb", "list", "--ticker", LOW).output
    assert "No arbitrage" in run(hadron, "arb", "list", "--min-profit", "12").output
    shown = run(hadron, "arb", "show", str(found["id"])).output
    assert f"{HIGH} yes implies {LOW} yes" in shown
    assert "There is no arbitrage" in run(hadron, "arb", "show", "999", code=1).output
    assert (
        "no amount of dollars" in run(hadron, "arb", "list", "--min-profit", "much", code=2).output
    )

    (ladder,) = (
        group
        for group in json.loads(run(hadron, "related", EVENT, "--json").output)
        if group["kind"] == "ladder"
    )
    assert [market["ticker"] for market in ladder["markets"]] == [HIGH, LOW]
    tree = run(hadron, "related", LOW).output
    assert tree.index("0.6 / 0.65") < tree.index("0.4 / 0.45")
    assert "98000" in tree
    assert "No instrument is called KXNOTHING" in run(hadron, "related", "KXNOTHING", code=1).output

    (row,) = json.loads(run(hadron, "reconcile", HIGH, "--json").output)
    assert (row["spot"], row["market_probability"]) == ("98000", "0.625")
    assert "X:BTC-USD at 98000" in run(hadron, "reconcile", HIGH).output
    assert len(json.loads(run(hadron, "reconcile", HIGH, "--history", "5", "--json").output)) == 1
    assert "cannot be compared" in run(hadron, "reconcile", "X:BTC-USD", code=1).output

    run(hadron, "map", "add", "polygon:C:XAU-USD", "kalshi:KXGOLDD")
    names = json.loads(run(hadron, "map", "list", "--json").output)
    assert ("kalshi:KXGOLDD", "polygon:C:XAU-USD") in {(n["name"], n["stands for"]) for n in names}
    run(hadron, "map", "remove", "kalshi:KXGOLDD")
    assert "is not mapped" in run(hadron, "map", "remove", "kalshi:KXGOLDD", code=1).output
    assert "write venue:name" in run(hadron, "map", "remove", "KXGOLDD", code=2).output
