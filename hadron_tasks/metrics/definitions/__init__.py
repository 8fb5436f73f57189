"""Every metric there is: the one table that the code, the documentation and the tests go by."""

from __future__ import annotations

from hadron_tasks.metrics.definitions.exchange_apis import CRAWLS, REST
from hadron_tasks.metrics.definitions.exporter import EXPORTER
from hadron_tasks.metrics.definitions.feeds import FEEDS
from hadron_tasks.metrics.definitions.metric import Endpoint, Kind, Metric
from hadron_tasks.metrics.definitions.pipeline import FRAMES, LETTERS_AND_GAPS, RAW_STREAM
from hadron_tasks.metrics.definitions.storage import STORAGE
from hadron_tasks.metrics.definitions.streamer import STREAMER
from hadron_tasks.metrics.definitions.work import ARBITRAGE, TASKS

__all__ = ["METRICS", "Endpoint", "Kind", "Metric", "as_markdown"]

GROUPS = (
    EXPORTER,
    FEEDS,
    RAW_STREAM,
    FRAMES,
    LETTERS_AND_GAPS,
    ARBITRAGE,
    TASKS,
    REST,
    CRAWLS,
    STORAGE,
    STREAMER,
)
"""In the order in which the documentation tells them."""

METRICS = {metric.name: metric for group in GROUPS for metric in group.metrics()}
"""By name."""


def as_markdown() -> str:
    """The table as the body of ``docs/metrics.md``: a section a group."""
    lines: list[str] = []
    for group in GROUPS:
        lines += ["", f"## {group.title}", ""]
        lines += ["| metric | type | labels | meaning |", "|---|---|---|---|"]
        for metric in group.metrics():
            labels = ", ".join(f"`{label}`" for label in metric.labels)
            lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(lines).strip() + "\n"
