"""``python -m streamer run`` and ``python -m streamer health``."""

from __future__ import annotations

import asyncio
import sys
import time

import click
import redis
from redis.exceptions import RedisError

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.feed_health import HEALTH_KEY
from hadron_tasks.logs import configure_logging
from hadron_tasks.settings import get_settings
from streamer.fleet import VENUES, Fleet
from streamer.health import DEFAULT_MAX_AGE_S, faults, parse_reports, streamer_prefix

EXIT_UNHEALTHY = 1
EXIT_CONFIGURATION = 2


@click.group()
def main() -> None:
    """Hold the exchanges' connections and push every frame into Redis."""


@main.command()
@click.option(
    "--venue",
    "venues",
    multiple=True,
    type=click.Choice(VENUES),
    help="Only this venue; repeatable.",
)
def run(venues: tuple[str, ...]) -> None:
    """Stream until SIGTERM or Ctrl-C.

    Example: python -m streamer run --venue kalshi
    """
    try:
        settings = get_settings()
        configure_logging(settings)
        if venues:
            settings = settings.model_copy(update={"venues": list(venues)})
        fleet = Fleet(settings, settings.venues)
    except ConfigurationError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIGURATION)
    asyncio.run(fleet.run())


@main.command()
@click.option(
    "--max-age-s",
    default=DEFAULT_MAX_AGE_S,
    show_default=True,
    help="How long a live connection may have received nothing, not even a ping.",
)
def health(max_age_s: float) -> None:
    """Exit 0 if this host's streamers are live or wait for a free key, else 1 and say why.

    Example: python -m streamer health --max-age-s 30
    """
    try:
        url = get_settings().redis_url.get_secret_value()
        client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        values = list(client.hgetall(HEALTH_KEY).values())  # type: ignore[union-attr]
    except ConfigurationError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIGURATION)
    except RedisError as error:
        click.echo(f"Redis cannot be reached ({error}). Start it, or correct HADRON_REDIS_URL.")
        sys.exit(EXIT_UNHEALTHY)
    found = faults(parse_reports(values), streamer_prefix(), time.time_ns(), max_age_s)
    for fault in found:
        click.echo(fault)
    sys.exit(EXIT_UNHEALTHY if found else 0)


if __name__ == "__main__":
    main()
