"""Kalshi's protocol, frame by frame, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hadron_tasks.raw_stream import GapCause
from streamer.conversation import (
    ANSWER_WITHIN_S,
    CommandRefused,
    ConnectionUseless,
    CredentialsRefused,
    MarketDelisted,
    MarketListed,
    SequenceJumped,
    SubscriptionEnded,
)
from streamer.kalshi import BOOKS_A_COMMAND, KalshiConversation
from streamer.plan import Target, books_of, share_of
from streamer.sequence import Jump

NOW_NS = 1_795_000_000_000_000_000
MARKETS = [f"KXFED-26DEC-T{n}" for n in range(3)]


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def channels(*names: str) -> Target:
    return Target(frozenset(names))


def books(markets: list[str], *names: str) -> Target:
    shares = {share_of(market) for market in markets}
    held, _left_out = books_of(shares, markets, 10_000)
    return Target(frozenset(shares | set(names)), held)


class Server:
    """Answers a conversation's commands as the exchange does."""

    def __init__(self, conversation: KalshiConversation) -> None:
        self.conversation = conversation
        self.now = 0.0
        self.sids: dict[str, int] = {}
        self.seqs: dict[int, int] = {}
        self.commands: list[dict[str, Any]] = []
        self.bad_markets: set[str] = set()

    def next_command(self) -> dict[str, Any] | None:
        text = self.conversation.next_command(self.now)
        if text is None:
            return None
        command: dict[str, Any] = json.loads(text)
        self.commands.append(command)
        return command

    def settle(self) -> list[Any]:
        """Answer everything until the conversation has nothing more to ask; its events."""
        events: list[Any] = []
        while (command := self.next_command()) is not None:
            events += self.conversation.receive(self.answer(command), NOW_NS) or []
        return events

    def answer(self, command: dict[str, Any]) -> bytes:
        number, params = command["id"], command["params"]
        if self.bad_markets & set(params.get("market_tickers", ())):
            return encode({"id": number, "type": "error", "msg": {"code": 11, "msg": "bad"}})
        if command["cmd"] == "subscribe":
            (channel,) = params["channels"]
            self.sids[channel] = len(self.sids) + 1
            body = {"channel": channel, "sid": self.sids[channel]}
            return encode({"id": number, "type": "subscribed", "msg": body})
        (sid,) = params["sids"]
        self.seqs[sid] = self.seqs.get(sid, 0) + 1
        kind = "unsubscribed" if command["cmd"] == "unsubscribe" else "ok"
        return encode({"id": number, "sid": sid, "seq": self.seqs[sid], "type": kind, "msg": {}})

    def data(self, kind: str, sid: int, seq: int | None, **body: Any) -> list[Any]:
        head = {"type": kind, "sid": sid} | ({} if seq is None else {"seq": seq})
        return list(self.conversation.receive(encode(head | {"msg": body}), NOW_NS) or [])


@pytest.fixture
def server() -> Server:
    return Server(KalshiConversation())


def test_one_channel_a_command_and_one_command_at_a_time(server: Server) -> None:
    server.conversation.retarget(channels("ticker", "trade"))
    first = server.next_command()
    assert first == {"id": 1, "cmd": "subscribe", "params": {"channels": ["ticker"]}}
    assert server.next_command() is None
    assert server.conversation.confirmed == frozenset()
    server.conversation.receive(server.answer(first), NOW_NS)
    assert server.conversation.confirmed == {"ticker"}
    server.settle()
    assert server.conversation.confirmed == {"ticker", "trade"}
    assert server.conversation.subscriptions == 2


def test_books_grow_and_shrink_with_the_target(server: Server) -> None:
    server.conversation.retarget(books(MARKETS[:2]))
    server.settle()
    server.conversation.retarget(books(MARKETS[1:]))
    server.settle()
    verbs = [c["params"].get("action", c["cmd"]) for c in server.commands]
    assert verbs == ["subscribe", "add_markets", "delete_markets"]
    assert server.commands[1]["params"]["market_tickers"] == [MARKETS[2]]
    assert server.commands[2]["params"]["market_tickers"] == [MARKETS[0]]
    assert server.conversation.markets == 2
    server.conversation.retarget(Target())
    server.settle()
    assert server.commands[-1]["cmd"] == "unsubscribe"
    assert server.conversation.subscriptions == 0


