"""Which instrument a venue's name stands for, and whose price of it is the truth."""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.crawl.rows import market_row
from hadron_tasks.errors import HadronError
from hadron_tasks.markets.priority import PREDICTION_VENUE, truth_of
from hadron_tasks.store.catalogue import upsert_instruments
from hadron_tasks.store.instruments import NewInstrument
from hadron_tasks.store.mapping import (
    add_mapping,
    create_instrument,
    lookup_instrument_by_venue_id,
    remove_mapping,
)
from hadron_tasks.store.market_groups import group_again
from hadron_tasks.tickers import CodeBook
from hadron_tasks.venues.kalshi.rest_models import Market
from hadron_tasks.venues.registry import VENUES, rules_for

Name = tuple[str, str]
"""Venue and what it calls an instrument, a market or a series."""


def add(connection: PgConnection, instrument: Name, name: Name) -> bool:
    """Let ``name`` stand for ``instrument``; returns whether that is new.

    The instrument is made where its venue is known and it was never met.

    Raises:
        HadronError: A venue that is not recorded, or a name of the instrument's own venue.
    """
    for venue, _ in (instrument, name):
        if venue not in VENUES:
            known = ", ".join(sorted(VENUES))
            raise HadronError(f"There is no venue {venue!r}; there are {known}.")
    if instrument[0] == name[0]:
        raise HadronError(
            f"{':'.join(name)} and {':'.join(instrument)} are of one venue: a venue's name stands "
            "for another venue's instrument."
        )
    described = rules_for(name[0]).describe(*name)
    if truth_of(described.asset_class) == name[0] and name[0] != PREDICTION_VENUE:
        raise HadronError(
            f"{name[0]} is trusted for the price of {name[1]}, not {instrument[0]}. The other way "
            f"round: hadron map add {':'.join(name)} {':'.join(instrument)}"
        )
    found = lookup_instrument_by_venue_id(connection, *instrument)
    if found is None:
        found = create_instrument(connection, rules_for(instrument[0]).describe(*instrument))
    with connection, connection.cursor() as cursor:
        is_new = add_mapping(cursor, found, *name)
        group_again(cursor, PREDICTION_VENUE)
    return is_new


def remove(connection: PgConnection, name: Name) -> bool:
    """Let ``name`` stand for nothing else; returns whether it did."""
    with connection, connection.cursor() as cursor:
        was_there = remove_mapping(cursor, *name)
        group_again(cursor, PREDICTION_VENUE)
    return was_there


def create_instrument_from_kalshi_market(
    connection: PgConnection, market: Market, asked_at: datetime
) -> str:
    """The id of a market's instrument, which is made or brought up to what the exchange says.

    Args:
        market: As the REST API describes it.
        asked_at: When that request was sent.
    """
    with connection, connection.cursor() as cursor:
        upsert_instruments(cursor, [market_row(market, None, None, CodeBook(), asked_at)])
    found = lookup_instrument_by_venue_id(connection, PREDICTION_VENUE, market.ticker)
    if found is None:  # refused by the database: what its ticker says is still an instrument
        found = create_instrument(
            connection,
            NewInstrument(PREDICTION_VENUE, market.ticker, "other", market.title or market.ticker),
        )
    return found
