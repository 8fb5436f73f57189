"""The Celery application: queues, routes, the beat schedule, and how tasks fail."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import setup_logging, worker_process_init
from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

from hadron_tasks.beat_health import KEY_PREFIX as BEAT_KEY_PREFIX
from hadron_tasks.errors import ConfigurationError
from hadron_tasks.letter_room import STORE_TASK
from hadron_tasks.logs import configure_logging
from hadron_tasks.pokes import DRAIN_QUEUE, DRAIN_TASK
from hadron_tasks.settings import Settings, get_settings

MAINTENANCE_QUEUE = "maintenance"
MARKETS_QUEUE = "markets"
"""Watching prices across markets: on a queue of its own, so that a backlog of frames or a crawl
does not make it late."""
REST_QUEUE = "rest"
"""Work that waits for an exchange's REST API: on a queue of its own, so it delays no drain."""
QUEUES = (DRAIN_QUEUE, MAINTENANCE_QUEUE, REST_QUEUE, MARKETS_QUEUE)

POKE_EVERY_S = 2.0
"""How often beat looks whether a stream has data and no drain: the net under lost pokes."""

STORE_LETTERS_EVERY_S = 60.0
"""How often beat looks for dead letters that wait in Redis: the net under requests that got lost,
and what moves them when PostgreSQL is back."""

HOUSEKEEPING_EVERY_S = 3600.0

BEAT_LOOKS_EVERY_S = 5
"""The longest that beat sleeps: a change of the schedule is live so soon."""
BEAT_LOCK_S = 15
"""A beat that has not looked for so long is dead, and the one that stands by takes over."""

FULL_CRAWL_AT = crontab(minute="15", hour="6")
"""UTC: between the American and the European day, outside the exchange's maintenance."""
POLYGON_CRAWL_AT = crontab(minute="45", hour="5")
"""UTC: before the American stock markets open for the day."""
CRAWL_CHANGES_EVERY_S = 300.0
CRAWL_COMBOS_EVERY_S = 3600.0
CRAWL_WATCH_EVERY_S = 30.0
LOOK_UP_NEW_EVERY_S = 60.0
LOOK_UP_NEW_POLYGON_EVERY_S = 15.0
"""Polygon's free plan allows a request every twelve seconds, and none is waited for."""
WATCH_EVERY_S = 5.0
"""A stretch of watching prices is a little shorter."""
PLAN_BACKFILLS_EVERY_S = 15.0
"""How often beat looks for gaps that can be filled, and for runs whose task was lost."""
CHECK_BOOKS_EVERY_S = 180.0
"""How often some rebuilt order books are compared with the exchange's own."""
AUDIT_EVERY_S = 3600.0
WATCH_AUDITS_EVERY_S = 10.0
"""How often beat looks for audits that wait, and for those whose task was lost."""

# Tasks are short: a drain runs for its budget of a few seconds. A visibility timeout far above
# that never redelivers a task that still runs, and one whose worker died soon enough.
VISIBILITY_TIMEOUT_S = 120
# No soft limit: it would raise in the middle of a batch, and look like that batch's fault.
TIME_LIMIT_S = 90


# What reads queues here is ours: what is on one and is no message becomes a dead letter. Under the
# usual name, because Flower asks a broker for its queues by the scheme of its address.
TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "hadron_tasks.tasks.broker:Transport"))

# What a task was given and what it counted are what Flower's list is looked at for.
os.environ.setdefault("FLOWER_TASKS_COLUMNS", "name,args,result,state,received,runtime,worker")
os.environ.setdefault("FLOWER_CONF", str(Path(__file__).with_name("flower_conf.py")))


def make_app(settings: Settings) -> Celery:
    """The application for these settings."""
    broker = settings.redis_url.get_secret_value()
    celery = Celery("hadron", broker=broker, include=["hadron_tasks.tasks"])
    celery.conf.update(
        # JSON only: a pickle on the queue would be code from whoever can write to Redis.
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        task_ignore_result=True,
        enable_utc=True,
        timezone="UTC",
        # A task is taken off the queue when it is done, so that a killed worker loses none.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_time_limit=TIME_LIMIT_S,
        task_default_queue=MAINTENANCE_QUEUE,
        task_queues=[_queue(name) for name in QUEUES],
        task_routes={DRAIN_TASK: {"queue": DRAIN_QUEUE}},
        # Events are what Flower shows.
        worker_send_task_events=True,
        task_send_sent_event=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        # What reaches no task is a dead letter all the same.
        worker_consumer="hadron_tasks.tasks.lost_work:LetterConsumer",
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        beat_scheduler="hadron_tasks.schedule.HadronScheduler",
        beat_max_loop_interval=BEAT_LOOKS_EVERY_S,
        redbeat_redis_url=broker,
        redbeat_redis_options={
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
        },
        redbeat_key_prefix=BEAT_KEY_PREFIX,
        redbeat_lock_timeout=BEAT_LOCK_S,
        beat_schedule=default_schedule(settings),
    )
    return celery


