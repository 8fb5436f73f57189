"""The simulated Kalshi's REST side when it limits, refuses and fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from simulator.exchange_clients import WITHIN_S
from simulator.rest_requests import Asker, run_rest

from streamer.simulator.rest_faults import RestFault
from streamer.simulator.rest_limits import RestLimits, RestStats


def _struck(asker: Asker, kind: Any, **changes: Any) -> None:
    asker.simulator.rest.faults.strike(RestFault(kind, **changes))


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    refill=st.floats(1, 1000),
    capacity=st.floats(10, 1000),
    pauses=st.lists(st.floats(0, 2), max_size=60),
)
def test_the_bucket_never_lets_through_more_than_it_holds_and_gains(
    refill: float, capacity: float, pauses: list[float]
) -> None:
    clock, stats = _Clock(), RestStats()
    limits = RestLimits(refill, capacity, {"GET /dear": 25}, stats, clock)
    for number, pause in enumerate(pauses):
        clock.now += pause
        wait = limits.admit(("GET /dear", "GET /usual")[number % 2], signed=True)
        if 0 < wait < 1e6 and capacity >= 25:
            clock.now += wait + 1e-6
            assert limits.admit(("GET /dear", "GET /usual")[number % 2], signed=True) == 0
    assert stats.tokens <= capacity + refill * clock.now + 1e-3
    assert (
        stats.tokens == 25 * stats.by_endpoint["GET /dear"] + 10 * stats.by_endpoint["GET /usual"]
    )


def test_too_many_requests_are_refused_and_counted(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        answers = [asker.get("/exchange/status") for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        # 10 tokens at 0.001 a second, less the seconds that this machine took to ask.
        assert 9_000 < float(answers[-1].headers["Retry-After"]) <= 10_000
        assert answers[-1].json()["code"] == "too_many_requests"
        # Unsigned requests have a bucket of their own.
        assert Asker(asker.simulator, slot=0).get("/exchange/status").status_code == 200
        # The other key belongs to the same account.
        assert Asker(asker.simulator, slot=2).get("/exchange/status").status_code == 429
        stats = asker.simulator.rest.stats
        assert (stats.requests, stats.tokens, stats.limited) == (10, 60, 4)
        assert stats.by_status == {200: 6, 429: 4}
        assert stats.by_endpoint == {"GET /exchange/status": 6}
        assert stats.by_key == {"kalshi-1": 8, "kalshi-2": 1, "unsigned": 1}

    run_rest(
        tmp_path,
        check,
        keys=2,
        rest_refill_per_s=0.001,
        rest_capacity=50,
        rest_tells_retry_after=True,
    )


def test_costs_and_limits_are_told_and_charged(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        costs = asker.ask("/account/endpoint_costs")
        assert costs == {
            "default_cost": 10,
            "endpoint_costs": [{"method": "GET", "path": "/markets/{ticker}", "cost": 30}],
        }
        limits = asker.ask("/account/limits")
        assert limits["read"] == {"refill_rate": 400, "bucket_capacity": 200}
        before = asker.simulator.rest.stats.tokens
        ticker = asker.ask("/markets", limit=1)["markets"][0]["ticker"]
        asker.ask(f"/markets/{ticker}")
        assert asker.simulator.rest.stats.tokens == before + 10 + 30
        # However slowly this machine asks, the bucket is empty after a few.
        asker.simulator.rest.limits.change(refill_per_s=0.001, capacity=100)
        answers = iter(lambda: asker.get(f"/markets/{ticker}"), None)
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert "Retry-After" not in refused.headers

    run_rest(
        tmp_path,
        check,
        rest_refill_per_s=200,
        rest_capacity=100,
        rest_announced_per_s=400,
        rest_costs=(("GET /markets/{ticker}", 30),),
    )


def test_signatures_are_verified(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        unsigned = Asker(asker.simulator, slot=0)
        assert unsigned.get("/markets").status_code == 200
        assert unsigned.refused("/account/limits")[0] == 401
        assert unsigned.refused("/markets/orderbooks", tickers="A")[0] == 401
        url = asker.simulator.kalshi_rest_url + "/markets"
        good = dict(asker.get("/markets").request.headers)
        # A signature is for one path, and does not cover the query.
        assert requests.get(url, headers=good, params={"limit": 5}).status_code == 200
        assert requests.get(f"{url}/trades", headers=good).status_code == 401
        stamp, sign = "KALSHI-ACCESS-TIMESTAMP", "KALSHI-ACCESS-SIGNATURE"
        for spoilt in (
            {sign: good[sign][:-8] + "AAAAAAA="},
            {stamp: str(int(good[stamp]) - 60_000)},
            {stamp: ""},
            {"KALSHI-ACCESS-KEY": "nobody"},
        ):
            assert requests.get(url, headers={**good, **spoilt}).status_code == 401
        asker.simulator.rest.faults.refused_keys.add("kalshi-1")
        assert asker.get("/markets").status_code == 401
        asker.simulator.faults.clear()
        assert asker.get("/markets").status_code == 200

    run_rest(tmp_path, check)


def test_faults_strike_as_often_as_asked_where_asked(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        _struck(asker, "status", count=2, path="/markets", status=503)
        assert asker.get("/exchange/status").status_code == 200
        assert [asker.get("/markets").status_code for _ in range(3)] == [503, 503, 200]
        _struck(asker, "status", form="wrapped", status=500)
        assert asker.get("/markets").json()["error"]["code"] == "fault"
        _struck(asker, "status", form="plain", status=429, retry_after="7")
        answer = asker.get("/markets")
        assert (answer.status_code, answer.text) == (429, "struck by a fault")
        assert answer.headers["Retry-After"] == "7"

        _struck(asker, "truncate")
        with pytest.raises(requests.JSONDecodeError):
            asker.get("/markets").json()
        _struck(asker, "cut_off")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            asker.get("/markets")
        _struck(asker, "html")
        assert asker.get("/markets").text.startswith("<html>")
        _struck(asker, "malformed_item")
        page = asker.ask("/markets", limit=5)["markets"]
        assert ["ticker" in market for market in page] == [False, True, True, True, True]

        _struck(asker, "repeat_cursor")
        cursor = asker.ask("/markets", limit=5)["cursor"]
        assert asker.ask("/markets", limit=5, cursor=cursor)["cursor"] == cursor
        assert asker.ask("/markets", limit=5, cursor=cursor)["cursor"] != cursor
        kinds = {"status": 4, "truncate": 1, "cut_off": 1, "html": 1}
        kinds |= {"malformed_item": 1, "repeat_cursor": 1}
        assert asker.simulator.rest.stats.faults == kinds

    run_rest(tmp_path, check)


_LONG_S = 300.0
"""Much longer than the rest of a test takes, even where the machine stands still meanwhile."""


def test_a_request_that_hangs_holds_nobody_else_up(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        struck = asker.simulator.rest.stats.faults
        _struck(asker, "hang", seconds=0.3)
        began = time.monotonic()
        assert asker.get("/markets", timeout=_LONG_S).status_code == 200
        # So long as it was told, not as a fault hangs that is told nothing.
        assert 0.25 < time.monotonic() - began < RestFault("hang").seconds
        _struck(asker, "hang", seconds=_LONG_S)
        with pytest.raises(requests.Timeout):
            asker.get("/markets", timeout=0.2)
        _wait_until(lambda: struck["hang"] == 2)
        _struck(asker, "hang", seconds=_LONG_S)
        waiting = threading.Thread(target=_ignored, args=(Asker(asker.simulator),))
        waiting.start()
        _wait_until(lambda: struck["hang"] == 3)
        assert asker.get("/markets").status_code == 200

    began = time.monotonic()
    run_rest(tmp_path, check)
    # Stopping does not wait for what hangs.
    assert time.monotonic() - began < _LONG_S / 2


def _ignored(asker: Asker) -> None:
    try:
        asker.get("/markets", timeout=2 * _LONG_S)
    except requests.RequestException:
        return


def _wait_until(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_the_control_port_strikes_and_changes(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        def post(path: str, body: Any) -> requests.Response:
            return requests.post(
                f"{asker.simulator.control_url}/{path}", json=body, timeout=WITHIN_S
            )

        assert post("faults", {"fault": "rest", "kind": "status", "status": 502}).json() == {
            "fault": "rest",
            "struck": 1,
        }
        assert asker.get("/markets").status_code == 502
        assert post("faults", {"fault": "rest", "kind": "status", "status": 200}).status_code == 400
        assert post("faults", {"fault": "rest", "kind": "earthquake"}).status_code == 400
        keys = {"fault": "refuse_rest_keys", "keys": ["kalshi-1"]}
        assert post("faults", keys).json()["struck"] == 1
        assert asker.get("/markets").status_code == 401
        post("faults", {"fault": "clear"})

        assert post("rest", {"reword": 0.01}).json() == {"reworded": 10, "settled": 0}
        assert post("rest", {"settle": 0.1}).json() == {"reworded": 0, "settled": 100}
        assert len(asker.every("/markets", "markets", status="settled")) == 100
        assert post("rest", {"settle": 2}).status_code == 400
        post("rest", {"archive": True})
        assert asker.every("/markets", "markets", status="settled") == []
        assert len(asker.every("/historical/markets", "markets")) == 100
        post("rest", {"refill_per_s": 0.001, "capacity": 20})
        codes = [asker.get("/exchange/status").status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        stats = requests.get(f"{asker.simulator.control_url}/stats", timeout=WITHIN_S).json()[
            "rest"
        ]
        assert stats["limited"] == 1
        assert stats["by_status"]["502"] == 1

    run_rest(tmp_path, check, rest_markets=1000)


def test_simulator_json_says_where_rest_is(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        found = asker.simulator.describe()
        assert found["kalshi_rest_url"] == f"{found['control_url']}/trade-api/v2"

    run_rest(tmp_path, check)


def test_without_kalshi_there_is_no_rest(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        assert asker.simulator.describe()["kalshi_rest_url"] == ""
        url = f"{asker.simulator.control_url}/trade-api/v2/markets"
        assert requests.get(url, timeout=WITHIN_S).status_code == 404

    run_rest(tmp_path, check, venues=("polygon",))
