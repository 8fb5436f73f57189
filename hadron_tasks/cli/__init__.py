"""The ``hadron`` command: one module a noun."""

from __future__ import annotations

from importlib import import_module

import click

from hadron_tasks import __version__
from hadron_tasks.errors import ConfigurationError, HadronError

COMMANDS = {
    "up": "Run the whole fleet on this machine.",
    "status": "Show connections, backlog, what is stored, and gaps.",
    "ticks": "Show the recorded ticks of a ticker; follow them.",
    "book": "Show an order book now, or as it was at a time.",
    "gaps": "List the holes in the feeds.",
    "backfill": "Fetch the trades of a time from an exchange.",
    "audit": "Compare stored trades with the exchange's own.",
    "ticker": "Say what tickers mean.",
    "instruments": "Find instruments, and see all that is known of one.",
    "related": "Show what belongs together with a market or event.",
    "reconcile": "Compare a market's price with its underlying's.",
    "arb": "See arbitrage that was found.",
    "map": "Let a venue's name stand for another's instrument.",
    "dlq": "See, retry and discard dead letters.",
    "crawl": "Fetch series, events and markets; see how far it is.",
    "schedule": "See and change when beat runs its tasks.",
    "metrics": "Tell Prometheus what the fleet does.",
    "health": "Ask whether a part of the fleet is well.",
    "replay": "Send recorded frames through the raw stream again.",
    "simulate": "Run simulated exchanges.",
    "db": "Make and migrate the database.",
    "bench": "Measure Hadron, and the floor under it.",
}
"""In the order of the help. Each is a command of its name in the module of its name here, which
is imported only when it is asked for: a health check is run often and should cost little, and the
list of commands should be there at once."""


class _HadronGroup(click.Group):
    """Finds the commands, and turns Hadron's own errors into one clear line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"{__name__}.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

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
