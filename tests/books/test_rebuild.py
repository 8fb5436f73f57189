"""A rebuilt book that is called exact is the exchange's; what is missing is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from simulated_feed import MARKET, NOON, OTHER, SID, Connection, SimulatedFeed

from hadron_tasks.books.chain import Change, Message
from hadron_tasks.books.feed_now import doubts_of_feed
from hadron_tasks.books.order_book import Side
from hadron_tasks.books.rebuild import Attempt, Rebuilt, rebuild
from hadron_tasks.books.trust import Doubt, Hole
from hadron_tasks.raw_stream import LOST_BY_US, GapCause

D = Decimal
A_PRICE = D("0.40")


@pytest.fixture
def feed() -> SimulatedFeed:
    """Two connections; the first carries the market, with a few orders in it."""
    made = SimulatedFeed()
    for connection in made.connections:
        made.connect(connection)
    first = made.connections[0]
    made.join(first, MARKET)
    made.join(first, OTHER)
    for cents in (38, 39, 40):
        made.tick()
        made.change(MARKET, "yes", D(cents) / 100, D(10))
    made.tick()
    return made


def attempt(feed: SimulatedFeed) -> Attempt:
    return rebuild(feed.recorded_until(feed.now), feed.holes, feed.now)


def rebuilt(feed: SimulatedFeed) -> Rebuilt:
    best = attempt(feed).best
    assert best is not None
    return best


def doubts(feed: SimulatedFeed) -> list[Doubt]:
    return [reason.doubt for reason in rebuilt(feed).trust.reasons]


def test_a_whole_chain_is_exact(feed: SimulatedFeed) -> None:
    made = rebuilt(feed)
    assert made.book == feed.truth_at(feed.now)
    assert made.trust.exact
    assert made.trust.since is None
    assert (len(made.chain.changes), made.chain.sid) == (3, SID)
    assert made.chain.last_change == feed.now - timedelta(seconds=1)


def test_another_markets_messages_between_are_no_hole(feed: SimulatedFeed) -> None:
    for _ in range(5):
        feed.change(OTHER, "no", A_PRICE, D(1))
    feed.change(MARKET, "yes", A_PRICE, D(1))
    assert rebuilt(feed).trust.exact


def test_a_lost_message_is_told_from_when_it_was_lost(feed: SimulatedFeed) -> None:
    first = feed.connections[0]
    last_safe = first.received_at
    feed.lose(first, 2)
    feed.change(MARKET, "yes", A_PRICE, D(5))
    feed.change(OTHER, "yes", A_PRICE, D(5))
    feed.tick()
    feed.change(OTHER, "yes", A_PRICE, D(5))
    (reason,) = rebuilt(feed).trust.reasons
    assert (reason.doubt, reason.since) == (Doubt.HOLE, last_safe)
    assert "2 messages missing on kalshi-1" in reason.words


def test_a_snapshot_after_the_loss_makes_it_exact_again(feed: SimulatedFeed) -> None:
    first = feed.connections[0]
    feed.lose(first, 1)
    feed.change(MARKET, "yes", A_PRICE, D(5))
    feed.tick()
    feed.change(OTHER, "yes", A_PRICE, D(5))
    assert doubts(feed) == [Doubt.HOLE]
    feed.snapshot(first, MARKET)
    feed.tick()
    assert doubts(feed) == []
    assert rebuilt(feed).book == feed.truth_at(feed.now)


def test_a_snapshot_that_itself_told_of_the_loss_is_whole(feed: SimulatedFeed) -> None:
    first = feed.connections[0]
    feed.lose(first, 3)
    for _ in range(3):
        feed.change(MARKET, "yes", A_PRICE, D(5))
    feed.snapshot(first, MARKET)
    feed.tick()
    assert rebuilt(feed).trust.exact
    assert rebuilt(feed).book == feed.truth_at(feed.now)


def test_another_subscriptions_loss_does_not_matter(feed: SimulatedFeed) -> None:
    feed.holes.append(Hole("kalshi-1", GapCause.SEQUENCE_JUMP, NOON, feed.now, SID + 1, 90, 99, 8))
    feed.holes.append(Hole("kalshi-2", GapCause.DISCONNECT, feed.now, feed.now))
    assert rebuilt(feed).trust.exact


@pytest.mark.parametrize("cause", sorted(LOST_BY_US))
def test_what_was_lost_behind_the_socket_is_told(feed: SimulatedFeed, cause: GapCause) -> None:
    received = feed.connections[0].received_at
    feed.holes.append(Hole("kalshi-1", cause, received, received + timedelta(seconds=1), missing=7))
    assert doubts(feed) == [Doubt.HOLE]


def test_a_dropped_connection_is_exact_again_with_its_next_life(feed: SimulatedFeed) -> None:
    first = feed.connections[0]
    feed.disconnect(first)
    feed.tick()
    feed.change(MARKET, "no", A_PRICE, D(7))
    feed.tick()
    feed.connect(first)
    feed.confirm(first)
    # The connection was lost before this; whether once more, only time tells.
    assert doubts(feed) == [Doubt.HOLE]
    feed.tick(15)
    feed.change(MARKET, "no", A_PRICE, D(1))
    assert rebuilt(feed).trust.exact
    assert rebuilt(feed).book == feed.truth_at(feed.now)


def test_a_snapshot_of_a_life_that_was_lost_before_all_was_confirmed_is_not_trusted(
    feed: SimulatedFeed,
) -> None:
    first = feed.connections[0]
    feed.disconnect(first)
    feed.tick()
    feed.connect(first)
    feed.tick()
    feed.disconnect(first)
    feed.tick()
    feed.connect(first, confirmed_first=True)
    feed.change(MARKET, "no", A_PRICE, D(7))
    (hole,) = feed.holes
    assert hole.from_time < rebuilt(feed).chain.anchor.received_at < hole.to_time
    for seconds in (0, 1, 9):
        made = rebuild(feed.messages, feed.holes, feed.now + timedelta(seconds=seconds)).best
        assert made is not None
        assert [reason.doubt for reason in made.trust.reasons] == [Doubt.HOLE]


def test_a_change_that_was_on_its_way_when_the_connection_was_lost_is_missed(
    feed: SimulatedFeed,
) -> None:
    first = feed.connections[0]
    feed.change(OTHER, "no", A_PRICE, D(7))  # received 20 ms later
    feed.tick(0.001)
    feed.disconnect(first)
    feed.change(MARKET, "no", A_PRICE, D(7))
    at = feed.now
    assert doubts_of_feed(rebuilt(feed).chain, feed.feed_now(), at, at) != []
    feed.tick()
    feed.connect(first)
    feed.confirm(first)
    (hole,) = feed.holes
    assert hole.from_time > at
    made = rebuild(feed.recorded_until(at), feed.holes, at).best
    assert made is not None
    assert made.book != feed.truth_at(at)
    assert [reason.doubt for reason in made.trust.reasons] == [Doubt.HOLE]


def test_while_a_market_moves_one_chain_is_followed_and_no_change_counts_twice(
    feed: SimulatedFeed,
) -> None:
    first, second = feed.connections
    feed.join(second, MARKET)
    feed.tick()
    feed.change(MARKET, "yes", A_PRICE, D(4))
    assert sum(isinstance(m, Change) and m.by == 4 for m in feed.messages) == 2
    feed.tick()
    feed.leave(first, MARKET)
    feed.change(MARKET, "yes", A_PRICE, D(1))
    made = rebuilt(feed)
    assert (made.chain.connection, made.trust.exact) == ("kalshi-2", True)
    assert made.book == feed.truth_at(feed.now)


def test_a_chain_that_died_unnoticed_gives_way_to_the_older_one(feed: SimulatedFeed) -> None:
    second = feed.connections[1]
    feed.join(second, MARKET)
    feed.disconnect(second)
    feed.tick(5)
    feed.change(MARKET, "yes", A_PRICE, D(4))
    made = rebuilt(feed)
    assert (made.chain.connection, made.trust.exact) == ("kalshi-1", True)
    assert made.book == feed.truth_at(feed.now)


def test_changes_by_a_connection_whose_snapshot_is_older_are_told_of(feed: SimulatedFeed) -> None:
    second = feed.connections[1]
    feed.join(second, MARKET)
    feed.disconnect(second)
    feed.tick(5)
    feed.change(MARKET, "yes", A_PRICE, D(4))
    without = [m for m in feed.messages if isinstance(m, Change) or "kalshi-2" in m.via]
    found = rebuild(without, feed.holes, feed.now)
    assert found.best is not None
    assert [r.doubt for r in found.best.trust.reasons] == [Doubt.NEWER_CHAIN]
    assert found.unanchored == {f"{feed.connections[0].life}/{SID}"}


def test_a_change_stored_once_for_two_connections_counts_for_both(feed: SimulatedFeed) -> None:
    first, second = feed.connections
    feed.join(second, MARKET)
    for _ in range(3):
        feed.tick()
        feed.change(MARKET, "yes", A_PRICE, D(4))
    feed.tick()
    feed.change(MARKET, "yes", A_PRICE, D(1))
    # By chance the middle one has the same number on both, and the row names the first.
    of_first = [m for m in feed.messages if isinstance(m, Change) and m.via.startswith(first.life)]
    of_second = [
        m for m in feed.messages if isinstance(m, Change) and m.via.startswith(second.life)
    ]
    shared = of_first[-3]._replace(sequence=of_second[1].sequence)
    stored = [m for m in feed.messages if m not in (of_first[-3], of_second[1])] + [shared]
    made = rebuild(stored, [], feed.now).best
    assert made is not None
    assert made.chain.connection == "kalshi-2"
    assert made.book == feed.truth_at(feed.now)
    assert made.trust.exact


def test_a_level_below_nothing_and_a_crossed_book_are_corruption(feed: SimulatedFeed) -> None:
    last = [m for m in feed.messages if isinstance(m, Change)][-1]
    number = (last.sequence or 0) + 1
    too_much = last._replace(sequence=number, by=D(-999), event_time=feed.now)
    made = rebuild([*feed.messages, too_much], [], feed.now).best
    assert made is not None
    (reason,) = made.trust.reasons
    assert (reason.doubt, reason.since) == (Doubt.CORRUPT, feed.now)
    assert "-989" in reason.words
    crossing = last._replace(sequence=number, side="no", price=D("0.60"), by=D(1))
    made = rebuild([*feed.messages, crossing], [], feed.now).best
    assert made is not None
    assert [r.doubt for r in made.trust.reasons] == [Doubt.CORRUPT]
    assert "crossed" in made.trust.reasons[0].words


def test_without_a_snapshot_there_is_no_book(feed: SimulatedFeed) -> None:
    changes = [m for m in feed.messages if isinstance(m, Change)]
    assert rebuild(changes, [], feed.now).best is None
    assert rebuild([], [], feed.now) == Attempt(None, frozenset())


def test_a_recording_is_rebuilt_and_not_vouched_for(feed: SimulatedFeed) -> None:
    for via in ("", "replay:old.jsonl/2"):
        messages: list[Message] = [m._replace(via=via) for m in feed.messages]
        made = rebuild(messages, [], feed.now).best
        assert made is not None
        assert made.book == feed.truth_at(feed.now)
        assert [r.doubt for r in made.trust.reasons] == [Doubt.UNWATCHED]


def test_messages_in_any_order_make_the_same(feed: SimulatedFeed) -> None:
    for _ in range(4):
        feed.change(MARKET, "yes", A_PRICE, D(1))  # within one millisecond
    turned = rebuild(feed.messages[::-1], [], feed.now).best
    assert turned is not None
    assert turned.book == feed.truth_at(feed.now)


def test_a_snapshot_before_a_hand_over_is_not_the_last_word() -> None:
    feed = SimulatedFeed()
    leaving, _staying = feed.connections
    for connection in feed.connections:
        feed.connect(connection)
        feed.join(connection, MARKET)
        feed.tick(0.3)
    feed.snapshot(leaving, MARKET)
    feed.leave(leaving, MARKET)
    feed.tick(0.3)
    feed.change(MARKET, "yes", A_PRICE, D(1))
    feed.tick(0.3)
    made = rebuild(feed.messages, feed.holes, feed.now).best
    assert made is not None
    assert made.trust.exact
    assert made.book == feed.truth_at(feed.now)


CONNECTIONS = 3
Step = Callable[[SimulatedFeed], None]


def _on(name: str, number: int, *arguments: object) -> Step:
    def step(feed: SimulatedFeed) -> None:
        connection: Connection = feed.connections[number]
        getattr(feed, name)(connection, *arguments)

    return step


def _connect_confirmed(number: int) -> Step:
    return lambda feed: feed.connect(feed.connections[number], confirmed_first=True)


def _change(market: str, side: Side, cents: int, by: int) -> Step:
    def step(feed: SimulatedFeed) -> None:
        feed.change(market, side, D(cents) / 100, D(by))

    return step


NUMBERS = st.integers(0, CONNECTIONS - 1)
MARKETS = st.sampled_from([MARKET, OTHER])
SIDES: st.SearchStrategy[Side] = st.sampled_from(["yes", "no"])
# Prices that never cross, so that only what is missing can be wrong.
A_CHANGE = st.builds(_change, MARKETS, SIDES, st.integers(30, 45), st.integers(-20, 20))
STEPS = st.one_of(
    A_CHANGE,
    A_CHANGE,
    A_CHANGE,
    st.builds(_on, st.just("snapshot"), NUMBERS, MARKETS),
    st.builds(_on, st.sampled_from(["join", "leave"]), NUMBERS, MARKETS),
    st.builds(_on, st.sampled_from(["connect", "confirm", "disconnect"]), NUMBERS),
    st.builds(_connect_confirmed, NUMBERS),
    st.builds(_on, st.just("lose"), NUMBERS, st.integers(1, 3)),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(STEPS, min_size=5, max_size=60),
    st.floats(0, 1),
    st.sampled_from([0, 5, 25]),
    st.sampled_from([0.3, 2, 9]),
)
def test_whatever_happens_an_exact_book_is_the_exchanges(
    steps: list[Step], share: float, just_after_ms: int, pace_s: float
) -> None:
    feed = SimulatedFeed(CONNECTIONS)
    feed.connect(feed.connections[0])
    feed.join(feed.connections[0], MARKET)
    for step in steps:
        feed.tick(pace_s)
        step(feed)
    feed.settle()
    moments = [*(moment for moment, _ in feed.history), feed.now]
    at = moments[round(share * (len(moments) - 1))] + timedelta(milliseconds=just_after_ms)
    made = rebuild(feed.recorded_until(at), feed.holes, at).best
    if made is None:
        return
    still_open = doubts_of_feed(made.chain, feed.feed_now(), feed.now, at)
    exact = made.trust.exact and not still_open
    event("exact" if exact else "not exact")
    if exact:
        assert made.book == feed.truth_at(at)


@given(st.lists(A_CHANGE | st.builds(_on, st.just("snapshot"), st.just(0), MARKETS), max_size=60))
def test_where_nothing_is_lost_every_book_is_exact(steps: list[Step]) -> None:
    feed = SimulatedFeed(1)
    feed.connect(feed.connections[0])
    feed.join(feed.connections[0], MARKET)
    for step in steps:
        feed.tick()
        step(feed)
    feed.settle()
    made = rebuilt(feed)
    assert made.trust.exact
    assert made.book == feed.truth_at(feed.now)
