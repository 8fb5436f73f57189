"""The venues Hadron knows: a new one is a package beside this module and an entry here."""

from __future__ import annotations

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.ingest.normalised import LifecycleEvent, StateChange
from hadron_tasks.ingest.venue_rules import VenueRules
from hadron_tasks.store.instruments import NewInstrument
from hadron_tasks.venues.kalshi import lifecycle as kalshi_lifecycle
from hadron_tasks.venues.kalshi import normalise as kalshi
from hadron_tasks.venues.polygon import normalise as polygon
from hadron_tasks.venues.polygon import symbols as polygon_symbols


def _describe_kalshi(venue: str, ticker: str) -> NewInstrument:
    return NewInstrument(venue, ticker, "other", f"Kalshi Market: {ticker}")


def _describe_polygon(venue: str, ticker: str) -> NewInstrument:
    return NewInstrument(venue, ticker, polygon_symbols.asset_class(ticker), ticker)


def _no_lifecycle(_events: list[LifecycleEvent]) -> StateChange:
    return StateChange(columns={})


_RULES = {
    rules.venue: rules
    for rules in (
        VenueRules(
            venue=kalshi.VENUE,
            normalise=kalshi.normalise,
            describe=_describe_kalshi,
            fold_market=kalshi_lifecycle.fold_market,
            fold_event=kalshi_lifecycle.fold_event,
        ),
        VenueRules(
            venue=polygon.VENUE,
            normalise=polygon.normalise,
            describe=_describe_polygon,
            fold_market=_no_lifecycle,
            fold_event=_no_lifecycle,
        ),
    )
}

VENUES = tuple(_RULES)


def rules_for(venue: str) -> VenueRules:
    """What is particular to a venue.

    Raises:
        ConfigurationError: It is not known; lists those that are.
    """
    try:
        return _RULES[venue]
    except KeyError:
        raise ConfigurationError(
            f"There is no venue {venue!r}; known are {', '.join(VENUES)}."
        ) from None
