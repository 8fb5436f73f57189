"""Instruments as they stand, as quotes that detectors understand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import redis

from hadron_tasks.feed_health import HEALTH_KEY, ConnectionState, is_fresh, parse_reports
from hadron_tasks.markets.certainty import Results
from hadron_tasks.markets.fees import STANDARD, FeeSchedule
from hadron_tasks.markets.prices import Quote, Side
from hadron_tasks.store.market_quotes import Standing
from hadron_tasks.times import from_ns

_TRADING = frozenset({"active", "open"})
_WON = {"yes": Side.YES, "no": Side.NO}


class Feed(NamedTuple):
    """A venue's feed, as far as it says that what did not change is still so."""

    whole_since: datetime
    """Nothing was missed from then on."""
    heard_at: datetime


def read_feed(client: redis.Redis, venue: str) -> Feed | None:
    """How long a venue's feed has been whole; None while one of its connections is not.

    An exchange tells of changes only: a quiet market's quote holds for as long as its feed does.

    Raises:
        redis.RedisError: Redis cannot be reached.
    """
    stored: dict[bytes, bytes] = client.hgetall(HEALTH_KEY)  # type: ignore[assignment]
    reports = [
        report
        for report in parse_reports(stored.values())
        if report.venue == venue and report.state is not ConnectionState.STOPPED
    ]
    connected = [report.connected_ns for report in reports if report.connected_ns is not None]
    whole = all(
        report.state is ConnectionState.LIVE and report.hole_from_ns is None and is_fresh(report)
        for report in reports
        # One without a key of its own carries nothing.
        if report.state is not ConnectionState.WAITING_FOR_KEY
    )
    if not (whole and connected):
        return None
    return Feed(from_ns(max(connected)), from_ns(min(report.reported_ns for report in reports)))


def quotes_of(standings: Iterable[Standing], feed: Feed | None, now: datetime) -> dict[str, Quote]:
    """The quotes of markets that trade now, by ticker."""
    return {
        one.ticker: Quote(
            one.ticker,
            one.bid,
            one.ask,
            one.bid_size,
            one.ask_size,
            confirmed_at(one.received_at, feed),
            _fees(one),
        )
        for one in standings
        if one.received_at is not None and _trades(one, now)
    }


def results_of(standings: Iterable[Standing]) -> Results:
    """The markets whose outcome is known."""
    return {one.ticker: _WON[one.result] for one in standings if one.result in _WON}


def confirmed_at(received_at: datetime, feed: Feed | None) -> datetime:
    """When a quote was last known to hold: while the feed is whole, no news is that it does."""
    if feed is None or received_at < feed.whole_since:
        return received_at
    return max(received_at, feed.heard_at)


def _trades(one: Standing, now: datetime) -> bool:
    if one.close_time is not None and one.close_time <= now:
        return False
    return one.status is None or one.status in _TRADING


def _fees(one: Standing) -> FeeSchedule:
    if one.fee_type is None:  # not crawled yet
        return STANDARD
    return FeeSchedule(
        one.fee_type, STANDARD.multiplier if one.fee_multiplier is None else one.fee_multiplier
    )
