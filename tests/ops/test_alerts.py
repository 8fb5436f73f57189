"""Every alert is raised by its cause, in a real Prometheus' rule engine, and goes away with it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from alert_scenarios import SCENARIOS
from alert_world import Timeline, World

from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.metrics.definitions import METRICS, Kind
from hadron_tasks.settings import Settings

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
def world(redis_server: RedisServer, database_url: str, patient_exporter: None) -> Iterator[World]:
    settings = Settings(polygon_subscriptions=["crypto:XT.*"])
    with closing(redis.Redis.from_url(redis_server.url)) as client:
        made = World(client, database_url, settings)
        yield made
        made.close()


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
