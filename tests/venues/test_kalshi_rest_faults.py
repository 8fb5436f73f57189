"""The REST client where the exchange, or the way to it, fails."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import pytest
from venues.kalshi_rest_clients import UNHURRIED, client_of, strike
from venues.scripted_api import scripted_api, send

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.venues.kalshi.rate_limit import TokenBucket
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.kalshi.rest_listings import (
    MARKETS,
)
from hadron_tasks.venues.rest import answers, client
from hadron_tasks.venues.rest.client import TRIES
from hadron_tasks.venues.rest.errors import (
    AnswerUnreadable,
    BadRequest,
    CursorRepeats,
    ExchangeFailed,
    ExchangeUnreachable,
    NotFound,
    RestError,
)
from streamer.simulator.simulator import Simulator


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("status", {"status": 500}),
        ("status", {"status": 503, "form": "plain"}),
        ("truncate", {}),
        ("cut_off", {}),
        ("html", {}),
        ("hang", {}),
    ],
)
def test_what_may_pass_is_tried_again(
    exchange: Simulator, bucket: TokenBucket, kind: str, changes: dict[str, Any]
) -> None:
    strike(exchange, kind, count=TRIES - 1, **changes)
    with client_of(exchange, bucket) as rest:
        assert len(rest.page(MARKETS).items) == 1000
    assert exchange.rest.stats.requests == TRIES


@pytest.mark.parametrize(
    ("kind", "changes", "error"),
    [
        ("status", {"status": 500, "form": "wrapped"}, ExchangeFailed),
        ("status", {"status": 504}, ExchangeFailed),
        ("truncate", {}, AnswerUnreadable),
        ("cut_off", {}, AnswerUnreadable),
        ("html", {}, AnswerUnreadable),
        ("hang", {}, ExchangeUnreachable),
    ],
)
def test_what_does_not_pass_is_told_after_three_tries(
    exchange: Simulator,
    bucket: TokenBucket,
    kind: str,
    changes: dict[str, Any],
    error: type[RestError],
) -> None:
    strike(exchange, kind, count=100, **changes)
    with (
        client_of(exchange, bucket) as rest,
        pytest.raises(error, match="GET /markets") as raised,
    ):
        rest.page(MARKETS)
    assert raised.value.retryable
    assert exchange.rest.stats.requests == TRIES


def test_waits_between_tries_grow_and_vary(exchange: Simulator, bucket: TokenBucket) -> None:
    waits: list[float] = []
    strike(exchange, "status", count=2)
    with client_of(exchange, bucket, sleep=waits.append, jitter=lambda: 0.0) as rest:
        rest.exchange_status()
    assert waits == [0.25, 0.5]
    strike(exchange, "status", count=2)
    with client_of(exchange, bucket, sleep=waits.append, jitter=lambda: 1.0) as rest:
        rest.exchange_status()
    assert waits[2:] == [0.5, 1.0]


@pytest.mark.parametrize(("status", "error"), [(400, BadRequest), (404, NotFound)])
def test_a_refusal_is_final(
    rest: KalshiRest, exchange: Simulator, status: int, error: type[RestError]
) -> None:
    strike(exchange, "status", count=5, status=status)
    with pytest.raises(error, match=f"HTTP {status}: fault: struck by a fault") as raised:
        rest.page(MARKETS)
    assert not raised.value.retryable
    assert exchange.rest.stats.requests == 1


def test_an_exchange_that_is_not_there(bucket: TokenBucket) -> None:
    spent = bucket.state().requests
    # Held, so that nobody else listens there.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        rest = _scripted(f"http://127.0.0.1:{held.getsockname()[1]}/trade-api/v2", bucket)
        with rest, pytest.raises(ExchangeUnreachable, match="no connection"):
            rest.exchange_status()
    assert bucket.state().requests == spent + TRIES


def test_an_address_that_is_none(bucket: TokenBucket) -> None:
    with pytest.raises(ConfigurationError, match="HADRON_KALSHI_REST_URL"):
        KalshiRest("kalshi/trade-api/v2", [], bucket).exchange_status()


def test_a_cursor_that_comes_again(rest: KalshiRest, exchange: Simulator) -> None:
    strike(exchange, "repeat_cursor", count=100)
    pages = rest.pages(MARKETS)
    first = next(pages)
    with pytest.raises(CursorRepeats) as raised:
        next(pages)
    assert raised.value.cursor == first.cursor
    assert first.cursor in str(raised.value)
    with pytest.raises(CursorRepeats):
        rest.page(MARKETS, cursor=first.cursor)


def test_an_item_that_cannot_be_read(rest: KalshiRest, exchange: Simulator) -> None:
    strike(exchange, "malformed_item")
    page = rest.page(MARKETS)
    assert len(page.items) == 999
    assert page.cursor
    assert len(page.rejected) == 1
    assert page.rejected[0].reason.startswith("ticker: ")


# What only a broken exchange would send


def _scripted(address: str, bucket: TokenBucket, **options: Any) -> KalshiRest:
    return KalshiRest(address, [], bucket, **(UNHURRIED | {"sleep": lambda _: None} | options))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"markets": {}}',
        b'{"cursor": ""}',
        b'{"markets": [], "cursor": 5}',
        b'{"markets": [NaN], "cursor": ""}',
        b'{"markets": [' + b"[" * 5000,
    ],
)
def test_a_body_of_another_shape(bucket: TokenBucket, body: bytes) -> None:
    with (
        scripted_api(lambda handler, _: send(handler, body)) as address,
        _scripted(address, bucket) as rest,
        pytest.raises(AnswerUnreadable),
    ):
        rest.page(MARKETS)


@pytest.mark.parametrize("coding", ["gzip", "chunked", "both"])
def test_a_body_however_it_is_sent(bucket: TokenBucket, coding: str) -> None:
    plain = json.dumps({"markets": [{"ticker": f"M{n}"} for n in range(3_000)]}).encode()

    def script(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        body = plain if coding == "chunked" else gzip.compress(plain)
        handler.send_response(200)
        if coding != "chunked":
            handler.send_header("Content-Encoding", "gzip")
        if coding == "gzip":
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(body), 5000):
            part = body[start : start + 5000]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    with scripted_api(script) as address, _scripted(address, bucket) as rest:
        assert [len(rest.page(MARKETS).items) for _ in range(2)] == [3_000] * 2


def test_a_chunked_body_that_ends_in_the_middle(bucket: TokenBucket) -> None:
    def script(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b'10\r\n{"markets":[],"c')
        handler.close_connection = True

    with (
        scripted_api(script) as address,
        _scripted(address, bucket) as rest,
        pytest.raises(AnswerUnreadable),
    ):
        rest.page(MARKETS)


def test_a_circle_of_cursors(bucket: TokenBucket) -> None:
    following = {"": "A", "A": "B", "B": "C", "C": "A"}

    def script(handler: BaseHTTPRequestHandler, params: dict[str, str]) -> None:
        body = {"markets": [], "cursor": following[params.get("cursor", "")]}
        send(handler, json.dumps(body).encode())

    with scripted_api(script) as address, _scripted(address, bucket) as rest:
        pages = rest.pages(MARKETS)
        assert [next(pages).cursor for _ in range(4)] == ["A", "B", "C", "A"]
        with pytest.raises(CursorRepeats, match="'A'"):
            next(pages)


def test_a_body_that_trickles_in_ends_with_patience(
    bucket: TokenBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    clock = SimpleNamespace(monotonic=lambda: now_s)
    for module in (client, answers):
        monkeypatch.setattr(module, "time", clock)
    cut_off = threading.Event()

    def script(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        nonlocal now_s
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        for _count in range(10_000):
            try:
                handler.wfile.write(b" ")
            except OSError:
                cut_off.set()
                return
            now_s += 10
            time.sleep(0.005)

    with scripted_api(script) as address, _scripted(address, bucket, patience_s=300) as rest:
        with pytest.raises(ExchangeUnreachable, match="did not come in time"):
            rest.page(MARKETS)
        assert rest.requests_sent == 1
        # It went before all was sent, and not before its patience was over.
        assert cut_off.wait(60)
    assert now_s > 300


def test_a_redirect_is_not_followed(bucket: TokenBucket) -> None:
    with (
        scripted_api(
            lambda handler, _: send(handler, b"", 302, Location="http://127.0.0.1:1/")
        ) as address,
        _scripted(address, bucket) as rest,
        pytest.raises(BadRequest, match="302"),
    ):
        rest.page(MARKETS)


def test_a_nul_is_kept_out(bucket: TokenBucket) -> None:
    body = b'{"markets":[{"ticker":"A"},{"ticker":"B","title":"x\\u0000y"}],"cursor":""}'
    with (
        scripted_api(lambda handler, _: send(handler, body)) as address,
        _scripted(address, bucket) as rest,
    ):
        page = rest.page(MARKETS)
    assert [market.ticker for market in page.items] == ["A"]
    assert "NUL" in page.rejected[0].reason
