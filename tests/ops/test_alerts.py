"""Every alert is raised by its cause, in a real Prometheus' rule engine, and goes away with it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
import yaml
from alert_world import SECOND, Timeline, World

from hadron_tasks import beat_health, counters
from hadron_tasks.counters import Counter
from hadron_tasks.feed_health import ConnectionState
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.metrics import services
from hadron_tasks.metrics.definitions import METRICS, Kind
from hadron_tasks.raw_stream import RawFrame, frame_fields, stream_key
from hadron_tasks.settings import Settings
from hadron_tasks.venues.kalshi.rate_limit import TokenBucket

ROOT = Path(__file__).parents[2]
RULES = ROOT / "monitoring" / "alerts.yml"
BEFORE, DURING, AFTER = 20, 30, 90
"""Minutes that a scenario is well, broken, and well again."""


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own tool."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    return found


@pytest.fixture
def world(redis_server: RedisServer, database_url: str) -> Iterator[World]:
    settings = Settings(polygon_subscriptions=["crypto:XT.*"])
    with closing(redis.Redis.from_url(redis_server.url)) as client:
        made = World(client, database_url, settings)
        yield made
        made.close()


# Scenarios: one an alert, by its name. Each step yields for how many minutes it stays so.

SCENARIOS: dict[str, Callable[[World], Iterator[int]]] = {}


def scenario(alert: str) -> Callable[[Callable[[World], Iterator[int]]], None]:
    """The scenario of an alert: how all that is well breaks."""

    def register(breaks: Callable[[World], Iterator[int]]) -> None:
        SCENARIOS[alert] = breaks

    return register


@scenario("VenueSilent")
def _(world: World) -> Iterator[int]:
    world.connect("polygon", "polygon-crypto", last_frame_ns=time.time_ns() - 90 * SECOND)
    yield 10


@scenario("FeedSilent")
def _(world: World) -> Iterator[int]:
    world.connect("polygon", "polygon-crypto", last_frame_ns=None)
    yield 10


@scenario("VenueNotConnected")
def _(world: World) -> Iterator[int]:
    world.connect("kalshi", "kalshi-1", state=ConnectionState.BACKING_OFF)
    yield 10


@scenario("AuthenticationFailing")
def _(world: World) -> Iterator[int]:
    world.connect("kalshi", "kalshi-1", state=ConnectionState.AUTHENTICATION_REFUSED)
    yield 10


@scenario("ConnectionFlapping")
def _(world: World) -> Iterator[int]:
    for losses in range(10):
        world.connect("kalshi", "kalshi-1", reconnects=losses)
        yield 1


@scenario("FramesSpooled")
def _(world: World) -> Iterator[int]:
    world.connect("kalshi", "kalshi-1", spool_bytes=5_000_000)
    yield 10


def _gap(world: World, state: str, cause: str = "disconnect") -> None:
    world.execute(
        "INSERT INTO feed_gaps (id, venue, connection, cause, from_time, to_time, state)"
        " VALUES (gen_random_uuid(), 'kalshi', 'kalshi-1', %s, now(), now(), %s)",
        cause,
        state,
    )


@scenario("GapUnrecoverable")
def _(world: World) -> Iterator[int]:
    _gap(world, "open")
    yield 1
    world.execute("UPDATE feed_gaps SET state = 'unrecoverable'")
    yield 5


@scenario("AuditDiffers")
def _(world: World) -> Iterator[int]:
    yield 1
    _gap(world, "open", "audit")
    yield 5


@scenario("BacklogOld")
def _(world: World) -> Iterator[int]:
    old_id = f"{int((time.time() - 40) * 1000)}-0"
    world.client.xadd(stream_key("kalshi"), frame_fields(RawFrame(b"{}", 1, "kalshi-1")), old_id)
    yield 10


@scenario("CommitsSlow")
def _(world: World) -> Iterator[int]:
    for _minute in range(15):
        world.commit(latency_s=20)
        yield 1


@scenario("DeadLettersGrowing")
def _(world: World) -> Iterator[int]:
    world.execute(
        "INSERT INTO dead_letters (kind, identity, fingerprint, venue, error_type, message)"
        " VALUES ('message', 'a', 'f', 'kalshi', 'MalformedFrame', 'm')"
    )
    yield 5


@scenario("UnknownMessages")
def _(world: World) -> Iterator[int]:
    add = (
        "INSERT INTO unknown_messages VALUES ('kalshi', 'new', %s, now(), now(), '')"
        " ON CONFLICT (venue, message_type) DO UPDATE SET count = excluded.count"
    )
    for count in (1, 5):
        world.execute(add, count)
        yield 2


@scenario("NoWorkers")
def _(world: World) -> Iterator[int]:
    world.stop_worker("rest")
    yield 10


@scenario("QueueGrowing")
def _(world: World) -> Iterator[int]:
    world.client.rpush("drain", *(b"poke" for _ in range(1001)))
    yield 15


@scenario("TasksFailing")
def _(world: World) -> Iterator[int]:
    for _failure in range(2):
        counters.add(world.client, {(Counter.TASKS, ("hadron.keep_partitions", "failure")): 1})
        yield 3


@scenario("BeatNotTicking")
def _(world: World) -> Iterator[int]:
    world.client.set(beat_health.TICK_KEY, time.time() - 90)
    yield 10


@scenario("ScheduleLate")
def _(world: World) -> Iterator[int]:
    world.schedule("tidy-streams", late_s=400)
    yield 10


@scenario("CrawlLate")
def _(world: World) -> Iterator[int]:
    world.execute("DELETE FROM crawl_runs")
    world.crawl("complete", ended_hours_ago=27)
    yield 5


@scenario("CrawlFailed")
def _(world: World) -> Iterator[int]:
    world.crawl("incomplete", ended_hours_ago=1)
    yield 10


@scenario("RateLimitExhausted")
def _(world: World) -> Iterator[int]:
    bucket = TokenBucket(world.client, "test", jitter=lambda: 0.0, sleep=lambda _s: None)
    for _minute in range(8):
        grant = bucket.acquire("GET /markets", 300)
        bucket.close_for_a_moment(grant)
        yield 1


@scenario("RestFailing")
def _(world: World) -> Iterator[int]:
    for _minute in range(5):
        counters.add(world.client, {(Counter.REST_REQUESTS, ("kalshi", "GET /markets", "503")): 5})
        yield 1


@scenario("RedisMemoryNearFull")
def _(world: World) -> Iterator[int]:
    used = world.client.info("memory")["used_memory"]  # type: ignore[index]
    world.client.config_set("maxmemory", int(used * 1.1))
    yield 10


@scenario("RedisNotDurable")
def _(world: World) -> Iterator[int]:
    world.client.config_set("appendonly", "no")
    yield 10


_Disk = namedtuple("_Disk", "f_bavail f_blocks f_frsize")


@scenario("DiskNearFull")
def _(world: World) -> Iterator[int]:
    # The one thing that is not caused for real: filling a disk would be felt by others.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.os, "statvfs", lambda _path: _Disk(9, 100, 4096))
        yield 10


@scenario("PartitionsMissing")
def _(world: World) -> Iterator[int]:
    world.execute(
        "DO $$ DECLARE day regclass; BEGIN FOR day IN SELECT inhrelid FROM pg_inherits"
        " WHERE inhparent = 'ticks'::regclass LOOP EXECUTE 'DROP TABLE ' || day; END LOOP; END $$"
    )
    yield 15


@scenario("DatabaseConnectionsNearLimit")
def _(world: World) -> Iterator[int]:
    with ExitStack() as stack:
        for _connection in range(85):
            stack.enter_context(closing(psycopg2.connect(world.database_url)))
        yield 10


@scenario("RedisUnreachable")
def _(world: World) -> Iterator[int]:
    world.read_from(redis_url="redis://127.0.0.1:1/0")
    yield 10


@scenario("DatabaseUnreachable")
def _(world: World) -> Iterator[int]:
    world.read_from(database_url="postgresql://hadron@127.0.0.1:1/hadron")
    yield 10


@scenario("MetricsIncomplete")
def _(world: World) -> Iterator[int]:
    world.execute("ALTER TABLE crawl_runs RENAME TO hidden")
    yield 10
    world.execute("ALTER TABLE hidden RENAME TO crawl_runs")


@scenario("MetricsDown")
def _(world: World) -> Iterator[int]:
    world.is_served = False
    yield 10


# The checks themselves


def names_in(expression: str) -> set[str]:
    """The metrics that a PromQL expression reads."""
    found = set(re.findall(r"\bhadron_\w+", re.sub(r'"[^"]*"', "", expression)))
    return found - {"hadron_"}


def base_name(name: str) -> str:
    """A histogram's own name, of one of its series."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if base in METRICS and METRICS[base].kind is Kind.HISTOGRAM else name


