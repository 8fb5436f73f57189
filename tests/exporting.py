"""Scrapes of the exporter, read as Prometheus reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: dict[tuple[str, Labels], float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __getitem__(self, name: str) -> float:
        """The value of the only sample of that name."""
        (value,) = self.all(name).values()
        return value

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a sample; None when there is none."""
        return self.samples.get((name, frozenset(labels.items())))

    def all(self, name: str) -> dict[Labels, float]:
        """Every sample of that name."""
        return {labels: v for (found, labels), v in self.samples.items() if found == name}

    @property
    def names(self) -> set[str]:
        """Every sample's name."""
        return {name for name, _ in self.samples}
