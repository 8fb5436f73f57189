"""The words that instruments are found by are made the same on both sides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.store.words import LONGEST_WORD, keywords, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Boston Celtics", ["boston", "celtics"]),
        ("KXNBAGAME-25NOV29TORCHA-TOR", ["kxnbagame", "25nov29torcha", "tor"]),
        ("Luka Dončić's points", ["luka", "doncics", "points"]),
        ("$97,250.99 or above", ["97250.99", "or", "above"]),
        ("1,5 and 12,34,567", ["1", "5", "and", "12", "34567"]),
        ("T-0.5%", ["t", "0.5"]),
        ("U.S. Open", ["us", "open"]),
        ("St. Louis", ["st", "louis"]),
        ("São Paulo — Atlético", ["sao", "paulo", "atletico"]),
        ("e\u0301clair", ["eclair"]),
        ("who's O'Brien, O’Brien", ["whos", "obrien"]),
        ("snake_case", ["snake", "case"]),
        ("team team TEAM", ["team"]),
        ("½ point", ["1", "2", "point"]),
        ("… — !", []),
        ("", []),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert words_of([text]) == words


def test_what_was_not_said_adds_nothing() -> None:
    assert keywords([None, "", "Miami Heat", None]) == "miami heat"


def test_a_word_without_end_is_cut() -> None:
    assert words_of(["x" * 5000]) == ["x" * LONGEST_WORD]


@given(st.text())
def test_words_of_words_are_the_same_words(text: str) -> None:
    """What is looked for meets what is stored, however often it went through."""
    words = words_of([text])
    assert words_of(words) == words
    assert len(set(words)) == len(words)
    assert not any(" " in word or ":" in word or "'" in word or "\\" in word for word in words)


@given(st.text(min_size=1))
def test_case_makes_no_difference(text: str) -> None:
    if text.upper().lower() == text.lower():
        assert words_of([text.upper()]) == words_of([text.lower()])