def test_many_books_go_in_several_commands(server: Server) -> None:
    markets = [f"KXMANY-26-{n}" for n in range(2 * BOOKS_A_COMMAND + 1)]
    server.conversation.retarget(books(markets))
    server.settle()
    assert [len(c["params"]["market_tickers"]) for c in server.commands] == [250, 250, 1]
    assert server.conversation.confirmed == {share_of(market) for market in markets}


def test_one_bad_market_does_not_keep_out_the_others(server: Server) -> None:
    markets = [f"KXMANY-26-{n:02d}" for n in range(20)]
    server.bad_markets = {markets[7]}
    server.conversation.retarget(books(markets))
    refused = [e for e in server.settle() if isinstance(e, CommandRefused)]
    assert [event.what for event in refused] == [markets[7]]
    assert server.conversation.markets == 19
    assert server.conversation.confirmed == {share_of(market) for market in markets}
    asked = len(server.commands)
    server.settle()
    assert len(server.commands) == asked


def test_an_unknown_channel_is_left_out(server: Server) -> None:
    server.conversation.retarget(channels("nonsense", "ticker"))
    command = server.next_command()
    assert command is not None
    error = {"id": command["id"], "type": "error", "msg": {"code": 8, "msg": "Unknown channel"}}
    (event,) = server.conversation.receive(encode(error), NOW_NS) or ()
    assert event == CommandRefused("nonsense", "code 8: Unknown channel")
    server.settle()
    assert server.conversation.confirmed == {"nonsense", "ticker"}


def test_too_many_commands_waits_and_asks_again(server: Server) -> None:
    server.conversation.retarget(channels("ticker"))
    command = server.next_command()
    assert command is not None
    error = {"id": command["id"], "type": "error", "msg": {"code": 27, "msg": "slow down"}}
    server.conversation.receive(encode(error), NOW_NS)
    assert server.next_command() is None
    server.now += 1.5
    server.settle()
    assert server.conversation.confirmed == {"ticker"}


def test_a_command_without_an_answer_is_told(server: Server) -> None:
    server.conversation.retarget(channels("ticker"))
    server.next_command()
    assert server.conversation.unanswered(ANSWER_WITHIN_S - 1) is None
    assert server.conversation.unanswered(ANSWER_WITHIN_S + 1) == "subscribe ticker"


def test_a_jump_on_books_asks_for_fresh_snapshots(server: Server) -> None:
    server.conversation.retarget(books(MARKETS))
    server.settle()
    sid = server.sids["orderbook_delta"]
    assert server.data("orderbook_snapshot", sid, 1, market_ticker=MARKETS[0]) == []
    events = server.data("orderbook_delta", sid, 5, market_ticker=MARKETS[0])
    assert events == [SequenceJumped("orderbook_delta", Jump(sid, 1, 5, NOW_NS))]
    command = server.next_command()
    assert command is not None
    assert command["params"] == {
        "sids": [sid],
        "action": "get_snapshot",
        "market_tickers": MARKETS,
    }
    assert server.next_command() is None
    assert server.conversation.unanswered(1000.0) is None


def test_acknowledgements_count_in_the_sequence(server: Server) -> None:
    server.conversation.retarget(books(MARKETS[:1]))
    server.settle()
    sid = server.sids["orderbook_delta"]
    server.data("orderbook_snapshot", sid, 1, market_ticker=MARKETS[0])
    server.seqs[sid] = 1
    server.conversation.retarget(books(MARKETS))
    assert not any(isinstance(e, SequenceJumped) for e in server.settle())
    assert server.data("orderbook_delta", sid, 3, market_ticker=MARKETS[0]) == []


@pytest.mark.parametrize(
    ("code", "cause"), [(10, GapCause.CHANNEL_ERROR), (25, GapCause.BUFFER_OVERFLOW)]
)
@pytest.mark.parametrize("in_body", [False, True])
def test_an_ended_subscription_is_asked_for_again(
    server: Server, code: int, cause: GapCause, in_body: bool
) -> None:
    server.conversation.retarget(channels("ticker", "trade"))
    server.settle()
    sid = server.sids["trade"]
    body = {"code": code, "msg": "over"}
    error: dict[str, Any] = {"type": "error", "msg": body}
    (body if in_body else error)["sid"] = sid
    (event,) = server.conversation.receive(encode(error), NOW_NS) or ()
    assert event == SubscriptionEnded("trade", sid, cause, f"code {code}: over")
    assert server.conversation.confirmed == {"ticker"}
    server.settle()
    assert server.conversation.confirmed == {"ticker", "trade"}
    assert server.commands[-1]["params"] == {"channels": ["trade"]}


