"""``python -m streamer run``."""

from __future__ import annotations

import asyncio
import sys

import click

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.logs import configure_logging
from hadron_tasks.settings import get_settings
from streamer.fleet import VENUES, Fleet

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
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve this process' own metrics there; HADRON_STREAMER_METRICS_PORT when left out.",
)
def run(venues: tuple[str, ...], metrics_port: int | None) -> None:
    """Stream until SIGTERM or Ctrl-C.

    Example: python -m streamer run --venue kalshi --metrics-port 9310
    """
    try:
        settings = get_settings()
        configure_logging(settings)
        if venues:
            settings = settings.model_copy(update={"venues": list(venues)})
        if metrics_port is not None:
            settings = settings.model_copy(update={"streamer_metrics_port": metrics_port})
        asyncio.run(Fleet(settings, settings.venues).run())
    except ConfigurationError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIGURATION)


if __name__ == "__main__":
    main()
