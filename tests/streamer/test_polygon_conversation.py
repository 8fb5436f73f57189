"""Polygon's protocol, frame by frame, without a socket."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from hadron_tasks.errors import ConfigurationError
from streamer.conversation import (
    ANSWER_WITHIN_S,
    CommandRefused,
    ConnectionUseless,
    CredentialsRefused,
    Event,
)
from streamer.plan import Target
from streamer.polygon import PolygonConversation, PolygonEndpoint, subscriptions_by_class

NOW_NS = 1_795_000_000_000_000_000
ITEMS = frozenset({"stocks:T.*", "stocks:Q.MSFT"})


def status(word: str, message: str = "") -> bytes:
    return json.dumps([{"ev": "status", "status": word, "message": message}]).encode()


def authenticated() -> PolygonConversation:
    conversation = PolygonConversation(SecretStr("secret"))
    conversation.retarget(Target(ITEMS))
    assert conversation.next_command(0.0) is None
    conversation.receive(status("connected"), NOW_NS)
    assert json.loads(conversation.next_command(0.0) or "") == {
        "action": "auth",
        "params": "secret",
    }
    assert not conversation.ready
    conversation.receive(status("auth_success"), NOW_NS)
    assert conversation.ready
    return conversation


def test_greeting_then_auth_then_one_subscription_at_a_time() -> None:
    conversation = authenticated()
    asked = []
    while (command := conversation.next_command(1.0)) is not None:
        asked.append(json.loads(command)["params"])
        assert conversation.next_command(1.0) is None
        conversation.receive(status("success", f"subscribed to: {asked[-1]}"), NOW_NS)
    assert asked == ["Q.MSFT", "T.*"]
    assert conversation.confirmed == ITEMS
    conversation.retarget(Target(frozenset({"stocks:T.*"})))
    assert json.loads(conversation.next_command(2.0) or "")["action"] == "unsubscribe"


def test_a_channel_outside_the_plan_is_left_out() -> None:
    conversation = authenticated()
    conversation.next_command(1.0)
    events = conversation.receive(status("error", "not authorized"), NOW_NS)
    assert events == [CommandRefused("stocks:Q.MSFT", "not authorized")]
    assert json.loads(conversation.next_command(1.0) or "")["params"] == "T.*"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("auth_failed", CredentialsRefused), ("max_connections", ConnectionUseless)],
)
def test_refusals(word: str, expected: type[Event]) -> None:
    conversation = PolygonConversation(SecretStr("secret"))
    (event,) = conversation.receive(status(word, "no"), NOW_NS) or ()
    assert isinstance(event, expected)


def test_silence_is_told_in_each_phase() -> None:
    conversation = PolygonConversation(SecretStr("secret"))
    late = ANSWER_WITHIN_S + 1
    conversation.next_command(0.0)
    assert conversation.unanswered(late) == "the greeting"
    conversation.receive(status("connected"), NOW_NS)
    conversation.next_command(late)
    assert conversation.unanswered(late) is None
    assert conversation.unanswered(2 * late) == "the answer to auth"
    conversation = authenticated()
    assert conversation.unanswered(late) is None
    conversation.next_command(late)
    assert conversation.unanswered(2 * late) == "subscribe stocks:Q.MSFT"


def test_data_is_counted_by_its_first_event_and_a_status_among_data_is_seen() -> None:
    conversation = authenticated()
    conversation.next_command(1.0)
    assert conversation.receive(b'[{"ev":"T","sym":"A"},{"ev":"Q","sym":"B"}]', NOW_NS) is None
    mixed = b'[{"ev":"T","sym":"A"},{"ev":"status","status":"success","message":"subscribed"}]'
    assert conversation.receive(mixed, NOW_NS)
    assert conversation.confirmed == {"stocks:Q.MSFT"}
    assert conversation.receive(b"\xff nothing", NOW_NS) is None
    assert conversation.frames_by_type == {"status": 2, "T": 2, "unreadable": 1}


def test_subscriptions_are_grouped_and_checked() -> None:
    assert subscriptions_by_class(["stocks:T.*", "crypto:XT.*", "stocks:Q.A"]) == {
        "stocks": ["stocks:T.*", "stocks:Q.A"],
        "crypto": ["crypto:XT.*"],
    }
    for bad in ("T.*", "shares:T.*", "stocks:T"):
        with pytest.raises(ConfigurationError, match="HADRON_POLYGON_SUBSCRIPTIONS"):
            subscriptions_by_class([bad])


def test_the_key_is_in_no_repr() -> None:
    endpoint = PolygonEndpoint("stocks", SecretStr("secret"), "ws://host")
    assert "secret" not in repr(endpoint)
    assert endpoint.address == "ws://host/stocks"
