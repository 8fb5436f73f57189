"""What Kalshi's REST API answers, as types (Kalshi, OpenAPI 3.13; newer and older fields, too).

Fields have the names that today's API gives them; prices are dollars, counts are contracts, both
Decimal with the digits that were sent. An answer of 2025, with prices in whole cents, fills the
same fields. A 0 is what the API sends where nothing has traded or rests: these models say what it
said, and whoever makes prices of it decides. Words such as statuses and strike types are open
sets: a new one is a text like any other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import Field, model_validator

from hadron_tasks.venues.kalshi.rest_values import dollars_from_cents, renamed
from hadron_tasks.venues.rest.values import (
    ExactNumber,
    ListOf,
    MappingOf,
    Number,
    RestModel,
    Text,
    Time,
)

_MARKET_CENTS = {
    f"{name}_dollars": name
    for name in (
        "yes_bid",
        "yes_ask",
        "no_bid",
        "no_ask",
        "last_price",
        "previous_yes_bid",
        "previous_yes_ask",
        "previous_price",
        "notional_value",
        "liquidity",
        "settlement_value",
    )
}
_MARKET_NAMES = {
    "volume_fp": "volume",
    "volume_24h_fp": "volume_24h",
    "open_interest_fp": "open_interest",
    "settlement_ts": "settled_time",
}
_TRADE_CENTS = {"yes_price_dollars": "yes_price", "no_price_dollars": "no_price"}
_TRADE_NAMES = {"count_fp": "count", "taker_side": "taker_outcome_side", "ticker": "market_ticker"}


class ExchangeStatus(RestModel):
    """``GET /exchange/status``."""

    exchange_active: bool
    trading_active: bool
    exchange_estimated_resume_time: Time = None


class Schedule(RestModel):
    """``GET /exchange/schedule``: weekly hours in New York time, and maintenance to come."""

    standard_hours: Any = None
    maintenance_windows: ListOf[dict[str, Any]] = Field(default_factory=list)


class SettlementSource(RestModel):
    """Where a series' outcomes are read."""

    name: Text = ""
    url: Text = ""


class Series(RestModel):
    """A family of recurring events."""

    ticker: str = Field(min_length=1)
    title: Text = ""
    category: Text = ""
    frequency: Text = ""
    tags: ListOf[str] = Field(default_factory=list)
    settlement_sources: ListOf[SettlementSource] = Field(default_factory=list)
    contract_url: Text = ""
    fee_type: Text = ""
    fee_multiplier: Number = None
    last_updated_ts: Time = None


class PriceRange(RestModel):
    """Between ``start`` and ``end`` prices go in steps of ``step`` dollars, told as texts."""

    start: Text = ""
    end: Text = ""
    step: Text = ""


class Leg(RestModel):
    """One part of a combo: it pays when all its legs' sides do."""

    event_ticker: Text = ""
    market_ticker: Text = ""
    side: Text = ""


class Market(RestModel):
    """One market. It says neither its series nor its category: its event and series do."""

    ticker: str = Field(min_length=1)
    event_ticker: Text = ""
    market_type: Text = ""
    title: Text = ""
    subtitle: Text = ""
    yes_sub_title: Text = ""
    no_sub_title: Text = ""
    status: Text = ""
    """The field's words: ``initialized, inactive, active, closed, determined, disputed, amended,
    finalized``; the filter of ``GET /markets`` has others."""
    result: Text = ""
    settlement_value_dollars: Number = None
    settlement_ts: Time = None
    created_time: Time = None
    updated_time: Time = None
    open_time: Time = None
    close_time: Time = None
    expected_expiration_time: Time = None
    latest_expiration_time: Time = None
    strike_type: Text = ""
    floor_strike: Number = None
    cap_strike: Number = None
    functional_strike: Text = ""
    custom_strike: MappingOf[Any] = Field(default_factory=dict)
    rules_primary: Text = ""
    rules_secondary: Text = ""
    price_level_structure: Text = ""
    price_ranges: ListOf[PriceRange] = Field(default_factory=list)
    yes_bid_dollars: Number = None
    yes_ask_dollars: Number = None
    no_bid_dollars: Number = None
    no_ask_dollars: Number = None
    yes_bid_size_fp: Number = None
    yes_ask_size_fp: Number = None
    last_price_dollars: Number = None
    volume_fp: Number = None
    volume_24h_fp: Number = None
    open_interest_fp: Number = None
    notional_value_dollars: Number = None
    mve_collection_ticker: Text = ""
    mve_selected_legs: ListOf[Leg] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _both_eras(cls, data: Any) -> Any:
        return renamed(dollars_from_cents(data, _MARKET_CENTS), _MARKET_NAMES)


