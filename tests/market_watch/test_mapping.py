"""One instrument on several venues: looked up, mapped, recorded, and whose price counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from watched import kalshi, polygon, select

from hadron_tasks.errors import HadronError
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.market_watch import mapping
from hadron_tasks.raw_stream import RawFrame
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.store.mapping import list_mappings, lookup_instrument_by_venue_id
from hadron_tasks.times import to_ns
from hadron_tasks.venues.kalshi.rest_models import Market
from hadron_tasks.venues.registry import rules_for

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MARKET = "KXBTCPERP"
COIN = "X:BTC-USD"
TICKS = "SELECT venue, tick_type FROM ticks WHERE instrument_id = %s ORDER BY event_time"
PRICE = "SELECT venue, price, bid FROM latest_quotes WHERE instrument_id = %s"


class Recorder:
    """Both venues' writers of one worker process."""

    def __init__(self, connection: PgConnection) -> None:
        self.connection = connection
        cache = InstrumentCache(100)
        self.writers = {
            venue: BatchWriter(rules_for(venue), cache, "test") for venue in ("kalshi", "polygon")
        }

    def kalshi(self, seconds: int, bid: str) -> None:
        at_ns = to_ns(NOW) + seconds * 1_000_000_000
        message = {
            "market_ticker": MARKET,
            "price_dollars": bid,
            "yes_bid_dollars": bid,
            "yes_ask_dollars": "0.9900",
            "ts_ms": at_ns // 1_000_000,
        }
        self._write("kalshi", {"type": "ticker", "sid": 1, "msg": message}, at_ns)

    def polygon(self, seconds: int, price: float) -> None:
        at_ns = to_ns(NOW) + seconds * 1_000_000_000
        trade = {"ev": "XT", "pair": "BTC-USD", "p": price, "s": 1, "x": 1, "i": str(seconds)}
        self._write("polygon", [trade | {"t": at_ns // 1_000_000}], at_ns)

    def _write(self, venue: str, document: object, at_ns: int) -> None:
        frame = RawFrame(json.dumps(document).encode(), at_ns, f"{venue}-1")
        counts = self.writers[venue].write(self.connection, [frame])
        assert (counts.ticks, counts.dead_letters) == (1, 0)


def test_tracked_from_both_venues_and_the_truth_is_polygon_s(connection: PgConnection) -> None:
    recorder = Recorder(connection)
    recorder.polygon(0, 98000)
    recorder.kalshi(1, "0.5000")  # seen before it is mapped, so the worker remembers its id
    assert select(connection, TICKS, kalshi(MARKET)) == [("kalshi", "quote")]
    assert mapping.add(connection, ("polygon", COIN), ("kalshi", MARKET))
    recorder.kalshi(2, "0.6000")
    assert select(connection, TICKS, polygon(COIN)) == [("polygon", "trade"), ("kalshi", "quote")]
    assert select(connection, PRICE, polygon(COIN)) == [("polygon", Decimal(98000), None)]
    recorder.polygon(3, 98100)
    recorder.kalshi(4, "0.7000")
    assert select(connection, PRICE, polygon(COIN)) == [("polygon", Decimal(98100), None)]

    assert mapping.remove(connection, ("kalshi", MARKET))
    recorder.kalshi(5, "0.8000")
    assert len(select(connection, TICKS, polygon(COIN))) == 4
    assert len(select(connection, TICKS, kalshi(MARKET))) == 2
    assert select(connection, PRICE, kalshi(MARKET))[0][2] == Decimal("0.8000")


def test_a_mapping_again_is_no_news_and_another_takes_its_place(connection: PgConnection) -> None:
    name = ("kalshi", "KXINX")
    assert mapping.add(connection, ("polygon", "I:SPX"), name)
    assert not mapping.add(connection, ("polygon", "I:SPX"), name)
    assert mapping.add(connection, ("polygon", "SPY"), name)
    (row,) = list_mappings(connection)
    assert (row.venue, row.name, row.primary_source, row.ticker) == (*name, "polygon", "SPY")
    # An instrument's own name is there, too, and cannot be taken from it.
    assert len(list_mappings(connection, "SPY", every=True)) == 2
    assert not mapping.remove(connection, ("polygon", "SPY"))
    assert lookup_instrument_by_venue_id(connection, "polygon", "SPY") == polygon("SPY")


@pytest.mark.parametrize(
    ("instrument", "name", "says"),
    [
        (("polygon", "I:SPX"), ("nyse", "SPY"), "no venue 'nyse'"),
        (("polygon", "I:SPX"), ("polygon", "SPY"), "of one venue"),
        (("kalshi", "KXINX"), ("polygon", "I:SPX"), "hadron map add polygon:I:SPX kalshi:KXINX"),
    ],
)
def test_what_makes_no_sense_is_refused(
    connection: PgConnection, instrument: mapping.Name, name: mapping.Name, says: str
) -> None:
    with pytest.raises(HadronError, match=says):
        mapping.add(connection, instrument, name)


def test_an_instrument_from_what_the_exchange_says_of_a_market(connection: PgConnection) -> None:
    market = Market.model_validate(
        {
            "ticker": "KXNBAGAME-26NOV29TORCHA-TOR",
            "event_ticker": "KXNBAGAME-26NOV29TORCHA",
            "title": "Toronto at Charlotte Winner?",
            "yes_sub_title": "Toronto",
            "status": "active",
        }
    )
    made = mapping.create_instrument_from_kalshi_market(connection, market, NOW)
    assert made == kalshi(market.ticker)
    assert lookup_instrument_by_venue_id(connection, "kalshi", market.ticker) == made
    assert lookup_instrument_by_venue_id(connection, "kalshi", "KXNOTHING") is None
    ((title, status),) = select(connection, "SELECT title, status FROM instruments")
    assert (title, status) == (market.title, "active")
    assert mapping.create_instrument_from_kalshi_market(connection, market, NOW) == made
