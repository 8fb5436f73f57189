"""``hadron simulate``: the simulated exchanges by themselves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


@click.command()
@click.option("--rate", default=200.0, show_default=True, help="Messages a second; 0 is unlimited.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same market.")
@click.option("--markets", default=300, show_default=True, help="How many Kalshi markets.")
@click.option(
    "--rest-markets",
    default=1000,
    show_default=True,
    help="Further Kalshi markets that only the REST API knows, up to 2,000,000.",
)
@click.option("--rest-combos", default=50, show_default=True, help="Multivariate ones, likewise.")
@click.option(
    "--rest-refill", default=200.0, show_default=True, help="REST tokens a second; a request is 10."
)
@click.option("--keys", default=4, show_default=True, help="How many Kalshi API keys.")
@click.option("--kalshi-port", default=0, help="0 chooses a free one.")
@click.option("--polygon-port", default=0, help="0 chooses a free one.")
@click.option("--control-port", default=0, help="0 chooses a free one.")
@click.option(
    "--era", type=click.Choice(["dollars", "cents"]), default="dollars", show_default=True
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    default=Path(".hadron/simulator"),
    show_default=True,
    help="Keys, the ledger, and simulator.json with the addresses.",
)
def simulate(data_dir: Path, **options: object) -> None:
    """Run simulated Kalshi and Polygon exchanges on 127.0.0.1 until Ctrl-C.

    They speak the real protocols, signed handshake and all, so any client can be tried on them.
    The addresses and keys to use are written to simulator.json in the data directory.

    \b
    Examples:
      hadron simulate --rate 500 --kalshi-port 8701 --polygon-port 8702
      hadron simulate --rest-markets 100000
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    arguments = ["--data-dir", str(data_dir)]
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    # Replaced, not called: nothing in hadron_tasks depends on the streamer package.
    os.execv(sys.executable, [sys.executable, "-m", "streamer.simulator", *arguments])  # noqa: S606
