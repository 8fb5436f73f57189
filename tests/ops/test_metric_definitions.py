"""The table of metrics keeps Prometheus' rules, and the page about them keeps to the table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hadron_tasks.metrics.definitions import METRICS, Endpoint, Kind, Metric, as_markdown
from hadron_tasks.metrics.exposition import Sample, families

ROOT = Path(__file__).parents[2]
_UNITS = ("seconds", "bytes", "ratio")


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_names_and_help_keep_the_rules(metric: Metric) -> None:
    assert re.fullmatch(r"hadron_[a-z][a-z_]*[a-z]", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    # Base units only, and at the end.
    assert not re.search(r"_(ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)", metric.name)
    for unit in _UNITS:
        if f"_{unit}" in metric.name:
            assert re.search(rf"_{unit}(_total)?$", metric.name)
    if metric.kind is Kind.HISTOGRAM:
        assert metric.name.endswith("_seconds")
    assert not metric.name.endswith(("_sum", "_count", "_bucket", "_info")) or (
        metric.name == "hadron_build_info"
    )
    assert all(re.fullmatch(r"[a-z]+", label) for label in metric.labels)
    assert "le" not in metric.labels
    assert metric.help.endswith(".")
    assert metric.name.startswith("hadron_streamer_") == (metric.endpoint is Endpoint.STREAMER)


def test_the_page_holds_the_table() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    assert page.split("<!-- metrics -->\n", 1)[1] == as_markdown()


def test_a_reading_that_the_table_does_not_know_is_refused() -> None:
    with pytest.raises(KeyError):
        families([Sample("hadron_no_such_thing", (), 1)])
    with pytest.raises(ValueError, match="has the labels"):
        families([Sample("hadron_stream_entries", (), 1)])
