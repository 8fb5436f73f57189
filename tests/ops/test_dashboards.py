"""The dashboards are what their source says, and every query in them names a metric there is."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hadron_tasks.metrics.definitions import METRICS, Kind

MONITORING = Path(__file__).parents[2] / "monitoring"
FILES = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
_OF_EVERY_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "ALERTS"}


def queries(document: Any) -> Iterator[str]:
    """Every PromQL expression anywhere in a dashboard."""
    if isinstance(document, dict):
        if isinstance(document.get("expr"), str):
            yield document["expr"]
        for value in document.values():
            yield from queries(value)
    elif isinstance(document, list):
        for item in document:
            yield from queries(item)


def everything_asked() -> list[str]:
    return [query for file in FILES for query in queries(json.loads(file.read_text()))]


def test_the_files_are_what_their_source_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(MONITORING / "grafana")
    source = runpy.run_path(str(MONITORING / "grafana" / "build.py"))
    made = {f"{n}.json": source["as_json"](one) for n, one in source["DASHBOARDS"].items()}
    assert made == {file.name: file.read_text() for file in FILES}
    assert len(made) == 4


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_query_names_metrics_that_exist_and_labels_they_have(file: Path) -> None:
    histograms = {m.name for m in METRICS.values() if m.kind is Kind.HISTOGRAM}
    series = {name: set(m.labels) for name, m in METRICS.items() if name not in histograms}
    for name in histograms:
        series[f"{name}_bucket"] = {*METRICS[name].labels, "le"}
    document = json.loads(file.read_text())
    found = list(queries(document))
    assert len(found) > 10
    for query in found:
        bare = re.sub(r'"[^"]*"', "", query)
        names = set(re.findall(r"\b(?:hadron|process)_\w+|\bALERTS\b", bare))
        assert names
        assert names <= series.keys() | _OF_EVERY_PROCESS, query
        labels = set().union(*(series.get(n, set()) for n in names)) | {"instance", "alertstate"}
        grouped = re.findall(r"\bby \(([^)]*)\)", bare)
        matched = re.findall(r"(\w+)(?:=~|!~|!=|=)", re.sub(r"\[[^\]]*\]", "", bare))
        used = {label.strip() for group in grouped for label in group.split(",")} | set(matched)
        assert used - {"job"} <= labels, query
    for panel in document["panels"]:
        legends = [target["legendFormat"] for target in panel.get("targets", [])]
        for legend, target in zip(legends, panel.get("targets", []), strict=True):
            shown = set(re.findall(r"\{\{(\w+)\}\}", legend))
            names = set(re.findall(r"\b(?:hadron|process)_\w+", target["expr"]))
            has = set().union(*(series.get(name, set()) for name in names)) | {"instance"}
            assert shown <= has, (panel["title"], legend)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_panels_fill_their_rows_and_share_no_place(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(file.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells


def test_every_metric_is_on_a_dashboard_or_in_a_rule() -> None:
    asked = " ".join(everything_asked()) + (MONITORING / "alerts.yml").read_text()
    unused = {name for name in METRICS if name not in asked}
    # The streamers' own copies of what the fleet's metrics tell, and what labels say.
    assert {name for name in unused if not name.startswith("hadron_streamer_")} == {
        "hadron_build_info",
        "hadron_ingest_frames_total",
        "hadron_ingest_dead_letters_total",
        "hadron_queue_unacknowledged_messages",
        "hadron_crawl_running_seconds",
        "hadron_rest_bucket_closed_seconds",
        "hadron_redis_clients",
        "hadron_redis_evicted_keys_total",
    }


def test_prometheus_understands_every_query_and_its_own_configuration(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    assert promtool is not None
    rules = [
        {"record": f"dashboard:query{n}", "expr": expr.replace("$__rate_interval", "5m")}
        for n, expr in enumerate(everything_asked())
    ]
    written = tmp_path / "queries.yml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    for arguments in (("rules", written), ("config", MONITORING / "prometheus.yml")):
        done = subprocess.run([promtool, "check", *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_finds_its_dashboards_and_its_source() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    for file in FILES:
        document = json.loads(file.read_text())
        uids = set(re.findall(r'"type": "prometheus",\s+"uid": "(\w+)"', file.read_text()))
        assert uids == {source["uid"]}
        assert document["uid"] == f"hadron-{file.stem}"
