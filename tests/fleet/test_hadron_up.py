"""``hadron up`` as a person runs it, and the other commands beside it."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from pathlib import Path

import documented
import psycopg2
import pytest
from fleet.terminal import HADRON, Terminal

pytestmark = pytest.mark.fleet

RECORDINGS = Path(__file__).parents[1] / "venues" / "fixtures"


def test_commands_beside_a_running_fleet(terminal: Terminal) -> None:
    terminal.start("--seed", "7")
    terminal.wait_until_flowing()

    for venue in ("kalshi", "polygon"):
        recording = RECORDINGS / f"{venue}-frames.jsonl"
        before = terminal.status()[venue]
        for _ in range(2):
            terminal.run("replay", str(recording), "--venue", venue)
        after = terminal.status()[venue]
        assert after["dead_letters"] == 0
        assert after["unknown"] == before["unknown"]

    trades = json.loads(terminal.run("ticks", "HIGHNY-22DEC23-B53.5", "--json").stdout)
    assert [(one["price"], one["size"], one["side"]) for one in trades] == [
        ("0.3600", "136.00", "no")
    ]
    newest = json.loads(terminal.run("ticks", "I:SPX", "--limit", "3", "--json").stdout)
    assert len(newest) == 3
    assert newest == sorted(newest, key=lambda one: one["event_time"])
    assert "0.4486" in terminal.run("ticks", "GTE", "--type", "bar").stdout

    missing = terminal.run("ticks", "KXNOSUCHTHING", check=False)
    assert missing.returncode == 1
    assert "No instrument is called KXNOSUCHTHING" in missing.stderr
    assert "Did you mean" in terminal.run("ticks", "HIGHNY-22DEC23", check=False).stderr

    check_following(terminal)
    check_dead_letters(terminal)
    check_quick_start(terminal)

    connections = terminal.status()["kalshi"]["connections"]
    assert len(connections) == 4
    assert "Connections" in terminal.run("status").stdout

    assert terminal.up is not None
    terminal.up.send_signal(signal.SIGINT)
    code, output = terminal.end()
    assert code == 0, output
    assert "Every message is accounted for." in output


def check_quick_start(terminal: Terminal) -> None:
    """Its commands, as the page has them; only the ticker is one of today."""
    ((ticker,),) = terminal.query(
        "SELECT ticker FROM instruments JOIN ticks ON instrument_id = id"
        " WHERE tick_type = 'book_snapshot' AND ticks.venue = 'kalshi' LIMIT 1"
    )
    told = {}
    for name in documented.procedures(documented.QUICK_START):
        instead = {"KXFED-26DEC-T3.75": ticker} if name == "book" else {}
        told[name] = documented.run(
            documented.QUICK_START,
            name,
            terminal.directory,
            programs=str(Path(HADRON).parent),
            instead=instead,
        )
    assert "index_value" in told["look"]
    assert "KXFED-" in told["find"]
    assert "Made of the snapshot of" in told["book"]
    assert "MalformedFrame" in told["break"]
    assert "keep-partitions runs every 30 m" in told["schedule"]


def check_following(terminal: Terminal) -> None:
    following = subprocess.Popen(
        [HADRON, "ticks", "I:SPX", "--follow", "--json", "--limit", "1"],
        cwd=terminal.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    lines = [json.loads(following.stdout.readline()) for _ in range(10)]
    following.send_signal(signal.SIGINT)
    _, complaint = following.communicate(timeout=120)
    assert (following.returncode, complaint) == (0, "")
    keys = [(line["event_time"], line["event_key"]) for line in lines]
    assert len(set(keys)) == 10
    assert {line["venue"] for line in lines} == {"polygon"}


def check_dead_letters(terminal: Terminal) -> None:
    bad = b'{"type":"ticker","msg":{"market_ticker":"KXA","price_dollars":"\xff"}}'
    (terminal.directory / "bad.jsonl").write_bytes(bad + b"\n")
    terminal.run("replay", "bad.jsonl", "--venue", "kalshi")
    (cause,) = json.loads(terminal.run("dlq", "list", "--json").stdout)
    assert (cause["count"], cause["error_type"]) == (1, "MalformedFrame")
    newest = str(cause["newest_id"])
    assert "\\xff" in terminal.run("dlq", "show", newest).stdout
    assert (
        "1 letter would be sent again" in terminal.run("dlq", "retry", "--all", "--dry-run").stdout
    )
    terminal.run("dlq", "retry", newest)
    terminal.wait_for(
        lambda: json.loads(terminal.run("dlq", "show", newest, "--json").stdout)["attempts"] == 2
    )
    terminal.run("dlq", "export", "letters.jsonl")
    (letter,) = (terminal.directory / "letters.jsonl").read_text().splitlines()
    assert base64.b64decode(json.loads(letter)["raw_frame"]) == bad
    terminal.run("dlq", "discard", "--fingerprint", cause["fingerprint"])
    assert "No dead letters." in terminal.run("dlq", "list").stdout
    assert "discarded" in terminal.run("dlq", "stats").stdout
    assert terminal.run("dlq", "retry", check=False).returncode == 2


def test_a_message_that_is_missing_shows_in_the_exit_code(terminal: Terminal) -> None:
    terminal.start()
    terminal.wait_until_flowing()
    quotes = "SELECT count(*) FROM ticks WHERE venue = 'kalshi' AND tick_type = 'quote'"
    terminal.wait_for(lambda: terminal.query(quotes)[0][0] >= 2)
    connection = psycopg2.connect(terminal.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ticks WHERE (instrument_id, event_time, event_key) IN ("
            " SELECT instrument_id, event_time, event_key FROM ticks"
            " WHERE venue = 'kalshi' AND tick_type = 'quote' LIMIT 2)"
        )
        assert cursor.rowcount == 2
    connection.close()
    assert terminal.up is not None
    terminal.up.send_signal(signal.SIGTERM)
    code, output = terminal.end()
    assert code == 1, output
    assert "sent 1, stored 0" in output


@pytest.mark.parametrize(
    ("variables", "arguments", "complaint"),
    [
        ({}, ["up", "--venues", "nyse"], "There is no venue 'nyse'"),
        ({"KALSHI_API_KEY_1": "id"}, ["up"], "KALSHI_PRIVATE_KEY_1_PATH"),
        (
            {"KALSHI_API_KEY_1": "id", "KALSHI_PRIVATE_KEY_1_PATH": "none.pem"},
            ["up"],
            "KALSHI_PRIVATE_KEY_1_PATH names none.pem, which does not exist",
        ),
        ({"HADRON_DRAIN_BATCH": "no"}, ["up"], "HADRON_DRAIN_BATCH"),
        ({"HADRON_REDIS_URL": "redis://127.0.0.1:1/0"}, ["status"], "Redis cannot be reached"),
        (
            {"HADRON_DATABASE_URL": "postgresql://u@127.0.0.1:1/h"},
            ["db", "upgrade"],
            "PostgreSQL is not available",
        ),
        ({"HADRON_DATABASE_URL": "mysql://h"}, ["db", "upgrade"], "no PostgreSQL address"),
    ],
)
def test_what_cannot_work_is_told_in_one_line(
    terminal: Terminal, variables: dict[str, str], arguments: list[str], complaint: str
) -> None:
    done = subprocess.run(
        [HADRON, *arguments],
        cwd=terminal.directory,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
