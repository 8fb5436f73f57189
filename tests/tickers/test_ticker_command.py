"""``hadron ticker``: names for people, JSON for programs, standard input for many."""

from __future__ import annotations

import json

from click.testing import CliRunner

from hadron_tasks.cli.ticker import ticker

GAME = "KXNBAGAME-25NOV29TORCHA-TOR"
NAME = "Toronto Raptors to win: Toronto at Charlotte, Nov 29, 2025"


def test_one_ticker_is_shown_with_its_parts() -> None:
    shown = CliRunner().invoke(ticker, [GAME])
    assert shown.exit_code == 0
    assert NAME in shown.output
    assert "25NOV29 (date)" in shown.output
    assert "Charlotte Hornets" in shown.output


def test_several_are_a_line_each() -> None:
    shown = CliRunner().invoke(ticker, [GAME, "FED-25DEC-T3.75"])
    assert shown.output.splitlines() == [
        f"{GAME}\t{NAME}",
        "FED-25DEC-T3.75\tFederal funds rate above 3.75%, Dec 2025",
    ]


def test_json_is_one_object_a_line() -> None:
    shown = CliRunner().invoke(ticker, ["--json", GAME, "FED-25DEC-T3.75"])
    game, fed = (json.loads(line) for line in shown.output.splitlines())
    assert game["display_name"] == NAME
    assert game["away"]["full_name"] == "Toronto Raptors"
    assert fed["strike"] == {
        "direction": "above",
        "value": "3.75",
        "cap": None,
        "unit": "%",
        "exact": False,
    }


def test_standard_input_is_read_a_ticker_a_line() -> None:
    shown = CliRunner().invoke(ticker, input=f"{GAME}\n\n  FED-25DEC-T3.75  \n")
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) == 2


def test_a_line_that_is_no_ticker_does_not_stop_the_others() -> None:
    shown = CliRunner().invoke(ticker, input=f"no ticker\n{GAME}\n")
    assert shown.exit_code == 1
    assert NAME in shown.stdout
    assert "'no ticker' is not a ticker" in shown.stderr


def test_help_has_an_example() -> None:
    shown = CliRunner().invoke(ticker, ["--help"])
    assert "hadron ticker KXNBAGAME-25NOV29TORCHA-TOR" in shown.output
