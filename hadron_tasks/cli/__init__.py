"""The ``hadron`` command: one module a noun."""

from __future__ import annotations

import click

from hadron_tasks import __version__
from hadron_tasks.cli.bench import bench
from hadron_tasks.cli.db import db
from hadron_tasks.cli.dlq import dlq
from hadron_tasks.cli.replay import replay
from hadron_tasks.cli.schedule import schedule
from hadron_tasks.cli.simulate import simulate
from hadron_tasks.cli.status import status
from hadron_tasks.cli.ticker import ticker
from hadron_tasks.cli.ticks import ticks
from hadron_tasks.cli.up import up
from hadron_tasks.errors import ConfigurationError, HadronError


class _HadronGroup(click.Group):
    """Turns Hadron's own errors into one clear line and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            click.echo(f"hadron: {error}", err=True)
            ctx.exit(2)
        except HadronError as error:
            click.echo(f"hadron: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_HadronGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hadron")
def main() -> None:
    """Record what prediction markets and equity exchanges send: every frame, exactly once.

    \b
    Start here:
      hadron up                     the whole fleet on this machine
      hadron status                 what it is doing
      hadron ticks I:SPX --follow   what it recorded
    """


for command in (up, status, ticks, ticker, dlq, schedule, replay, simulate, db, bench):
    main.add_command(command)
