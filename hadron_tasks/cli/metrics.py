"""``hadron metrics``: the fleet's metrics for Prometheus."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from threading import Event
from types import FrameType

import click

from hadron_tasks.cli.connect import database_url, redis_url
from hadron_tasks.cli.output import console, print_json, table
from hadron_tasks.errors import HadronError
from hadron_tasks.logs import configure_logging
from hadron_tasks.metrics.definitions import METRICS
from hadron_tasks.metrics.exporter import FleetCollector, exposition
from hadron_tasks.metrics.server import registry_of, serve
from hadron_tasks.settings import get_settings


@click.group()
def metrics() -> None:
    """What the fleet does, for Prometheus."""


@metrics.command("serve")
@click.option("--address", help="HADRON_METRICS_ADDRESS when left out (127.0.0.1).")
@click.option("--port", type=int, help="HADRON_METRICS_PORT when left out (9309).")
def serve_command(address: str | None, port: int | None) -> None:
    """Answer Prometheus until SIGTERM or Ctrl-C. One such process is enough for the fleet.

    \b
    Example:
      hadron metrics serve --port 9309
    """
    settings = get_settings()
    configure_logging(settings)
    address = settings.metrics_address if address is None else address
    port = settings.metrics_port if port is None else port
    with _collector() as collector:
        try:
            served = serve(registry_of(collector), address, port)
        except OSError as error:
            raise HadronError(
                f"Metrics cannot be served on {address}:{port} ({error.strerror}). "
                "Choose another port with --port or HADRON_METRICS_PORT."
            ) from None
        click.echo(f"Metrics at http://{address}:{served.port}/metrics")
        _wait_for_stop()
        served.stop()


@metrics.command()
def show() -> None:
    """Print all metrics as they are now, in Prometheus' text format.

    \b
    Example:
      hadron metrics show | grep hadron_stream
    """
    with _collector() as collector:
        click.echo(exposition(collector), nl=False)


@metrics.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_command(as_json: bool) -> None:
    """List every metric there is, with its labels and meaning.

    \b
    Example:
      hadron metrics list --json | jq -r '.[].name'
    """
    found = list(METRICS.values())
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        {
            "metric": one.name,
            "type": one.kind.value,
            "labels": " ".join(one.labels),
            "meaning": one.help,
        }
        for one in found
    ]
    console.print(table("Metrics", rows))


@contextmanager
def _collector() -> Iterator[FleetCollector]:
    collector = FleetCollector(get_settings(), redis_url(), database_url())
    try:
        yield collector
    finally:
        collector.close()


def _wait_for_stop() -> None:
    stopped = Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    stopped.wait()
