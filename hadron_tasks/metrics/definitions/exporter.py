"""The exporter itself."""

from __future__ import annotations

from hadron_tasks.metrics.definitions.metric import Endpoint, Group, Kind

EXPORTER = Group(
    "The exporter",
    Endpoint.FLEET,
    [
        ("hadron_up", Kind.GAUGE, "part", "Whether a part of the fleet could be read just now."),
        ("hadron_build_info", Kind.GAUGE, "version", "Always 1; the label is what counts."),
    ],
)
