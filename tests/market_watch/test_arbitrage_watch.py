"""Arbitrage over stored quotes: found, brought up to date, gone; and what is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from watched import kalshi, list_event, list_market, polygon, put_quote, select

from hadron_tasks.market_watch.arbitrage_watch import ArbitrageWatch, Looked
from hadron_tasks.market_watch.grouping import group_all_changed
from hadron_tasks.market_watch.quotes import Feed
from hadron_tasks.store.arbitrage import Opportunity, list_opportunities, scopes_to_look_at_again

LOW, HIGH = "KXFED-26DEC-T3.75", "KXFED-26DEC-T4.00"
FUTURE = datetime.now(UTC) + timedelta(days=30)


@pytest.fixture
def ladder(connection: PgConnection) -> None:
    """Above 4.00 costs more than above 3.75, which it implies."""
    for ticker, strike in ((LOW, "3.75"), (HIGH, "4.00")):
        list_market(connection, ticker, strike_type="greater", floor=strike, close_time=FUTURE)
    group_all_changed(connection)
    put_quote(connection, LOW, "0.40", "0.45")
    put_quote(connection, HIGH, "0.60", "0.65")


def look(
    connection: PgConnection,
    *tickers: str,
    again: Sequence[str] = (),
    feed: Feed | None = None,
    watch: ArbitrageWatch | None = None,
) -> Looked:
    ids = [kalshi(ticker) for ticker in tickers]
    return (watch or ArbitrageWatch()).look(connection, ids, again, feed, datetime.now(UTC))


def stored(connection: PgConnection, *, live: bool = False) -> list[Opportunity]:
    with connection, connection.cursor() as cursor:
        return list_opportunities(cursor, live=live)


def test_found_once_brought_up_to_date_and_gone(connection: PgConnection, ladder: None) -> None:
    watch = ArbitrageWatch()
    assert len(look(connection, HIGH, watch=watch).recorded.opened) == 1
    (first,) = stored(connection)
    # NO on the higher at 0.40 and YES on the lower at 0.45, a hundred each: 40 + 1.68 and
    # 45 + 1.7325, each up to the cent, for a hundred dollars.
    assert (first.kind, first.profit, first.sets) == ("implication", Decimal("11.58"), 100)
    assert first.fees == Decimal("3.42")
    assert first.scope == "ladder:KXFED-26DEC:up::"
    assert [(leg["ticker"], leg["side"], leg["price"]) for leg in first.legs] == [
        (HIGH, "no", "0.40"),
        (LOW, "yes", "0.45"),
    ]
    assert first.legs[0]["quote"]["bid"] == "0.60"

    put_quote(connection, LOW, "0.40", "0.50")
    done = look(connection, LOW, watch=watch).recorded
    assert (done.opened, done.updated, done.closed) == ([], 1, [])
    (second,) = stored(connection)
    assert (second.id, second.best_profit) == (first.id, first.profit)
    assert second.profit < first.profit
    assert second.first_seen_at == first.first_seen_at < second.last_seen_at

    put_quote(connection, LOW, "0.60", "0.70")
    (gone,) = look(connection, LOW, watch=watch).recorded.closed
    assert (gone.id, stored(connection, live=True)) == (first.id, [])
    assert gone.closed_at is not None

    put_quote(connection, LOW, "0.40", "0.45")
    assert len(look(connection, LOW, watch=watch).recorded.opened) == 1
    assert [one.closed_at is None for one in stored(connection)] == [True, False]


def test_a_quote_that_may_not_hold_any_more_is_not_used(
    connection: PgConnection, ladder: None
) -> None:
    minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    put_quote(connection, HIGH, "0.60", "0.65", at=minute_ago)
    assert look(connection, LOW).recorded.opened == []
    # A feed that missed something since says nothing of it either.
    late = Feed(whole_since=minute_ago + timedelta(seconds=1), heard_at=datetime.now(UTC))
    assert look(connection, LOW, feed=late).recorded.opened == []
    # One that was whole all the time says that it holds still.
    whole = Feed(whole_since=minute_ago, heard_at=datetime.now(UTC))
    assert len(look(connection, LOW, feed=whole).recorded.opened) == 1


def test_what_lives_is_looked_at_again_without_a_change(
    connection: PgConnection, ladder: None
) -> None:
    look(connection, LOW)
    with connection, connection.cursor() as cursor:
        assert scopes_to_look_at_again(cursor, datetime.now(UTC) - timedelta(minutes=1)) == []
        again = scopes_to_look_at_again(cursor, datetime.now(UTC))
    old = datetime.now(UTC) - timedelta(minutes=1)
    put_quote(connection, LOW, "0.40", "0.45", at=old)
    put_quote(connection, HIGH, "0.60", "0.65", at=old)
    assert len(look(connection, again=again).recorded.closed) == 1


@pytest.mark.parametrize("changes", [{"status": "closed"}, {"close_time": datetime.now(UTC)}])
def test_a_market_that_does_not_trade_sells_nothing(
    connection: PgConnection, changes: dict[str, object]
) -> None:
    stated = {"strike_type": "greater", "floor": "3.75", "close_time": FUTURE}
    list_market(connection, LOW, **(stated | changes))
    list_market(connection, HIGH, strike_type="greater", floor="4.00", close_time=FUTURE)
    group_all_changed(connection)
    put_quote(connection, LOW, "0.40", "0.45")
    put_quote(connection, HIGH, "0.60", "0.65")
    assert look(connection, LOW, HIGH).recorded.opened == []


def test_a_series_fees_are_taken_and_an_event_s_come_before(
    connection: PgConnection, ladder: None
) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO series (ticker, fee_type, fee_multiplier) VALUES ('KXFED', 'quadratic', 2)"
        )
        cursor.execute("UPDATE instruments SET event_ticker = 'KXFED-26DEC'")
    list_event(connection, "KXFED-26DEC")
    look(connection, LOW)
    assert stored(connection)[0].fees == Decimal("6.83")
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE events SET fee_type_override = 'flat'")
    # What nobody can compute is not promised.
    assert len(look(connection, LOW).recorded.closed) == 1


def test_a_crossed_market_and_its_scope_alone(connection: PgConnection) -> None:
    list_market(connection, "KXRAIN-26NOV22")
    group_all_changed(connection)
    put_quote(connection, "KXRAIN-26NOV22", "0.60", "0.50")
    (found,) = look(connection, "KXRAIN-26NOV22").recorded.opened
    assert (found.kind, found.scope) == ("crossed", "market:KXRAIN-26NOV22")
    put_quote(connection, "KXRAIN-26NOV22", "0.40", "0.50")
    done = look(connection, again=["market:KXRAIN-26NOV22"])
    assert len(done.recorded.closed) == 1


def test_a_settled_market_makes_others_certain(connection: PgConnection, ladder: None) -> None:
    put_quote(connection, LOW, "0.90", "0.95")
    watch = ArbitrageWatch()
    assert look(connection, LOW, watch=watch).recorded.opened == []
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE instruments SET status = 'determined', result = 'yes', updated_at = now()"
            " WHERE ticker = %s",
            (HIGH,),
        )
    (found,) = look(connection, HIGH, watch=watch).recorded.opened
    assert (found.kind, found.legs[0]["ticker"]) == ("certain", LOW)
    assert HIGH in found.assumption


def test_a_number_that_was_above_the_strike_of_its_highest_value(
    connection: PgConnection,
) -> None:
    touched, not_yet = "KXBTCMAXY-26DEC31-100000", "KXBTCMAXY-26DEC31-110000"
    for ticker in (touched, not_yet):
        floor = ticker.rpartition("-")[2]
        list_market(connection, ticker, strike_type="greater", floor=floor, close_time=FUTURE)
        put_quote(connection, ticker, "0.10", "0.95")
    list_market(connection, "X:BTC-USD", None, venue="polygon", asset_class="crypto")
    group_all_changed(connection)
    watch = ArbitrageWatch()
    ids = [polygon("X:BTC-USD")]
    put_quote(connection, "X:BTC-USD", venue="polygon", price="99999.99")
    assert watch.look(connection, ids, [], None, datetime.now(UTC)).recorded.opened == []
    put_quote(connection, "X:BTC-USD", venue="polygon", price="100000.01")
    (found,) = watch.look(connection, ids, [], None, datetime.now(UTC)).recorded.opened
    assert (found.kind, [leg["ticker"] for leg in found.legs]) == ("certain", [touched])
    assert "100000.01" in found.assumption
    # A spot that nobody confirmed lately proves nothing.
    old = datetime.now(UTC) - timedelta(minutes=5)
    put_quote(connection, "X:BTC-USD", venue="polygon", price="100000.01", at=old)
    assert len(watch.look(connection, ids, [], None, datetime.now(UTC)).recorded.closed) == 1


def test_groups_that_changed_are_read_again(connection: PgConnection, ladder: None) -> None:
    watch = ArbitrageWatch()
    look(connection, LOW, watch=watch)
    top = "KXFED-26DEC-T4.25"
    list_market(connection, top, strike_type="greater", floor="4.25", close_time=FUTURE)
    put_quote(connection, top, "0.60", "0.85")
    group_all_changed(connection)
    opened = look(connection, LOW, watch=watch).recorded.opened
    assert [leg["ticker"] for found in opened for leg in found.legs] == [top, LOW]
    assert len(select(connection, "SELECT 1 FROM arbitrage_opportunities")) == 2
