"""Writes the dashboards that Grafana loads. After a change: python monitoring/grafana/build.py"""

from __future__ import annotations

import json
from pathlib import Path

from crawl_dashboard import CRAWL
from feeds_dashboard import FEEDS
from fleet_dashboard import FLEET
from panels import Dashboard
from storage_dashboard import STORAGE

DIRECTORY = Path(__file__).parent / "dashboards"
DASHBOARDS = {"fleet": FLEET, "feeds": FEEDS, "storage": STORAGE, "crawl": CRAWL}


def as_json(dashboard: Dashboard) -> str:
    """A dashboard as its file holds it."""
    return json.dumps(dashboard.document(), indent=2) + "\n"


if __name__ == "__main__":
    for name, dashboard in DASHBOARDS.items():
        (DIRECTORY / f"{name}.json").write_text(as_json(dashboard))
