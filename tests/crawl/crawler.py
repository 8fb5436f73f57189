"""A crawl without workers: its pages are done one after the other, as tasks would."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import psycopg2
import redis
from venues.kalshi_rest_clients import client_of

from hadron_tasks.crawl import runs
from hadron_tasks.crawl.failures import Patience
from hadron_tasks.crawl.keep import Codes
from hadron_tasks.crawl.lookups import Counts, look_up
from hadron_tasks.crawl.pages import CrawlPageLost, Outcome, Tools, do_page
from hadron_tasks.crawl.plan import CrawlKind
from hadron_tasks.crawl.report import RunReport, read_report
from hadron_tasks.crawl.runs import Message, Started
from hadron_tasks.store import crawl_runs
from hadron_tasks.venues.kalshi.rate_limit import AccountBudget, TokenBucket
from streamer.simulator.rest_faults import RestFault
from streamer.simulator.simulator import Simulator

MOST_PAGES = 500
"""A crawl that takes more would not end."""


class Crawler:
    """One worker, and what tests ask of it."""

    def __init__(self, database_url: str, client: redis.Redis, exchange: Simulator) -> None:
        self.client = client
        self.exchange = exchange
        self.connection = psycopg2.connect(database_url)
        self.bucket = TokenBucket(client, "test")
        self.bucket.learn(AccountBudget(1_000_000, 1_000_000))
        self.tools = self.another_worker(3)
        self.losses: list[CrawlPageLost] = []
        self.outcomes: list[tuple[Message, Outcome]] = []

    def another_worker(self, tries: int) -> Tools:
        rest = client_of(self.exchange, self.bucket, limit_wait_s=0.5)
        return Tools(rest, Codes(), Patience(tries, timedelta(seconds=1)))

    def close(self) -> None:
        self.tools.rest.close()
        self.connection.close()

    # What tasks do

    def start(self, kind: CrawlKind = "full", scope: str = "", combo_pages: int = 5) -> Started:
        return runs.start(self.connection, kind, scope, combo_pages=combo_pages)

    def page(self, message: Message) -> Outcome:
        """One task, whenever it is due."""
        outcome = do_page(self.connection, self.tools, message.run_id, message.part, message.page)
        self.outcomes.append((message, outcome))
        if outcome.loss is not None:
            self.losses.append(outcome.loss)
        return outcome

    def work_off(
        self,
        messages: Iterable[Message],
        until: tuple[str, int] | None = None,
        sleep: Callable[[float], None] = lambda _: None,
    ) -> list[Message]:
        """Do what is sent and what follows from it.

        Args:
            sleep: For the pauses that pages are to be put off for.

        Returns:
            The message of the part and page of ``until``, the only one that is left.
        """
        waiting, held = deque(messages), []
        for _ in range(MOST_PAGES):
            if not waiting:
                return held
            message = waiting.popleft()
            sleep(message.pause.total_seconds())
            if (message.part, message.page) == until:
                held.append(message)
            else:
                waiting += self.page(message).messages
        raise AssertionError(f"the crawl does not end: {self.outcomes[-20:]}")

    def run(self, kind: CrawlKind = "full", scope: str = "", **options: Any) -> RunReport:
        """A whole crawl."""
        started = self.start(kind, scope, **options)
        self.work_off(started.messages)
        return self.report(started.run_id)

    def look_up(self) -> Counts:
        return look_up(self.connection, lambda: self.tools.rest, self.tools.codes)

    # What tests ask

    def report(self, run_id: int) -> RunReport:
        with self.connection, self.connection.cursor() as db:
            run = crawl_runs.read_run(db, run_id)
        assert run is not None
        return read_report(self.connection, run)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connection, self.connection.cursor() as db:
            db.execute(sql, values)
            return db.fetchall()

    def one(self, sql: str, *values: object) -> Any:
        return self.query(sql, *values)[0][0]

    def execute(self, sql: str, *values: object) -> int:
        with self.connection, self.connection.cursor() as db:
            db.execute(sql, values)
            return db.rowcount

    def strike(self, kind: Any, **changes: Any) -> None:
        self.exchange.rest.faults.strike(RestFault(kind, **changes))

    @property
    def requests(self) -> int:
        """That the exchange has counted."""
        return self.exchange.rest.stats.requests


def part_of(report: RunReport, name: str) -> Any:
    return next(part for part in report.parts if part.part == name)