class Event(RestModel):
    """What several markets are about."""

    event_ticker: str = Field(min_length=1)
    series_ticker: Text = ""
    title: Text = ""
    sub_title: Text = ""
    category: Text = ""
    mutually_exclusive: bool | None = None
    collateral_return_type: Text = ""
    strike_date: Time = None
    strike_period: Text = ""
    product_metadata: MappingOf[Any] = Field(default_factory=dict)
    last_updated_ts: Time = None
    markets: ListOf[Market] = Field(default_factory=list)
    """Only when they were asked for."""


class Trade(RestModel):
    """One trade; the same ``trade_id`` as on the WebSocket, the time to the microsecond."""

    trade_id: str = Field(min_length=1)
    ticker: str = Field(min_length=1)
    yes_price_dollars: Number = None
    no_price_dollars: Number = None
    count_fp: Number = None
    taker_side: Text = ""
    created_time: Time = None

    @model_validator(mode="before")
    @classmethod
    def _both_eras(cls, data: Any) -> Any:
        return renamed(dollars_from_cents(data, _TRADE_CENTS), _TRADE_NAMES)


class Level(NamedTuple):
    """One level of a book."""

    price: ExactNumber
    """Dollars."""
    size: ExactNumber
    """Contracts."""


class Orderbook(RestModel):
    """A market's resting bids on both sides; a NO bid at q is a YES ask at 1 - q."""

    ticker: str
    yes: ListOf[Level] = Field(default_factory=list)
    no: ListOf[Level] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _both_eras(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "yes" in data or "no" in data:
            return data
        book = data.get("orderbook_fp", data.get("orderbook"))
        if not isinstance(book, dict):
            raise ValueError("has no order book")
        return {"ticker": data.get("ticker"), **_sides(book)}


class Cutoff(RestModel):
    """``GET /historical/cutoff``: what is older is only under ``/historical``."""

    market_settled_ts: Time = None
    trades_created_ts: Time = None
    orders_updated_ts: Time = None


class SportFilter(RestModel):
    """The scopes and competitions of a sport."""

    scopes: ListOf[str] = Field(default_factory=list)
    competitions: MappingOf[Any] = Field(default_factory=dict)


class SportFilters(RestModel):
    """``GET /search/filters_by_sport``."""

    filters_by_sports: MappingOf[SportFilter] = Field(default_factory=dict)
    sport_ordering: ListOf[str] = Field(default_factory=list)


class TagsByCategory(RestModel):
    """``GET /search/tags_by_categories``."""

    tags_by_categories: MappingOf[ListOf[str]] = Field(default_factory=dict)


class BucketLimit(RestModel):
    """One of the account's token buckets."""

    refill_rate: int = Field(gt=0)
    """Tokens a second."""
    bucket_capacity: int = Field(gt=0)


class AccountLimits(RestModel):
    """``GET /account/limits``: two token buckets now, requests a second in OpenAPI 3.13."""

    usage_tier: Text = ""
    read: BucketLimit | None = None
    write: BucketLimit | None = None
    read_limit: int | None = None
    """Requests a second."""

    def reading(self, default_cost: int) -> BucketLimit | None:
        """The bucket that requests for market data take from; None where the answer has none."""
        if self.read is not None:
            return self.read
        if self.read_limit is None or self.read_limit <= 0:
            return None
        tokens = self.read_limit * default_cost
        return BucketLimit(refill_rate=tokens, bucket_capacity=tokens)


class EndpointCost(RestModel):
    """An endpoint that does not cost the default."""

    method: str
    path: str
    cost: int = Field(ge=0)


class EndpointCosts(RestModel):
    """``GET /account/endpoint_costs``."""

    default_cost: int = Field(gt=0)
    endpoint_costs: ListOf[EndpointCost] = Field(default_factory=list)


def _sides(book: dict[str, Any]) -> dict[str, Any]:
    sides: dict[str, Any] = {}
    for side in ("yes", "no"):
        levels = book.get(f"{side}_dollars")
        if levels is None:
            pairs = (level for level in book.get(side) or () if isinstance(level, list))
            levels = [
                dollars_from_cents(dict(zip(("cents", "count"), pair, strict=False)), _LEVEL_CENTS)
                for pair in pairs
            ]
            levels = [[level.get("price"), level.get("count")] for level in levels]
        sides[side] = levels
    return sides


_LEVEL_CENTS = {"price": "cents"}