def firing(alert: str, *, within: str = "") -> str:
    series = f'ALERTS{{alertname="{alert}", alertstate="firing"}}'
    return f"clamp_max(count(count_over_time({series}[{within}])), 1)" if within else series


def group(alert: str, series: list[dict[str, str]]) -> dict[str, Any]:
    """What promtool is to find of one alert's scenario."""
    ends = BEFORE + DURING
    return {
        "interval": "1m",
        "name": alert,
        "input_series": series,
        "promql_expr_test": [
            {
                "expr": firing(alert, within=f"{BEFORE}m"),
                "eval_time": f"{BEFORE - 1}m",
                "exp_samples": [],
            },
            {
                "expr": firing(alert, within=f"{DURING}m"),
                "eval_time": f"{ends}m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            },
            {"expr": firing(alert), "eval_time": f"{ends + AFTER - 1}m", "exp_samples": []},
        ],
    }


def test_every_alert_is_raised_by_its_cause_and_goes_away_with_it(
    world: World, promtool: str, tmp_path: Path
) -> None:
    wanted = {rule["alert"]: {*names_in(rule["expr"]), "up"} for rule in rules()}
    assert set(SCENARIOS) == set(wanted)
    Path(".hadron").mkdir()
    groups = []
    world.heal()
    well = world.scrape()
    for alert, names in wanted.items():
        timeline = Timeline()
        timeline.hold(well, BEFORE)
        for minutes in SCENARIOS[alert](world):
            timeline.hold(world.scrape(), minutes)
        timeline.hold(timeline.last, BEFORE + DURING - timeline.minutes)
        world.heal()
        well = world.scrape()
        timeline.hold(well, AFTER)
        groups.append(group(alert, timeline.input_series(names)))
    assert_promtool_agrees(promtool, tmp_path, groups)


def test_a_fleet_that_is_well_raises_nothing(world: World, promtool: str, tmp_path: Path) -> None:
    Path(".hadron").mkdir()
    timeline = Timeline()
    world.heal()
    for _scrape in range(3):
        world.commit(latency_s=0.1)
        timeline.hold(world.scrape(), 30)
    series = timeline.input_series()
    assert len(series) > 200
    nothing = {"expr": 'ALERTS{alertname!="DiskNearFull"}', "eval_time": "89m", "exp_samples": []}
    quiet = {"interval": "1m", "input_series": series, "promql_expr_test": [nothing]}
    assert_promtool_agrees(promtool, tmp_path, [quiet])


def assert_promtool_agrees(promtool: str, directory: Path, groups: list[dict[str, Any]]) -> None:
    document = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": groups}
    tests = directory / "alerts_test.yml"
    tests.write_text(yaml.safe_dump(document, sort_keys=False, width=10**9))
    done = subprocess.run([promtool, "test", "rules", tests], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_rules(promtool: str) -> None:
    done = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


def test_the_exposition_satisfies_prometheus_own_lint(world: World, promtool: str) -> None:
    world.heal()
    scrape = world.scrape()
    assert scrape is not None
    done = subprocess.run(
        [promtool, "check", "metrics"], input=scrape.text, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_rule_names_metrics_that_exist_and_a_section_that_exists(
    rule: dict[str, Any],
) -> None:
    assert {base_name(name) for name in names_in(rule["expr"])} <= set(METRICS)
    assert rule["labels"]["severity"] in ("critical", "warning")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor == rule["alert"].lower()
    assert rule["alert"] in headings


def test_the_runbook_has_no_section_without_its_alert() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules()]
