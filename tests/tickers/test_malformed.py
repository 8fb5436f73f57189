"""Whatever comes in, a reading or a TickerError comes out, and nothing of the text is lost."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tickers.real_tickers import real_tickers

from hadron_tasks.errors import HadronError
from hadron_tasks.tickers import (
    CodeBook,
    EventMetadata,
    MarketMetadata,
    SeriesMetadata,
    TickerError,
    learn,
    parse_ticker,
    tables,
)
from hadron_tasks.tickers.metadata import SelectedLeg

_TICKER_CHARACTERS = string.ascii_uppercase + string.digits + "-."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" ", "only letters"),
        ("KX NBA", "only letters"),
        ("KXNBAGAME-25NOV29TORCHA\n", "only letters"),
        ("🏀", "only letters"),
        ("KXNBAGAME-25NOV29TORCHÄ", "only letters"),
        ("KXNBAGAME-²²NOV29TORCHA", "only letters"),
        ("-", "only letters"),
        ("K" * 10_000, "10000 characters"),
        ("K" * 201, "201 characters"),
    ],
)
def test_what_is_no_ticker_says_why(text: str, why: str) -> None:
    with pytest.raises(TickerError, match=why) as caught:
        parse_ticker(text)
    assert isinstance(caught.value, HadronError)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("thing", [None, 5, b"KXNBA", ["KXNBA"]])
def test_what_is_no_text_is_no_ticker(thing: object) -> None:
    with pytest.raises(TickerError, match="no text"):
        parse_ticker(thing)  # type: ignore[arg-type]


def _parse(text: str) -> None:
    try:
        parsed = parse_ticker(text)
    except TickerError:
        return
    assert parsed.rebuild() == text
    assert parsed.display_name
    parsed.as_dict()


@given(st.text())
@example("KX")
@example("-KX")
@example("KX-")
@example("KX--")
@example("a")
def test_any_text(text: str) -> None:
    _parse(text)


@given(st.text(_TICKER_CHARACTERS, min_size=1, max_size=80))
def test_any_text_of_ticker_characters(text: str) -> None:
    _parse(text)


_SERIES = sorted(
    {real.ticker.split("-")[0] for real in real_tickers()}
    | {f"KX{key}" for key in tables.series_rows()}
    | {
        f"KX{league}{market}"
        for league in ("NBA", "EPL", "ATP")
        for market in tables.game_markets()
    }
)
_PART = st.one_of(
    st.text(_TICKER_CHARACTERS.replace("-", ""), max_size=14),
    st.sampled_from(
        (
            *("26", "25NOV29", "25FEB30", "26JUN261840", "T", "T3.75", "B53.5", "0.2", "TIE"),
            *("BTTS", "6T", "JAN01", "G2", "C25", "25NOV29TORCHA", "26OTTCARR1", "TORCHA"),
            *("NOSRATTLER2", ""),
        )
    ),
)


@given(st.sampled_from(_SERIES), st.lists(_PART, max_size=5))
def test_any_parts_of_a_known_series(series: str, parts: list[str]) -> None:
    _parse("-".join([series, *parts]))


@given(st.sampled_from([real.ticker for real in real_tickers()]), st.data())
def test_a_real_ticker_with_a_piece_cut_out(ticker: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(ticker)))
    end = data.draw(st.integers(start, len(ticker)))
    _parse(ticker[:start] + ticker[end:])


_WORDS = st.text(max_size=30)
_MARKET = st.builds(
    MarketMetadata,
    event_ticker=_WORDS | st.sampled_from([real.ticker for real in real_tickers()]),
    market_type=st.sampled_from(["", "binary", "scalar", "other"]),
    title=_WORDS,
    subtitle=_WORDS,
    yes_sub_title=_WORDS,
    strike_type=st.sampled_from(["", "greater", "less_or_equal", "between", "custom", "odd"]),
    floor_strike=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    cap_strike=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    legs=st.lists(st.builds(SelectedLeg, market_ticker=_WORDS, side=_WORDS), max_size=3).map(tuple),
)


@given(
    st.sampled_from([real.ticker for real in real_tickers()]),
    _MARKET,
    st.builds(EventMetadata, title=_WORDS, category=_WORDS),
    st.builds(SeriesMetadata, category=_WORDS),
)
def test_any_metadata(
    ticker: str, market: MarketMetadata, event: EventMetadata, series: SeriesMetadata
) -> None:
    parsed = parse_ticker(ticker, market=market, event=event, series=series)
    assert parsed.rebuild() == ticker
    parsed.as_dict()


@given(st.sampled_from([real.ticker for real in real_tickers()]), _WORDS)
def test_learning_takes_any_words(ticker: str, words: str) -> None:
    book = CodeBook()
    learn(book, ticker, words)
    assert parse_ticker(ticker, teams=book).rebuild() == ticker


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_WORDS, inner, max_size=2),
    max_leaves=4,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            (
                "event_ticker",
                "title",
                "yes_sub_title",
                "floor_strike",
                "cap_strike",
                "strike_type",
                "mve_selected_legs",
                "category",
            ),
            _JSON,
        ),
    )
)
def test_any_api_object_becomes_metadata(api: dict[str, object]) -> None:
    MarketMetadata.from_api(api)
    EventMetadata.from_api(api)
    SeriesMetadata.from_api(api)
