"""``python -m streamer.simulator``: the simulated exchanges as a process of their own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from hadron_tasks.errors import ConfigurationError
from streamer.simulator.config import VENUES, Era, KalshiMix, PolygonPlan, SimulatorConfig
from streamer.simulator.simulator import Simulator


@click.command(
    epilog="Example: python -m streamer.simulator --data-dir .hadron/simulator --rate 2000"
)
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--kalshi-port", default=0, help="0 lets the system choose.")
@click.option("--polygon-port", default=0, help="0 lets the system choose.")
@click.option("--control-port", default=0, help="0 lets the system choose.")
@click.option("--keys", default=4, show_default=True, help="Kalshi API keys, 1 to 10.")
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--rate",
    default=200.0,
    show_default=True,
    help="Data messages a second over both venues; 0 for as fast as the sockets take.",
)
@click.option("--markets", default=400, show_default=True, help="Kalshi markets open at a time.")
@click.option("--era", type=click.Choice(get_args(Era)), default="dollars", show_default=True)
@click.option("--venues", default=",".join(VENUES), show_default=True)
@click.option(
    "--mix",
    default="ticker=60,delta=30,trade=8,snapshot=2",
    show_default=True,
    help="Kalshi's messages, by relative frequency.",
)
@click.option("--polygon-share", default=0.2, show_default=True, help="Its part of all messages.")
@click.option("--lifecycle-every", default=5.0, show_default=True, help="Seconds; 0 for never.")
@click.option("--first-day", type=click.DateTime(["%Y-%m-%d"]), help="Of the markets' tickers.")
@click.option(
    "--rest-markets",
    default=0,
    show_default=True,
    help="Further Kalshi markets that only the REST API knows, up to two million.",
)
@click.option("--rest-combos", default=50, show_default=True, help="Multivariate ones, likewise.")
@click.option(
    "--rest-refill",
    default=200.0,
    show_default=True,
    help="Tokens a second of the REST API's rate limit, and its capacity; a request costs 10.",
)
@click.option(
    "--polygon-requests",
    default=300,
    show_default=True,
    help="REST requests that the Polygon key may make a minute; 5 on the exchange's free plan.",
)
@click.option(
    "--polygon-plan",
    type=click.Choice(get_args(PolygonPlan)),
    default="advanced",
    show_default=True,
    help="basic refuses trades over REST, as the free plan does.",
)
@click.option(
    "--polygon-reference",
    default=0,
    show_default=True,
    help="Further stocks of which only Polygon's REST API knows, up to a million.",
)
@click.option("--for", "for_s", type=float, help="Seconds after which to stop.")
def main(
    data_dir: Path,
    host: str,
    kalshi_port: int,
    polygon_port: int,
    control_port: int,
    keys: int,
    seed: int,
    rate: float,
    markets: int,
    era: Era,
    venues: str,
    mix: str,
    polygon_share: float,
    lifecycle_every: float,
    first_day: datetime | None,
    rest_markets: int,
    rest_combos: int,
    rest_refill: float,
    polygon_requests: int,
    polygon_plan: PolygonPlan,
    polygon_reference: int,
    for_s: float | None,
) -> None:
    """Simulated Kalshi and Polygon exchanges on local ports.

    Addresses, keys and the ledger's place are in simulator.json in the data directory as soon as
    everything listens. SIGTERM and Ctrl-C stop it in order.
    """
    try:
        config = SimulatorConfig(
            data_dir=data_dir,
            host=host,
            kalshi_port=kalshi_port,
            polygon_port=polygon_port,
            control_port=control_port,
            keys=keys,
            seed=seed,
            rate=rate,
            markets=markets,
            era=era,
            venues=tuple(part.strip() for part in venues.split(",") if part.strip()),
            mix=KalshiMix.parse(mix),
            polygon_share=polygon_share,
            lifecycle_every_s=lifecycle_every,
            first_day=first_day.date() if first_day else None,
            rest_markets=rest_markets,
            rest_combos=rest_combos,
            rest_refill_per_s=rest_refill,
            rest_capacity=rest_refill,
            polygon_requests_per_minute=polygon_requests,
            polygon_plan=polygon_plan,
            polygon_reference=polygon_reference,
        )
        sent = asyncio.run(_run(config, for_s))
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Stopped. Data messages sent: {sent}")


async def _run(config: SimulatorConfig, for_s: float | None) -> int:
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)
    async with Simulator(config) as simulator:
        click.echo(f"Kalshi  {simulator.kalshi_ws_url or 'off'}")
        click.echo(f"REST    {simulator.kalshi_rest_url or 'off'}")
        click.echo(f"Polygon {simulator.polygon_ws_url or 'off'}")
        click.echo(f"REST    {simulator.polygon_rest_url or 'off'}")
        click.echo(f"Control {simulator.control_url}")
        click.echo(f"Ledger  {simulator.ledger_path}")
        failure = asyncio.create_task(simulator.wait_failed())
        stop = asyncio.create_task(asked_to_stop.wait())
        await asyncio.wait({failure, stop}, timeout=for_s, return_when=asyncio.FIRST_COMPLETED)
        if failure.done():
            failure.result()
        for task in (failure, stop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    return simulator.stats.total_sent()


if __name__ == "__main__":
    sys.exit(main())
