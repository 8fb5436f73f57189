"""The ``hadron`` command: one module a noun."""

from __future__ import annotations

from importlib import import_module

import click

from hadron_tasks import __version__
from hadron_tasks.errors import ConfigurationError, HadronError

COMMANDS = (
    "up",
    "status",
    "ticks",
    "book",
    "gaps",
    "backfill",
    "audit",
    "ticker",
    "instruments",
    "related",
    "reconcile",
    "arb",
    "map",
    "dlq",
    "crawl",
    "schedule",
    "metrics",
    "health",
    "replay",
    "simulate",
    "db",
    "bench",
)
"""In the order of the help. Each is a command of its name in the module of its name here, which
is imported only when it is asked for: a health check is run often and should cost little."""


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
