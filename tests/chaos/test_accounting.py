"""The account of a storm: tables of what explains a message and what does not."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from chaos.accounting import (
    Account,
    Broken,
    Copy,
    Evidence,
    Fate,
    Hole,
    Kept,
    Message,
    account,
)
from hypothesis import given
from hypothesis import strategies as st

S = 1_000_000_000
LATENCY = S // 100
WAY = "kalshi-1"
LIFE = f"{WAY}#1"


def quote(number: int, kind: str = "quote", sequence: int | None = None) -> Message:
    return Message("kalshi", kind, "KXTEST", (number,), sequence)


def sent(numbers: Iterable[int], life: str = LIFE, kind: str = "quote") -> list[Copy]:
    """One message a second."""
    return [Copy(quote(number, kind), life, number * S) for number in numbers]


def stored(copies: Iterable[Copy], *, but: Iterable[int] = ()) -> dict[Message, Kept]:
    absent = set(but)
    return {
        copy.message: Kept(1, copy.sent_ns + LATENCY)
        for copy in copies
        if copy.message.stated[0] not in absent
    }


def hole(from_s: float, to_s: float, *kinds: str, way: str = WAY, **more: int) -> Hole:
    lost = frozenset(kinds or ("quote",))
    return Hole(way, int(from_s * S), int(to_s * S), lost, not more, **more)


def fates(made: Account) -> dict[Fate, int]:
    return {fate: made.total(fate) for fate in Fate if made.total(fate)}


def test_all_is_stored() -> None:
    copies = sent(range(1, 10))
    assert fates(account(Evidence(copies, stored(copies), []))) == {Fate.STORED: 9}


@pytest.mark.parametrize(
    ("holes", "explained"),
    [
        ([hole(4.01, 6)], True),
        # Noted when it is over, however late.
        ([hole(4.01, 60)], True),
        # The streamer knew less of what was safe than the database has.
        ([hole(2, 6)], True),
        ([], False),
        # Over before the message was sent; begun after the next one had come.
        ([hole(2, 4.9)], False),
        ([hole(6.5, 8)], False),
        ([hole(4.01, 6, way="kalshi-2")], False),
        # Tells of other channels, or says that this one was recovered.
        ([hole(4.01, 6, "book_delta")], False),
        ([hole(2, 4.9), hole(4.01, 6, way="kalshi-2"), hole(4.01, 6)], True),
    ],
)
def test_a_message_is_lost_where_a_gap_tells_so(holes: list[Hole], explained: bool) -> None:
    copies = sent(range(1, 10))
    made = account(Evidence(copies, stored(copies, but=[5]), holes))
    end = Fate.IN_GAP if explained else Fate.UNEXPLAINED
    assert fates(made) == {Fate.STORED: 8, end: 1}
    assert len(made.unexplained) == (not explained)


def test_a_message_that_was_long_on_its_way_is_lost_in_a_gap_that_begins_later() -> None:
    copies = sent(range(1, 5))
    slow = {copy.message: Kept(1, copy.sent_ns + 3 * S) for copy in copies[:2]}
    assert fates(account(Evidence(copies, slow, [hole(5, 9)]))) == {Fate.STORED: 2, Fate.IN_GAP: 2}


@pytest.mark.parametrize(
    ("sequence", "explained"), [(6, False), (7, True), (9, True), (10, False), (None, True)]
)
def test_a_jump_explains_the_numbers_it_names(sequence: int | None, explained: bool) -> None:
    copies = sent(range(1, 10), kind="book_delta")
    missing = Copy(quote(99, "book_delta", sequence), LIFE, 5 * S, held_back=True)
    jump = hole(4.01, 6.01, "book_delta", from_seq=6, to_seq=10)
    made = account(Evidence([*copies, missing], stored(copies), [jump]))
    assert made.total(Fate.IN_GAP) == explained


def test_each_way_of_a_message_must_have_lost_it() -> None:
    copies = [*sent([5], f"{WAY}#1"), *sent([5], "kalshi-2#1")]
    one, other = hole(4, 6), hole(4, 6, way="kalshi-2")
    assert fates(account(Evidence(copies, stored(copies), []))) == {Fate.STORED: 1}
    assert fates(account(Evidence(copies, {}, [one]))) == {Fate.UNEXPLAINED: 1}
    assert fates(account(Evidence(copies, {}, [one, other]))) == {Fate.IN_GAP: 1}


def test_messages_that_state_no_time_are_one_for_each_connection() -> None:
    copies = [*sent([5], kind="lifecycle"), *sent([5], "kalshi-2#1", kind="lifecycle")]
    once = {copies[0].message: Kept(1, 5 * S)}
    assert fates(account(Evidence(copies, {copies[0].message: Kept(2, 5 * S)}, []))) == {
        Fate.STORED: 2
    }
    assert account(Evidence(copies, once, [])).total(Fate.UNEXPLAINED) == 1
    lost = hole(4, 6, "lifecycle", way="kalshi-2")
    assert fates(account(Evidence(copies, once, [lost]))) == {Fate.STORED: 1, Fate.IN_GAP: 1}


def test_what_is_stored_twice_or_was_never_sent_is_told() -> None:
    copies = sent([1])
    twice = {copies[0].message: Kept(2, S)}
    assert fates(account(Evidence(copies, twice, []))) == {Fate.STORED: 1, Fate.UNEXPLAINED: 1}
    invented = stored(copies) | {quote(7): Kept(1, S)}
    assert fates(account(Evidence(copies, invented, []))) == {Fate.STORED: 1, Fate.UNEXPLAINED: 1}


def test_trades_come_back() -> None:
    copies = sent([1, 2], kind="trade")
    trades = {quote(1, "trade"): Kept(1, S), quote(2, "trade"): Kept(1, 60 * S, True)}
    nobody_subscribed = {quote(3, "trade"): Kept(1, 60 * S, True)}
    made = account(Evidence(copies, trades | nobody_subscribed, [hole(1, 3)]))
    assert fates(made) == {Fate.STORED: 1, Fate.BACKFILLED: 1}
    del trades[quote(2, "trade")]
    # A gap that says that its trades were recovered does not explain one that is missing.
    assert account(Evidence(copies, trades, [hole(1, 3)])).total(Fate.UNEXPLAINED) == 1


@pytest.mark.parametrize(
    ("letters", "holes", "end"),
    [
        ([b"{"], [], Fate.DEAD_LETTER),
        ([b"{", b"{"], [], Fate.UNEXPLAINED),
        ([], [], Fate.UNEXPLAINED),
        ([], [hole(4, 6)], Fate.IN_GAP),
        ([], [hole(4, 6, from_seq=1, to_seq=9)], Fate.UNEXPLAINED),
        ([], [hole(7.1, 9)], Fate.UNEXPLAINED),
    ],
)
def test_broken_frames_are_dead_letters(letters: list[bytes], holes: list[Hole], end: Fate) -> None:
    copies = sent(range(1, 10))
    broken = Broken("kalshi", LIFE, 5 * S, b"{")
    made = account(Evidence(copies, stored(copies), holes, [broken], letters))
    assert fates(made) == {Fate.STORED: 9, end: 1}


def test_a_good_frame_is_no_dead_letter() -> None:
    assert account(Evidence([], {}, [], [], [b"good"])).total(Fate.UNEXPLAINED) == 1


@given(st.sets(st.integers(1, 30)), st.integers(1, 30), st.integers(0, 10))
def test_exactly_what_a_gap_does_not_cover_is_unexplained(
    missing: set[int], first: int, length: int
) -> None:
    """Between messages that are stored, a gap explains all that is missing or nothing."""
    copies = sent(range(32))
    told = hole(first, first + length)
    made = account(Evidence(copies, stored(copies, but=missing), [told]))
    covered = 0
    for number in missing:
        before = max(n for n in range(number) if n not in missing)
        after = min(n for n in range(number, 32) if n not in missing)
        arrives_from = max(number * S, before * S + LATENCY)
        covered += told.from_ns <= after * S + LATENCY and told.to_ns >= arrives_from
    assert made.total(Fate.IN_GAP) == covered
    assert made.total(Fate.UNEXPLAINED) == len(missing) - covered
    assert sum(made.fates.values()) == 32