def test_an_ended_subscription_that_is_not_named_costs_the_connection(server: Server) -> None:
    error = {"type": "error", "msg": {"code": 25, "msg": "over"}}
    (event,) = server.conversation.receive(encode(error), NOW_NS) or ()
    assert event == ConnectionUseless(GapCause.BUFFER_OVERFLOW, "code 25: over")


def test_authentication_required_is_told_apart(server: Server) -> None:
    error = {"id": 1, "type": "error", "msg": {"code": 9, "msg": "Authentication required"}}
    (event,) = server.conversation.receive(encode(error), NOW_NS) or ()
    assert isinstance(event, CredentialsRefused)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"trade","sid":3,"seq":%d,"msg":{}}',
        b'{"type": "trade", "sid": 3, "seq": %d, "msg": {}}',
        b'{"sid":3,"seq":%d,"type":"trade","msg":{}}',
        b'{"type":"trade","sid":3,"msg":{},"seq":%d}',
        b'{ "msg": {"seq": 4}, "seq" : %d, "sid": 3, "type": "trade" }',
    ],
)
def test_a_jump_is_seen_however_the_frame_is_written(frame: bytes) -> None:
    conversation = KalshiConversation()
    assert conversation.receive(frame % 7, NOW_NS) is None
    assert conversation.receive(frame % 8, NOW_NS + 1) is None
    jump = Jump(3, 8, 10, since_ns=NOW_NS + 1)
    assert conversation.receive(frame % 10, NOW_NS + 2) == [SequenceJumped("trade", jump)]
    assert conversation.frames_by_type == {"trade": 3}


@pytest.mark.parametrize(
    "frame", [b"", b"not json", b"\xff\xfe", b"[]", b"{}", b'{"type":5}', b'{"type":"trade"']
)
def test_a_frame_that_cannot_be_read_is_no_event(frame: bytes) -> None:
    assert KalshiConversation().receive(frame, NOW_NS) is None


def test_ticker_without_sequence_numbers_never_jumps(server: Server) -> None:
    for _ in range(3):
        assert server.data("ticker", 1, None, market_ticker="KXFED-26DEC-T1") == []


def test_markets_of_the_selection_are_reported() -> None:
    server = Server(KalshiConversation(["KXFED"]))
    assert server.data("ticker", 1, None, market_ticker="KXFED-26DEC-T1") == [
        MarketListed("KXFED-26DEC-T1", "KXFED-26DEC")
    ]
    assert server.data("ticker", 1, None, market_ticker="KXFED-26DEC-T1") == []
    assert server.data("ticker", 1, None, market_ticker="KXCPI-26DEC-T1") == []
    told = {"market_ticker": "KXFED-27JAN-T2", "additional_metadata": {"event_ticker": "E"}}
    kind = "market_lifecycle_v2"
    assert server.data(kind, 2, 1, **told, event_type="created") == [
        MarketListed("KXFED-27JAN-T2", "E")
    ]
    assert server.data(kind, 2, 2, **told, event_type="metadata_updated") == []
    assert server.data(kind, 2, 3, **told, event_type="settled") == [
        MarketDelisted("KXFED-27JAN-T2")
    ]
    assert server.data(kind, 2, 4, market_ticker="KXCPI-1", event_type="created") == []


def test_fresh_snapshots_are_asked_of_books_that_are_carried() -> None:
    conversation = KalshiConversation()
    server = Server(conversation)
    conversation.retarget(books(MARKETS[:2]))
    assert set(conversation.refresh(MARKETS)) == set()  # nothing is subscribed yet
    server.settle()
    assert set(conversation.refresh([*MARKETS[1:], "KXOTHER"])) == {MARKETS[1]}
    command = server.next_command()
    assert command is not None
    (sid,) = command["params"].pop("sids")
    assert sid == server.sids["orderbook_delta"]
    assert command["params"] == {"action": "get_snapshot", "market_tickers": [MARKETS[1]]}
    assert server.next_command() is None
