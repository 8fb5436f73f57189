"""Polygon's reference data as rows of the catalogue: names, listings, currencies, identifiers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hadron_tasks.store.catalogue_rows import InstrumentRow
from hadron_tasks.store.words import keywords
from hadron_tasks.venues.polygon.fields import VENUE
from hadron_tasks.venues.polygon.option_symbols import parse_option
from hadron_tasks.venues.polygon.rest_models import Ticker

ACTIVE, DELISTED = "active", "delisted"
"""What an instrument's status says."""


def ticker_row(ticker: Ticker, instrument: str, asked_at: datetime) -> InstrumentRow:
    """A reference ticker as a row.

    When the exchange last looked it over is left out: that is every day, and would make every
    instrument a changed one.

    Args:
        ticker: What the exchange says of it.
        instrument: Our name of it.
        asked_at: When the request was sent that this answers.
    """
    status = None if ticker.active is None else ACTIVE if ticker.active else DELISTED
    return InstrumentRow(
        venue=VENUE,
        ticker=instrument,
        asset_class=ticker.asset_class,
        described_at=asked_at,
        name=ticker.name or instrument,
        display_name=ticker.name or None,
        status=status,
        keywords=_keywords(ticker, instrument),
        external_ref=_said(
            market=ticker.market,
            locale=ticker.locale,
            type=ticker.type,
            primary_exchange=ticker.primary_exchange,
            currency=ticker.currency_symbol or ticker.currency_name.upper(),
            base_currency=ticker.base_currency_symbol,
            cik=ticker.cik,
            composite_figi=ticker.composite_figi,
            share_class_figi=ticker.share_class_figi,
            delisted_at=ticker.delisted_utc,
            # Where other interfaces of the exchange spell it differently.
            reference_ticker=ticker.ticker if ticker.ticker != instrument else "",
        ),
    )


def option_row(symbol: str, described_at: datetime) -> InstrumentRow | None:
    """An option as a row, by what its symbol says; None for a symbol that is no option's."""
    contract = parse_option(symbol)
    if contract is None:
        return None
    return InstrumentRow(
        venue=VENUE,
        ticker=symbol,
        asset_class="option",
        described_at=described_at,
        name=contract.display_name,
        display_name=contract.display_name,
        keywords=keywords((symbol, contract.root, contract.display_name, "option")),
        external_ref={
            "root": contract.root,
            "expiry": contract.expiry.isoformat(),
            "right": contract.right,
            "strike": f"{contract.strike:f}",
        },
    )


def _keywords(ticker: Ticker, instrument: str) -> str:
    return keywords(
        (
            instrument,
            ticker.name,
            ticker.base_currency_symbol,
            ticker.base_currency_name,
            ticker.currency_symbol,
            ticker.type,
        )
    )


def _said(**facts: Any) -> dict[str, Any]:
    """The facts that were stated."""
    return {name: fact for name, fact in facts.items() if fact not in (None, "")}
