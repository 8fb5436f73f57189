"""A book is what its snapshot and changes say, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.books.order_book import Ladder, Level, OrderBook, Side

D = Decimal


def level(price: str, size: str) -> Level:
    return Level(D(price), D(size))


def a_book() -> OrderBook:
    return OrderBook.of(
        [level("0.0800", "300.00"), level("0.2200", "333.00")],
        [level("0.5400", "20.00"), level("0.5600", "146.00")],
    )


def test_the_asks_of_one_outcome_are_the_bids_of_the_other() -> None:
    ladder = a_book().ladder()
    assert ladder.bids == (level("0.2200", "333.00"), level("0.0800", "300.00"))
    assert ladder.asks == (level("0.4400", "146.00"), level("0.4600", "20.00"))
    assert (ladder.best_bid, ladder.best_ask) == (ladder.bids[0], ladder.asks[0])
    assert ladder.spread == D("0.2200")
    other = a_book().ladder("no")
    assert other.bids[0] == level("0.5600", "146.00")
    assert other.asks[0] == level("0.7800", "333.00")


def test_a_level_grows_shrinks_and_goes() -> None:
    book = a_book()
    assert book.change("yes", D("0.22"), D("-33")) == D("300.00")
    assert book.change("yes", D("0.2300"), D("0.01")) == D("0.01")
    assert book.change("no", D("0.56"), D("-146")) == 0
    assert book.bids("yes")[:2] == (level("0.2300", "0.01"), level("0.22", "300.00"))
    assert book.bids("no") == (level("0.5400", "20.00"),)


def test_less_than_nothing_is_told_and_not_kept() -> None:
    book = a_book()
    assert book.change("yes", D("0.22"), D("-334")) == -1
    assert book.change("yes", D("0.50"), D("-2")) == -2
    assert book.bids("yes") == (level("0.0800", "300.00"),)


@pytest.mark.parametrize(
    ("yes", "no", "crossed"),
    [
        ("0.40", "0.59", False),
        ("0.40", "0.60", True),
        ("0.40", "0.61", True),
        ("0.4001", "0.5998", False),
    ],
)
def test_bids_that_add_up_to_a_dollar_are_crossed(yes: str, no: str, crossed: bool) -> None:
    assert OrderBook.of([level(yes, "1")], [level(no, "1")]).ladder().is_crossed is crossed


def test_a_side_without_orders_has_no_best() -> None:
    ladder = OrderBook.of([level("0.40", "1")], []).ladder()
    assert (ladder.best_ask, ladder.spread, ladder.is_crossed) == (None, None, False)
    assert OrderBook().ladder() == Ladder((), ())


def test_no_digit_is_lost() -> None:
    book = OrderBook.of([Level(D("0.0001"), D("1234567890123456789012345678.05"))], [])
    assert book.change("yes", D("0.0001"), D("0.000001")) == D(
        "1234567890123456789012345678.050001"
    )


PRICES = st.integers(1, 99).map(lambda cents: D(cents) / 100)
SIZES = st.decimals(D("0"), D("999.99"), places=2)
SIDES: st.SearchStrategy[Side] = st.sampled_from(["yes", "no"])
SNAPSHOTS = st.tuples(*[st.dictionaries(PRICES, SIZES, max_size=6)] * 2)
CHANGES = st.tuples(SIDES, PRICES, st.decimals(D("-999"), D("999"), places=2))


@given(st.lists(SNAPSHOTS | CHANGES, max_size=40))
def test_any_messages_make_what_a_simple_model_makes(messages: list[tuple[object, ...]]) -> None:
    book = OrderBook()
    model: dict[tuple[object, object], Decimal] = {}
    for message in messages:
        if len(message) == 2:
            yes, no = message
            assert isinstance(yes, dict)
            assert isinstance(no, dict)
            book.replace(map(Level._make, yes.items()), map(Level._make, no.items()))
            model = {("yes", price): size for price, size in yes.items()}
            model |= {("no", price): size for price, size in no.items()}
        else:
            side, price, by = message
            left = model.get((side, price), D(0)) + by  # type: ignore[operator]
            assert book.change(side, price, by) == left  # type: ignore[arg-type]
            model[side, price] = max(left, D(0))
    for side in ("yes", "no"):
        resting = {price: size for (of, price), size in model.items() if of == side and size > 0}
        assert dict(book.bids(side)) == resting  # type: ignore[arg-type]
        assert list(resting) == [] or book.bids(side)[0].price == max(resting)  # type: ignore[arg-type, type-var]
