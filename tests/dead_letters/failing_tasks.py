"""Tasks that fail in every way there is, for a worker started with ``-I failing_tasks``.

What each does is said by its arguments; whether the cause is mended, by a file.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from hadron_tasks.app import app
from hadron_tasks.errors import ConfigurationError, StoreUnavailable
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.ingest.venue_rules import VenueRules
from hadron_tasks.settings import get_settings
from hadron_tasks.tasks import connections, drain
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.venues.registry import rules_for

NORMALISER_MENDED = Path("normaliser-mended")


@app.task(name="test.fails_until_mended", base=HadronTask)  # type: ignore[untyped-decorator]
def fails_until_mended(mended: str, number: int) -> Report:
    """A bug, until somebody mends it."""
    if not Path(mended).exists():
        raise ValueError(f"cannot do {number}")
    return {"done": number}


@app.task(name="test.misconfigured", base=HadronTask)  # type: ignore[untyped-decorator]
def misconfigured(mended: str) -> None:
    """What no waiting mends."""
    if not Path(mended).exists():
        raise ConfigurationError("HADRON_SOMETHING is not set.")


@app.task(name="test.finds_database_away", base=HadronTask)  # type: ignore[untyped-decorator]
def finds_database_away(back: str) -> None:
    """PostgreSQL is away, until it is back."""
    if not Path(back).exists():
        raise StoreUnavailable("PostgreSQL is not available now.")


@app.task(name="test.poke", base=HadronTask, is_poke=True)  # type: ignore[untyped-decorator]
def poke(venue: str) -> None:
    """A poke with a bug."""
    raise KeyError(venue)


@app.task(name="test.killed", base=HadronTask)  # type: ignore[untyped-decorator]
def killed(survivor: str) -> None:
    """Kills its process, unless an earlier attempt left a file that says it did."""
    path = Path(survivor)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="test.kills_always", base=HadronTask)  # type: ignore[untyped-decorator]
def kills_always() -> None:
    """Kills every process that takes it."""
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="test.out_of_memory", base=HadronTask, attempts=1)  # type: ignore[untyped-decorator]
def out_of_memory() -> None:
    """Asks for more memory than there is."""
    raise MemoryError


class _FailsAround(HadronTask):
    """Its task does its work, and Celery fails with what follows."""

    abstract = True

    def after_return(self, *_: object) -> None:
        raise LookupError("after the task")


@app.task(name="test.fails_around", base=_FailsAround)  # type: ignore[untyped-decorator]
def fails_around() -> None:
    """Does its work."""


@app.task(name="test.sleeps", base=HadronTask)  # type: ignore[untyped-decorator]
def sleeps(started: str) -> None:
    """Says that it started, and sleeps until somebody ends it."""
    Path(started).touch()
    time.sleep(600)


@app.task(name="test.hangs", base=HadronTask, time_limit=1)  # type: ignore[untyped-decorator]
def hangs() -> None:
    """Runs into its hard time limit."""
    time.sleep(600)


@app.task(name="test.tells_secrets", base=HadronTask, attempts=2)  # type: ignore[untyped-decorator]
def tells_secrets(marker: str) -> None:
    """An error that quotes all it knows, raised because of another that does, too."""
    settings = get_settings()
    (key,) = settings.kalshi_keys()
    told = [
        marker,
        key.key_id,
        key.private_key_path.read_text(),
        settings.database_url.get_secret_value(),
        settings.redis_url.get_secret_value(),
    ]
    polygon = settings.polygon_api_key
    assert polygon is not None
    try:
        raise ConnectionError(f"GET /v3/trades?apiKey={polygon.get_secret_value()} {marker}")
    except ConnectionError as error:
        raise ValueError(f"{marker}: {told!r}") from error


@app.task(name="test.asks_exchange", base=HadronTask)  # type: ignore[untyped-decorator]
def asks_exchange(venue: str) -> None:
    """Asks an exchange that refuses, and quotes the keys."""
    if venue == "polygon":
        connections.polygon_rest().market_status()
    else:
        connections.kalshi_rest().account_limits()


def _rules_with_a_bug(venue: str) -> VenueRules:
    """A venue whose normaliser fails with order books, until somebody mends it."""
    rules = rules_for(venue)

    def normalise(data: bytes, received_ns: int, into: Normalised, connection: str = "") -> None:
        if b"orderbook_snapshot" in data and not NORMALISER_MENDED.exists():
            raise KeyError("yes_dollars")
        rules.normalise(data, received_ns, into, connection)

    return replace(rules, normalise=normalise)


vars(drain)["rules_for"] = _rules_with_a_bug
