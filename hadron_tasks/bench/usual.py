"""What people use instead of Hadron, on the same frames and the same PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from celery import Celery
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extras import execute_values

from hadron_tasks.bench import usual_tasks
from hadron_tasks.bench.frames import batches
from hadron_tasks.bench.measure import Figure
from hadron_tasks.bench.services import Services
from hadron_tasks.errors import HadronError
from hadron_tasks.raw_stream import RawFrame

PAGE = 1000
_PATIENCE_S = 120.0


def make_table(services: Services) -> None:
    """The table that these ways write to."""
    with services.connect() as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {usual_tasks.TABLE}")
        cursor.execute(usual_tasks.MAKE_TABLE)


def insert_in_pages(figure: Figure, connection: PgConnection, frames: Sequence[RawFrame]) -> None:
    """``execute_values``, a thousand rows a statement, a transaction each."""
    with figure.timing(len(frames)):
        for some in batches(frames, PAGE):
            rows = [usual_tasks.row_of(frame.data.decode(), frame.received_ns) for frame in some]
            with connection, connection.cursor() as cursor:
                execute_values(cursor, usual_tasks.INSERT, rows, page_size=PAGE)


@contextmanager
def task_worker(services: Services) -> Iterator[Celery]:
    """A worker of one pool process for :func:`one_task_a_frame`."""
    app = Celery("usual", broker=services.redis_url)
    app.conf.update(task_default_queue="usual")
    with (services.directory / "usual.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "hadron_tasks.bench.usual_tasks"),
                *("worker", "-n", "usual@%h", "-Q", "usual", "-c", "1"),
                *("--without-gossip", "--without-mingle"),
            ],
            env=services.environment(),
            cwd=services.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield app
    finally:
        process.terminate()
        process.wait(30)
        app.close()


def one_task_a_frame(
    figure: Figure | None, services: Services, app: Celery, frames: Sequence[RawFrame]
) -> None:
    """Send a task a frame, and time how fast the rows appear once sending is over."""
    already = _stored(services)
    for frame in frames:
        app.send_task("usual.store_frame", args=[frame.data.decode(), frame.received_ns])
    # What was stored while tasks were still being sent had to share the machine with the sender.
    first, began = _stored(services), time.perf_counter()
    deadline = time.monotonic() + _PATIENCE_S
    while (done := _stored(services)) < already + len(frames):
        if time.monotonic() > deadline:
            raise HadronError("The worker of one task a frame stands still.")
        time.sleep(0.01)
    if figure is not None:
        figure.rounds.append((done - first) / (time.perf_counter() - began))


def _stored(services: Services) -> int:
    with services.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {usual_tasks.TABLE}")  # noqa: S608 - a constant
        ((count,),) = cursor.fetchall()
    return int(count)
