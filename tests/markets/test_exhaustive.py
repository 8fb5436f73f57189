"""When one of an event's markets has to come true."""

from __future__ import annotations

from decimal import Decimal

import pytest

from hadron_tasks.markets.exhaustive import covers_everything
from hadron_tasks.markets.facts import MarketFacts
from hadron_tasks.tickers import parse_ticker

Strike = tuple[str, str | None, str | None]


def strikes(*rows: Strike) -> list[MarketFacts]:
    return [
        MarketFacts(
            f"KXHIGHNY-26NOV22-{number}",
            "KXHIGHNY-26NOV22",
            None,
            True,
            kind,
            None if floor is None else Decimal(floor),
            None if cap is None else Decimal(cap),
        )
        for number, (kind, floor, cap) in enumerate(rows)
    ]


def games(*tickers: str) -> list[MarketFacts]:
    parsed = [parse_ticker(ticker) for ticker in tickers]
    return [MarketFacts(one.ticker, one.event_ticker, one, True) for one in parsed]


@pytest.mark.parametrize(
    ("rows", "covered"),
    [
        ([("less", None, "53"), ("between", "53", "54"), ("greater", "54", None)], True),
        # Whole degrees are told: nothing is between 54 and 55.
        ([("less", None, "53"), ("between", "53", "54"), ("greater", "55", None)], True),
        ([("less", None, "53"), ("between", "53", "54"), ("greater", "56", None)], False),
        ([("less", None, "4500"), ("between", "4500", "4524.99"), ("greater", "4525", None)], True),
        (
            [("less", None, "4500"), ("between", "4500", "4524.99"), ("greater", "4526", None)],
            False,
        ),
        # In whatever order they are listed.
        (
            [
                ("greater", "60", None),
                ("between", "55", "57"),
                ("less", None, "55"),
                ("between", "58", "60"),
            ],
            True,
        ),
        ([("between", "53", "54"), ("greater", "54", None)], False),
        ([("less", None, "53"), ("between", "53", "54")], False),
        ([("less", None, "53"), ("custom", None, None), ("greater", "53", None)], False),
        ([("less", None, "53")], False),
        # Two of them overlap: something is covered twice, which an exclusive event cannot be.
        ([("less", None, "53"), ("between", "50", "54"), ("greater", "54", None)], False),
    ],
)
def test_strikes(rows: list[Strike], covered: bool) -> None:
    assert covers_everything(strikes(*rows)) is covered


@pytest.mark.parametrize(
    ("tickers", "covered"),
    [
        (["KXNBAGAME-25NOV29TORCHA-TOR", "KXNBAGAME-25NOV29TORCHA-CHA"], True),
        (["KXNHLGAME-25NOV29TORBUF-TOR", "KXNHLGAME-25NOV29TORBUF-BUF"], True),
        # An NFL game can end level, a soccer game often does.
        (["KXNFLGAME-25NOV30SFCLE-SF", "KXNFLGAME-25NOV30SFCLE-CLE"], False),
        (["KXEPLGAME-25NOV30CHEARS-CHE", "KXEPLGAME-25NOV30CHEARS-ARS"], False),
        (
            [
                "KXEPLGAME-25NOV30CHEARS-CHE",
                "KXEPLGAME-25NOV30CHEARS-ARS",
                "KXEPLGAME-25NOV30CHEARS-TIE",
            ],
            True,
        ),
        (["KXNBAGAME-25NOV29TORCHA-TOR"], False),
        (["KXNBASPREAD-25NOV29TORCHA-TOR6", "KXNBASPREAD-25NOV29TORCHA-CHA6"], False),
    ],
)
def test_competitors(tickers: list[str], covered: bool) -> None:
    assert covers_everything(games(*tickers)) is covered
