"""``hadron bench`` runs on services of its own, and touches no others."""

from __future__ import annotations

import json

import pytest
import redis
from click.testing import CliRunner

from hadron_tasks.cli import main
from hadron_tasks.local.redis_server import RedisServer


def bench(*arguments: str, fails: bool = False) -> str:
    result = CliRunner().invoke(main, ["bench", *arguments])
    assert (result.exit_code != 0) is fails, result.output
    return result.output if fails else result.stdout


def test_figures_and_ratios_as_json() -> None:
    document = json.loads(bench("write", "--frames", "4000", "--rounds", "2", "--json"))
    names = [figure["name"] for figure in document["figures"]]
    assert names[:3] == [  # and cryptofeed where it is installed
        "COPY of ready rows",
        "normalise and write, one process",
        "json.loads and execute_values",
    ]
    for figure in document["figures"]:
        assert len(figure["rounds"]) == 2
        assert figure["median"] > 0
    to_copy, *_ = document["ratios"]
    assert to_copy["name"] == "write / COPY"
    ours, copy = document["figures"][1]["median"], document["figures"][0]["median"]
    assert to_copy["value"] == pytest.approx(ours / copy)


def test_services_in_use_are_left_alone(redis_server: RedisServer, database_url: str) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("somebody's", "data")
        told = bench("normalise", "--redis-url", redis_server.url, fails=True)
        assert "not empty" in told
        assert client.get("somebody's") == b"data"
    told = bench("normalise", "--database-url", database_url, fails=True)
    assert "holds tables" in told


@pytest.mark.parametrize("workers", ["", "two", "0", "1,-2"])
def test_numbers_that_make_no_sense_are_refused(workers: str) -> None:
    assert "1,2,4" in bench("drain", "--workers", workers, fails=True)
