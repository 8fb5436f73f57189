"""Secrets are taken out of texts, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.redaction import RedactedError, redact, redacted_error

PEM = """-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAx5d7
-----END RSA PRIVATE KEY-----"""


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (f"cannot sign with {PEM} today", "cannot sign with [hidden] today"),
        (repr(PEM), "'[hidden]'"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "[hidden]"),
        (
            "cannot reach redis://:s3cr3t-word@host:6379/0",
            "cannot reach redis://:[hidden]@host:6379/0",
        ),
        (
            "postgresql://hadron:p@ss/w:rd@db.local:5432/hadron is away",
            "postgresql://hadron:[hidden]@db.local:5432/hadron is away",
        ),
        (
            'connection "host=db password=hunter2 user=h"',
            'connection "host=db password=[hidden] user=h"',
        ),
        (
            "GET /v3/trades?limit=5&apiKey=abcdef123&x=1",
            "GET /v3/trades?limit=5&apiKey=[hidden]&x=1",
        ),
        ("{'KALSHI-ACCESS-KEY': '0f3a-11', 'a': 1}", "{'KALSHI-ACCESS-KEY': '[hidden]', 'a': 1}"),
        ('{"api_key":"abcdef123","a":1}', '{"api_key":"[hidden]","a":1}'),
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer [hidden]"),
    ],
)
def test_secrets_are_hidden(told: str, kept: str) -> None:
    assert redact(told) == kept
    assert redact(kept) == kept


@pytest.mark.parametrize(
    "told",
    [
        "KALSHI_PRIVATE_KEY_1_PATH is set but KALSHI_API_KEY_1 is not.",
        "https://external-api.kalshi.com/trade-api/v2/markets?limit=1000 answered 500",
        "redis://127.0.0.1:6379/0 cannot be reached",
        'File "/srv/hadron_tasks/tasks/drain.py", line 41, in drain_raw',
        "KeyError: 'msg.yes_bid_dollars'",
    ],
)
def test_what_is_no_secret_stays(told: str) -> None:
    assert redact(told) == told


def test_the_very_values_of_the_settings_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADRON_REDIS_URL", "redis://:open%20sesame@localhost/0")
    monkeypatch.setenv("HADRON_DATABASE_URL", "postgresql://hadron:db-password-1@localhost/hadron")
    monkeypatch.setenv("POLYGON_API_KEY", "polygon-key-1")
    monkeypatch.setenv("KALSHI_API_KEY_1", "kalshi-key-1")
    monkeypatch.setenv("KALSHI_PRIVATE_KEY_1_PATH", "keys/1.pem")
    told = "open sesame, open%20sesame, db-password-1, (polygon-key-1), kalshi-key-1 in keys/1.pem"
    assert redact(told) == ("[hidden], [hidden], [hidden], ([hidden]), [hidden] in keys/1.pem")


def test_an_error_without_a_secret_stays_itself() -> None:
    error = ValueError("3 is no side")
    assert redacted_error(error) is error


def test_an_error_caused_by_one_that_told_a_secret_is_replaced() -> None:
    try:
        try:
            raise OSError("no route to redis://:hunter2x@host")
        except OSError as cause:
            raise ValueError("cannot connect") from cause
    except ValueError as error:
        told = redacted_error(error)
    assert isinstance(told, RedactedError)
    assert str(told) == "ValueError: cannot connect"
    assert told.__cause__ is None
    assert told.__context__ is None
    assert told.__traceback__ is not None


@given(st.text())
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)