def _queue(name: str) -> Queue:
    # Each with an exchange of its own: by default all would hang on that of the default queue,
    # and a message for one would go to every one.
    return Queue(name, Exchange(name), routing_key=name)


def default_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """What beat runs unless an operator changed it."""
    schedule: dict[str, dict[str, Any]] = {
        f"poke-{venue}": {
            "task": "hadron.poke_drain",
            "schedule": POKE_EVERY_S,
            "args": [venue],
            "options": {"expires": POKE_EVERY_S * 5},
        }
        for venue in settings.venues
    }
    schedule["store-letters"] = {
        "task": STORE_TASK,
        "schedule": STORE_LETTERS_EVERY_S,
        "options": {"expires": STORE_LETTERS_EVERY_S},
    }
    for name in ("keep_partitions", "tidy_streams", "drop_reconciliations"):
        schedule[name.replace("_", "-")] = {
            "task": f"hadron.{name}",
            "schedule": HOUSEKEEPING_EVERY_S,
            "options": {"expires": HOUSEKEEPING_EVERY_S},
        }
    if "kalshi" in settings.venues:
        schedule["check-books"] = {
            "task": "hadron.check_books",
            "schedule": CHECK_BOOKS_EVERY_S,
            "options": {"expires": CHECK_BOOKS_EVERY_S, "queue": REST_QUEUE},
        }
    if "kalshi" in settings.venues:
        schedule["watch-markets"] = {
            "task": "hadron.watch_markets",
            "schedule": WATCH_EVERY_S,
            "options": {"queue": MARKETS_QUEUE, "expires": WATCH_EVERY_S},
        }
    schedule |= _completeness_schedule(settings)
    return schedule | _crawl_schedule(settings.venues)


def _completeness_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    schedule: dict[str, dict[str, Any]] = {
        "watch-audits": {
            "task": "hadron.watch_audits",
            "schedule": WATCH_AUDITS_EVERY_S,
            "options": {"expires": WATCH_AUDITS_EVERY_S * 2},
        }
    }
    for venue in settings.venues:
        schedule[f"plan-backfills-{venue}"] = {
            "task": "hadron.plan_backfills",
            "schedule": PLAN_BACKFILLS_EVERY_S,
            "args": [venue],
            "options": {"expires": PLAN_BACKFILLS_EVERY_S * 2},
        }
        if settings.audit_sample:
            schedule[f"audit-{venue}"] = {
                "task": "hadron.audit_sample",
                "schedule": AUDIT_EVERY_S,
                "args": [venue],
                "options": {"expires": AUDIT_EVERY_S, "queue": REST_QUEUE},
            }
    return schedule


def _crawl_schedule(venues: Collection[str]) -> dict[str, dict[str, Any]]:
    # What was not run before the next is due is dropped: it would only do the same again.
    def entry(task: str, when: float | crontab, expires_s: float, *args: str) -> dict[str, Any]:
        options = {"expires": expires_s, "queue": REST_QUEUE}
        return {"task": f"hadron.{task}", "schedule": when, "args": args, "options": options}

    watch, changes, combos = CRAWL_WATCH_EVERY_S, CRAWL_CHANGES_EVERY_S, CRAWL_COMBOS_EVERY_S
    new, new_polygon = LOOK_UP_NEW_EVERY_S, LOOK_UP_NEW_POLYGON_EVERY_S
    schedule = {"crawl-watch": entry("crawl_watch", watch, watch)}
    if "kalshi" in venues:
        schedule |= {
            "crawl-full": entry("crawl_start", FULL_CRAWL_AT, 12 * 3600.0, "full"),
            "crawl-incremental": entry("crawl_start", changes, changes, "incremental"),
            "crawl-combos": entry("crawl_start", combos, combos, "combos"),
            "look-up-new": entry("look_up_new", new, new),
        }
    if "polygon" in venues:
        schedule |= {
            "crawl-polygon": entry("crawl_start", POLYGON_CRAWL_AT, 12 * 3600.0, "polygon"),
            "look-up-new-polygon": entry("look_up_new_polygon", new_polygon, new_polygon),
        }
    return schedule


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _prepare_for_batches(**_: object) -> None:
    # A drain's threads hand over to each other often: with the usual 5 ms one that writes waits
    # that long for the one that computes after every statement, a quarter of a drain's time.
    sys.setswitchinterval(0.0005)
    # A batch makes tens of thousands of objects and drops them again, in no cycle: looking for
    # cycles after every 700 new ones took a tenth of a drain's time.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


@setup_logging.connect  # type: ignore[untyped-decorator]
def _use_our_logging(**_: object) -> None:
    configure_logging(get_settings())


def _app_or_one_clear_line() -> Celery:
    try:
        return make_app(get_settings())
    except ConfigurationError as error:
        # The celery command imports this module; a traceback would bury what it says.
        raise SystemExit(f"hadron: {error}") from None


app = _app_or_one_clear_line()
