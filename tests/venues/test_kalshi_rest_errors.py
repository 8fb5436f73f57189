"""Errors of Kalshi's REST API: read in every form, told apart, worth a retry or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.errors import AuthenticationRefused, HadronError
from hadron_tasks.venues.rest.answers import parse_retry_after
from hadron_tasks.venues.rest.errors import (
    BadRequest,
    ExchangeFailed,
    KeyRefused,
    NotFound,
    RateLimited,
    RestError,
    explain,
    from_status,
)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"code":"c","message":"no market","details":"","service":"api"}', "c: no market, api"),
        (b'{"error":{"code":"bad","message":"limit","details":"1001"}}', "bad: limit, 1001"),
        (b'{"error":"invalid parameters"}', "invalid parameters"),
        (b'{"code":8,"msg":"Unknown channel"}', "8: Unknown channel"),
        (b'{"message":"same","details":"same"}', "same"),
        (b'"gone"', "gone"),
        (b"upstream connect error", "upstream connect error"),
        (b"<html>\n <h1>502 Bad Gateway</h1></html>", "502 Bad Gateway"),
        (b"", "no explanation"),
        (b"{}", "no explanation"),
        (b"[1]", "[1]"),
        (b"\xff\xfe\x00half", "\ufffd\ufffd half"),
        (b'{"message":{"deep":1},"code":null}', "no explanation"),
    ],
)
def test_an_explanation_is_read_in_every_form(body: bytes, told: str) -> None:
    assert str(explain(body)) == told


@given(st.binary(max_size=3000))
def test_no_body_is_too_odd(body: bytes) -> None:
    told = str(explain(body))
    assert told
    assert len(told) < 500
    assert told.isprintable() or not told.isascii()


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (301, BadRequest, False),
        (400, BadRequest, False),
        (401, KeyRefused, False),
        (403, KeyRefused, False),
        (404, NotFound, False),
        (409, BadRequest, False),
        (429, RateLimited, True),
        (500, ExchangeFailed, True),
        (502, ExchangeFailed, True),
        (503, ExchangeFailed, True),
    ],
)
def test_a_status_says_what_happened(status: int, kind: type[RestError], retryable: bool) -> None:
    error = from_status("Kalshi GET /markets", status, b'{"code":"c","message":"m"}', 3.0)
    assert type(error) is kind
    assert error.retryable is retryable
    assert (error.status, error.code, error.endpoint) == (status, "c", "Kalshi GET /markets")
    assert str(error) == f"Kalshi GET /markets: HTTP {status}: c: m"
    assert isinstance(error, HadronError)
    assert isinstance(error, AuthenticationRefused) is (status in (401, 403))
    assert getattr(error, "retry_after_s", 3.0) == 3.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0.25", 0.25),
        ("-3", 0.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_retry_after_in_seconds(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text) == seconds


def test_retry_after_as_a_date() -> None:
    before = datetime.now(UTC)
    soon = before.replace(microsecond=0) + timedelta(seconds=30)
    found = parse_retry_after(format_datetime(soon, usegmt=True))
    assert found is not None
    assert soon - datetime.now(UTC) <= timedelta(seconds=found) <= soon - before
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
