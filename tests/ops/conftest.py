"""What tests of operations share."""

from __future__ import annotations

import pytest

from hadron_tasks.metrics import exporter


@pytest.fixture
def patient_exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exporter gives up services that take some seconds to answer; here it waits for them.

    Those that are away refuse at once: of these it is told as soon as ever.
    """
    monkeypatch.setattr(exporter, "CONNECT_TIMEOUT_S", 60)
    monkeypatch.setattr(exporter, "READ_TIMEOUT_S", 60)
    monkeypatch.setattr(exporter, "STATEMENT_TIMEOUT_MS", 60_000)
