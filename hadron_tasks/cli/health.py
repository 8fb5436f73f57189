"""``hadron health``: whether a part of the fleet is well, by exit code and one line."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import click
import redis

from hadron_tasks import beat_health
from hadron_tasks.cli.connect import redis_url
from hadron_tasks.errors import HadronError
from hadron_tasks.feed_health import HEALTH_KEY, parse_reports
from hadron_tasks.health import (
    SILENT_AFTER_S,
    UNHEARD_AFTER_S,
    beat_faults,
    streamer_faults,
    worker_faults,
)
from hadron_tasks.settings import get_settings
from hadron_tasks.worker_health import queue_lengths, read_reports

HTTP_TIMEOUT_S = 5.0


@click.group()
def health() -> None:
    """Ask whether a part of the fleet is well: exit code 0, or 1 and a line that says why not.

    Containers use these as their health checks.
    """


@health.command()
@click.option("--host", help="Of this machine or container when left out.")
@click.option(
    "--max-age-s",
    default=UNHEARD_AFTER_S,
    show_default=True,
    help="How long a live connection may have received nothing, not even a ping.",
)
@click.option(
    "--max-silence-s",
    default=SILENT_AFTER_S,
    show_default=True,
    help="How long no data may have come from a venue that trades now.",
)
def streamer(host: str | None, max_age_s: float, max_silence_s: float) -> None:
    """Are this host's streamers live, receiving, or standing by for a free key?

    \b
    Example:
      hadron health streamer --max-age-s 30
    """
    with _redis() as client:
        stored = cast("dict[bytes, bytes]", client.hgetall(HEALTH_KEY))
    faults = streamer_faults(
        parse_reports(stored.values()),
        host or socket.gethostname(),
        time.time_ns(),
        unheard_after_s=max_age_s,
        silent_after_s=max_silence_s,
        classes={"polygon": get_settings().polygon_classes},
    )
    _conclude(faults, "The streamers of this host are well.")


@health.command()
@click.option("--host", help="Of this machine or container when left out.")
def worker(host: str | None) -> None:
    """Is this host's worker connected to the broker, and does it take tasks?

    \b
    Example:
      hadron health worker
    """
    with _redis() as client:
        reports = read_reports(client)
        queues = tuple({queue for report in reports for queue in report.queues})
        waiting = queue_lengths(client, queues) if queues else {}
    faults = worker_faults(reports, host or socket.gethostname(), waiting, time.time_ns())
    _conclude(faults, "The worker of this host takes tasks.")


@health.command()
def beat() -> None:
    """Does a beat tick? One that stands by is well while another one ticks.

    \b
    Example:
      hadron health beat
    """
    with _redis() as client:
        age_s = beat_health.tick_age_s(client)
    _conclude(beat_faults(age_s), f"Beat ticked {age_s or 0:.0f} s ago.")


@health.command()
@click.argument("url")
def http(url: str) -> None:
    """Does a service of ours answer with success at URL?

    \b
    Examples:
      hadron health http http://127.0.0.1:9309/metrics
      hadron health http http://127.0.0.1:5555/healthcheck
    """
    if not url.startswith(("http://", "https://")):
        raise click.UsageError("URL begins with http:// or https://")
    try:
        with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as answer:  # noqa: S310 - checked
            answer.read()
    except (urllib.error.URLError, OSError) as error:
        _conclude([f"{url} does not answer ({error})."], "")
    else:
        click.echo(f"{url} answers.")


@contextmanager
def _redis() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url(), socket_timeout=5, socket_connect_timeout=2) as client:
        try:
            yield client
        except redis.RedisError as error:
            raise HadronError(
                f"Redis cannot be reached ({error}). Start it, or correct HADRON_REDIS_URL."
            ) from None


def _conclude(faults: Sequence[str], all_well: str) -> None:
    for fault in faults:
        click.echo(fault)
    if faults:
        raise click.exceptions.Exit(1)
    click.echo(all_well)
