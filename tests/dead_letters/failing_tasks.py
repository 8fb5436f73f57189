"""Tasks that fail in every way there is, for a worker started with ``-I failing_tasks``.

What each does is said by its arguments; whether the cause is mended, by a file.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from hadron_tasks.app import app
from hadron_tasks.errors import ConfigurationError, StoreUnavailable
from hadron_tasks.tasks.base import HadronTask, Report


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


@app.task(name="test.hangs", base=HadronTask, time_limit=1)  # type: ignore[untyped-decorator]
def hangs() -> None:
    """Runs into its hard time limit."""
    time.sleep(60)
