"""What dashboards are made of. Their files are long and alike; said like this, what differs
between two panels is all there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COLUMNS = 24
_SOURCE = {"type": "prometheus", "uid": "prometheus"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: queries by their legend."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    steps: Sequence[tuple[str, float]] = ()
    """From which value on it takes a colour; green below."""
    stacked: bool = False
    about: str = ""

    def document(self, number: int, x: int, y: int) -> dict[str, Any]:
        """The panel as Grafana reads it."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [
                {
                    "refId": chr(ord("A") + place),
                    "datasource": _SOURCE,
                    "expr": expression,
                    "legendFormat": legend,
                    "instant": self.kind == "stat",
                    "range": self.kind != "stat",
                }
                for place, (legend, expression) in enumerate(self.queries.items())
            ],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": _OPTIONS[self.kind],
        }

    def _defaults(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
        steps += [{"color": color, "value": value} for color, value in self.steps]
        defaults: dict[str, Any] = {
            "unit": self.unit,
            "min": 0 if self.kind == "timeseries" else None,
            "thresholds": {"mode": "absolute", "steps": steps},
            "color": {"mode": "thresholds" if self.kind == "stat" else "palette-classic"},
        }
        if self.kind == "timeseries":
            defaults["custom"] = {
                "lineWidth": 1,
                "fillOpacity": 25 if self.stacked else 5,
                "showPoints": "never",
                "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            }
        if self.kind == "state-timeline":
            defaults["custom"] = {"lineWidth": 0, "fillOpacity": 80}
            defaults["mappings"] = [
                {"type": "value", "options": {"0": {"text": "no", "color": "red"}}},
                {"type": "value", "options": {"1": {"text": "yes", "color": "green"}}},
            ]
        return defaults


_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
        "justifyMode": "auto",
        "orientation": "auto",
    },
    "state-timeline": {
        "mergeValues": True,
        "showValue": "never",
        "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
    },
}


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Panels in reading order, under headings."""

    uid: str
    title: str
    rows: Mapping[str, Sequence[Panel]]
    variables: Mapping[str, str] = field(default_factory=dict)
    """Name to the metric whose label of that name fills it."""

    def document(self) -> dict[str, Any]:
        """The dashboard as Grafana reads it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["hadron"],
            "timezone": "utc",
            "schemaVersion": 39,
            "version": 1,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "links": [
                {
                    "type": "dashboards",
                    "tags": ["hadron"],
                    "title": "Hadron",
                    "asDropdown": False,
                    "keepTime": True,
                }
            ],
            "annotations": {"list": [_ALERTS]},
            "templating": {"list": [_variable(*one) for one in self.variables.items()]},
            "panels": self._panels(),
        }

    def _panels(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        y = 0
        for heading, panels in self.rows.items():
            made.append(
                {
                    "id": len(made) + 1,
                    "type": "row",
                    "title": heading,
                    "collapsed": False,
                    "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
                    "panels": [],
                }
            )
            y += 1
            x = tallest = 0
            for panel in panels:
                if x + panel.width > COLUMNS:
                    x, y, tallest = 0, y + tallest, 0
                made.append(panel.document(len(made) + 1, x, y))
                x += panel.width
                tallest = max(tallest, panel.height)
            y += tallest
        return made


_ALERTS = {
    "name": "Alerts",
    "datasource": _SOURCE,
    "enable": True,
    "iconColor": "red",
    "expr": 'ALERTS{alertstate="firing"}',
    "titleFormat": "{{alertname}}",
    "textFormat": "{{severity}}",
}


def _variable(name: str, metric: str) -> dict[str, Any]:
    query = f"label_values({metric}, {name})"
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 1,
    }


def stat(title: str, expression: str, unit: str = "short", **more: Any) -> Panel:
    return Panel(title, {"": expression}, unit, kind="stat", width=4, height=4, **more)


def quantiles(metric: str, by: str, where: str = "") -> dict[str, str]:
    """Median and 99th percentile of a histogram, by a label."""
    return {
        f"p{share} {{{{{by}}}}}": f"histogram_quantile(0.{share}, sum by ({by}, le) "
        f"(rate({metric}_bucket{where}[$__rate_interval])))"
        for share in (50, 99)
    }
