"""``hadron bench``: how fast it is here, beside the floor and beside what people use instead."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from hadron_tasks.bench import suites
from hadron_tasks.bench.crawling import crawl
from hadron_tasks.bench.endurance import latency
from hadron_tasks.bench.growth import growth
from hadron_tasks.bench.measure import Report, Verdict
from hadron_tasks.bench.plan import Plan
from hadron_tasks.bench.searching import search
from hadron_tasks.bench.services import Services, services
from hadron_tasks.bench.watching import watch
from hadron_tasks.cli.output import console, print_json, table

SUITES: dict[str, Callable[[Plan, Services], Report]] = {
    "normalise": suites.normalise,
    "write": suites.write,
    "drain": suites.drain,
    "ingest": suites.ingest,
    "tickers": suites.tickers,
    "crawl": crawl,
    "search": search,
    "watch": watch,
    "latency": latency,
    "growth": growth,
}


@click.command()
@click.argument("what", type=click.Choice([*SUITES, "all"]), default="all")
@click.option("--frames", default=100_000, show_default=True, help="Frames of a round.")
@click.option("--rounds", default=3, show_default=True, help="After one to warm up.")
@click.option("--workers", default="1,2", show_default=True, help="Numbers of workers to try.")
@click.option("--seconds", default=5.0, show_default=True, help="Of a round measured by time.")
@click.option("--markets", default=1000, show_default=True, help="Distinct markets.")
@click.option("--rates", default="1000,5000", show_default=True, help="Messages/s, for latency.")
@click.option(
    "--rows", default="1000000", show_default=True, help="Rows in the table: growth, search."
)
@click.option(
    "--distinct", default="1000,100000", show_default=True, help="Distinct markets, for growth."
)
@click.option("--redis-url", help="An empty Redis; an embedded one when left out.")
@click.option("--database-url", help="An empty PostgreSQL; an embedded one when left out.")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON.")
def bench(
    what: str,
    frames: int,
    rounds: int,
    workers: str,
    seconds: float,
    markets: int,
    rates: str,
    rows: str,
    distinct: str,
    redis_url: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Measure Hadron, the floor under it, and what people use instead, in one run.

    Runs on services of its own, unless addresses of empty ones are given. Machines differ and are
    noisy: look at the ratios, which compare rounds that took turns. The exit code is 1 when a
    ratio is below what Hadron promises.

    \b
    Examples:
      hadron bench
      hadron bench drain --frames 200000 --workers 1,2,4
      hadron bench latency --rates 5000 --seconds 60        ten windows of a minute
      hadron bench growth --rows 10000000,50000000 --distinct 1000,1000000
      hadron bench normalise --json
    """
    plan = Plan(
        frames=frames,
        rounds=rounds,
        workers=_numbers("--workers", workers),
        seconds=seconds,
        markets=markets,
        rates=_numbers("--rates", rates),
        rows=(0, *_numbers("--rows", rows)),
        distinct=_numbers("--distinct", distinct),
        say=lambda words: click.echo(f"{words} ...", err=True),
    )
    report = Report()
    began = time.monotonic()
    with services(redis_url, database_url) as used:
        for name in SUITES if what == "all" else (what,):
            report.add(SUITES[name](plan, used))
    if as_json:
        print_json(_document(report))
    else:
        _show(report)
        click.echo(f"Took {time.monotonic() - began:.0f} s.")
    if not all(verdict.holds is not False for verdict in report.verdicts):
        click.get_current_context().exit(1)


def _numbers(option: str, given: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in given.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise click.BadParameter("give numbers like 1,2,4", param_hint=option)
    return numbers


def _show(report: Report) -> None:
    console.print(
        table(
            "Figures (medians)",
            [
                {
                    "what": figure.name,
                    "median": round(figure.median),
                    "unit": figure.unit,
                    "spread": f"{figure.spread:.0%}",
                    "besides": ", ".join(f"{k} {v}" for k, v in figure.remarks.items()) or None,
                }
                for figure in report.figures
            ],
        )
    )
    if report.verdicts:
        console.print(table("Ratios", [_verdict(verdict) for verdict in report.verdicts]))


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "what": verdict.name,
        "value": f"{verdict.value:.2f}",
        "wanted": verdict.wanted_words,
        "holds": verdict.holds,
    }


def _document(report: Report) -> dict[str, Any]:
    return {
        "figures": [
            asdict(figure) | {"median": figure.median, "spread": figure.spread}
            for figure in report.figures
        ],
        "ratios": [
            {
                "name": verdict.name,
                "value": verdict.value,
                "wanted": verdict.wanted_words,
                "holds": verdict.holds,
            }
            for verdict in report.verdicts
        ],
    }
