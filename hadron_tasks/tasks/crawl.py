"""Tasks of the crawl: one page each, so that no worker is held for long and none is needed twice.

What happens is decided in :mod:`hadron_tasks.crawl`; here is what sends and what is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import cache

import structlog
from kombu.exceptions import OperationalError

from hadron_tasks.app import REST_QUEUE, app
from hadron_tasks.crawl import runs
from hadron_tasks.crawl.failures import Patience
from hadron_tasks.crawl.keep import Codes
from hadron_tasks.crawl.lookups import look_up
from hadron_tasks.crawl.pages import Tools, do_page
from hadron_tasks.crawl.plan import CrawlKind, venue_of, venue_of_part
from hadron_tasks.crawl.polygon_lookups import look_up_polygon
from hadron_tasks.crawl.runs import Message, Started
from hadron_tasks.errors import ConfigurationError
from hadron_tasks.settings import get_settings
from hadron_tasks.store.session import raw_connection
from hadron_tasks.task_past import Past
from hadron_tasks.tasks.base import HadronTask, Report
from hadron_tasks.tasks.connections import crawling_rest, engine, polygon_rest
from hadron_tasks.venues.kalshi.fields import VENUE as KALSHI
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.polygon.rest import PolygonRest

_log = structlog.get_logger(__name__)


@app.task(name="hadron.crawl_page", base=HadronTask, bind=True, queue=REST_QUEUE)  # type: ignore[untyped-decorator]
def crawl_page(self: HadronTask, run_id: int, part: str, page: int) -> Report:
    """Fetch and store one page of a crawl, and send the task of the next."""
    if Past.of(vars(self.request)).letter is not None:
        return _try_lost_page_again(run_id, part, page)
    settings = get_settings()
    patience = Patience(settings.crawl_page_tries, timedelta(seconds=settings.crawl_retry_pause_s))
    tools = Tools(_rest_of(venue_of_part(part)), _codes(), patience)
    with raw_connection(engine()) as connection:
        outcome = do_page(connection, tools, run_id, part, page)
    send_pages(outcome.messages)
    if outcome.loss is not None:
        raise outcome.loss
    counts = {"seen": outcome.seen, "changed": outcome.changed, "requests": outcome.requests}
    return {"result": outcome.result} | {name: count for name, count in counts.items() if count}


def _try_lost_page_again(run_id: int, part: str, page: int) -> Report:
    # The crawl has gone on without the page: what it misses is taken up from its own record.
    with raw_connection(engine()) as connection:
        if not runs.misses(connection, run_id, part, page):
            return {"result": "nothing is missing"}
    return {"result": "taken up again", "parts": resume(run_id)}


@app.task(name="hadron.crawl_start", base=HadronTask, queue=REST_QUEUE)  # type: ignore[untyped-decorator]
def crawl_start(kind: CrawlKind, scope: str = "") -> Report:
    """Start a crawl, unless one of its kind is running."""
    if kind == "combos" and not get_settings().crawl_combo_pages:
        return {"off": True}
    if venue_of(kind) == KALSHI:
        crawling_rest()  # a key that cannot be used is told here, before there is a run
    elif get_settings().polygon_api_key is None:
        return {"off": True}
    started = start(kind, scope)
    return {"run": started.run_id, "kind": started.kind, "new": started.is_new}


@app.task(name="hadron.crawl_watch", base=HadronTask, queue=REST_QUEUE)  # type: ignore[untyped-decorator]
def crawl_watch() -> Report:
    """Send again the pages whose task was lost; start the very first crawls."""
    with raw_connection(engine()) as connection:
        found = runs.watch(connection)
        is_first = runs.never_started(connection)
    send_pages(found)
    if is_first and KALSHI in get_settings().venues:
        # Without it everything would wait for its name until the daily crawl.
        for kind in ("full", "combos"):
            crawl_start.apply_async(args=[kind])
    return {"sent again": len(found), "first": is_first}


@app.task(name="hadron.look_up_new", base=HadronTask, queue=REST_QUEUE)  # type: ignore[untyped-decorator]
def look_up_new() -> Report:
    """Ask the exchange about instruments that the stream brought and that have no name yet."""
    with raw_connection(engine()) as connection:
        counts = look_up(connection, crawling_rest, _codes())
    return {name: count for name, count in asdict(counts).items() if count}


@app.task(name="hadron.look_up_new_polygon", base=HadronTask, queue=REST_QUEUE)  # type: ignore[untyped-decorator]
def look_up_new_polygon() -> Report:
    """The same for instruments of Polygon; options are named by what their symbols say."""
    make_rest = None if get_settings().polygon_api_key is None else polygon_rest
    with raw_connection(engine()) as connection:
        counts = look_up_polygon(connection, make_rest)
    return {name: count for name, count in asdict(counts).items() if count}


def start(kind: CrawlKind, scope: str = "") -> Started:
    """Start a crawl and send its first tasks; wherever this runs needs no exchange."""
    settings = get_settings()
    with raw_connection(engine()) as connection:
        started = runs.start(connection, kind, scope, combo_pages=settings.crawl_combo_pages)
        if started.is_new:
            runs.forget(connection, timedelta(days=settings.crawl_history_days))
    send_pages(started.messages)
    return started


def resume(run_id: int) -> int:
    """Take up a crawl; returns how many of its parts go on.

    Raises:
        HadronError: It cannot be taken up; says why.
    """
    with raw_connection(engine()) as connection:
        pages = get_settings().crawl_combo_pages
        messages = runs.resume(connection, run_id, combo_pages=pages)
    send_pages(messages)
    return len(messages)


def send_pages(messages: Sequence[Message]) -> None:
    """Send the tasks of pages. One that cannot be sent is found by the watch later."""
    for message in messages:
        try:
            crawl_page.apply_async(
                args=[message.run_id, message.part, message.page],
                countdown=message.pause.total_seconds() or None,
            )
        except OperationalError as error:
            _log.warning(
                "A page's task could not be sent; it will be within a minute or two",
                run=message.run_id,
                part=message.part,
                page=message.page,
                error=str(error),
            )


def _rest_of(venue: str) -> KalshiRest | PolygonRest | ConfigurationError:
    try:
        return crawling_rest() if venue == KALSHI else polygon_rest()
    except ConfigurationError as error:
        return error


@cache
def _codes() -> Codes:
    return Codes()
