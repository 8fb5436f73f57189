"""Groups follow their markets: listed, changed, described later."""

from __future__ import annotations

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from watched import kalshi, list_event, list_market, polygon, select

from hadron_tasks.market_watch import mapping
from hadron_tasks.market_watch.grouping import group_all_changed, group_changed
from hadron_tasks.store.market_groups import grouping_version

MEMBERS = "SELECT ticker FROM market_group_members WHERE kind = %s ORDER BY key, position, ticker"
EDGES = "SELECT from_ticker, to_ticker FROM market_relationships WHERE kind = %s ORDER BY 1, 2"
FED = "KXFED-26DEC"


def version(connection: PgConnection) -> int:
    with connection, connection.cursor() as cursor:
        return grouping_version(cursor, "kalshi")


def members(connection: PgConnection, kind: str) -> list[str]:
    return [ticker for (ticker,) in select(connection, MEMBERS, kind)]


def fed(connection: PgConnection, *strikes: str) -> list[str]:
    for strike in strikes:
        list_market(connection, f"{FED}-T{strike}", strike_type="greater", floor=strike)
    return [f"{FED}-T{strike}" for strike in strikes]


def test_a_ladder_in_its_order_and_its_edges(connection: PgConnection) -> None:
    low, high, middle = fed(connection, "3.50", "4.00", "3.75")
    assert group_all_changed(connection) == 3
    assert members(connection, "ladder") == [high, middle, low]
    assert select(connection, EDGES, "implies") == [(middle, low), (high, middle)]


def test_only_what_changed_is_grouped_again(connection: PgConnection) -> None:
    first, *_ = fed(connection, "3.50", "4.00")
    list_market(connection, "KXRAIN-26NOV22")
    assert group_all_changed(connection) == 3
    before = version(connection)
    assert group_changed(connection) == (0, 0, [])
    assert version(connection) == before
    # Described anew, and nothing follows from what changed.
    list_market(connection, first, strike_type="greater", floor="3.50", status="closed")
    done = group_changed(connection)
    assert (done.markets, done.changed, done.instrument_ids) == (1, 0, [kalshi(first)])
    assert version(connection) == before
    # A strike that was wrong.
    list_market(connection, first, strike_type="greater", floor="4.25")
    assert group_changed(connection).changed == 1
    assert version(connection) > before
    assert members(connection, "ladder") == [first, f"{FED}-T4.00"]


def test_what_the_exchange_says_of_an_event_later(connection: PgConnection) -> None:
    event = "KXHIGHNY-26NOV22"
    strikes = (("T53", "less", None, "53"), ("B53.5", "between", "53", "54"))
    for suffix, kind, floor, cap in strikes:
        list_market(connection, f"{event}-{suffix}", strike_type=kind, floor=floor, cap=cap)
    group_all_changed(connection)
    assert members(connection, "exclusive") == []
    list_event(connection, event, exclusive=True)
    assert group_all_changed(connection) == 2
    assert len(members(connection, "exclusive")) == 2
    assert members(connection, "exhaustive") == []
    # The one that was missing covers the rest.
    list_market(connection, f"{event}-T54", strike_type="greater", floor="54")
    assert group_all_changed(connection) == 1
    assert len(members(connection, "exhaustive")) == 3
    assert len(select(connection, EDGES, "excludes")) == 3
    assert select(connection, EDGES, "complements") == []


def test_the_markets_of_one_game(connection: PgConnection) -> None:
    game = "26NOV29TORCHA"
    tickers = [
        f"KXNBAGAME-{game}-TOR",
        f"KXNBAGAME-{game}-CHA",
        f"KXNBASPREAD-{game}-TOR6",
        f"KXNBATOTAL-{game}-215",
    ]
    for ticker in tickers:
        # Seen on the stream only: the event is what the ticker says.
        list_market(connection, ticker, None)
    list_event(connection, f"KXNBAGAME-{game}", exclusive=True)
    group_all_changed(connection)
    assert sorted(members(connection, "game")) == sorted(tickers)
    assert len(select(connection, EDGES, "same_game")) == 6
    list_market(connection, f"KXNBATOTAL-{game}-225", None)
    assert group_all_changed(connection) == 1
    assert len(members(connection, "game")) == 5
    assert len(members(connection, "event")) == 5


def test_a_combo_and_its_legs(connection: PgConnection) -> None:
    combo = "KXMVESPORTS-S2026ABCDEF-123456"
    legs = [("KXNBATOTAL-26NOV29TORCHA-215", "yes"), ("KXFED-26DEC-T4.00", "no")]
    list_market(connection, combo, legs=legs)
    group_all_changed(connection)
    assert members(connection, "combo") == [combo, *(leg for leg, _ in legs)]
    edges = "SELECT from_ticker, from_side, to_ticker FROM market_relationships"
    assert sorted(select(connection, f"{edges} WHERE kind = 'leg_of'")) == sorted(
        (leg, side, combo) for leg, side in legs
    )


def test_an_underlying_and_the_series_mapped_to_another(connection: PgConnection) -> None:
    market = "KXINXU-26NOV23H1600-T6012.5"
    list_market(connection, market)
    list_market(connection, "I:SPX", None, venue="polygon", asset_class="index")
    group_all_changed(connection)
    edge = ("I:SPX", market)
    assert select(connection, EDGES, "underlying_of") == [edge]
    ids = "SELECT from_instrument_id::text FROM market_relationships WHERE kind = 'underlying_of'"
    assert select(connection, ids) == [(polygon("I:SPX"),)]
    mapping.add(connection, ("polygon", "SPY"), ("kalshi", "KXINXU"))
    group_all_changed(connection)
    assert select(connection, EDGES, "underlying_of") == [("SPY", market)]
    assert mapping.remove(connection, ("kalshi", "KXINXU"))
    group_all_changed(connection)
    assert select(connection, EDGES, "underlying_of") == [edge]


def test_a_market_that_nobody_can_read_is_in_its_event(connection: PgConnection) -> None:
    list_market(connection, "what is this?", "SOMETHING")
    assert group_all_changed(connection) == 1
    assert members(connection, "event") == ["what is this?"]
