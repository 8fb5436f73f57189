"""A market as the simulated REST API tells it, whether it trades on the WebSocket or not."""

from __future__ import annotations

from typing import NamedTuple

from streamer.simulator.market import ONE_DOLLAR, Event, Market

STATUS_WORDS: dict[str, frozenset[str]] = {
    "unopened": frozenset({"initialized"}),
    "open": frozenset({"active"}),
    "paused": frozenset({"inactive"}),
    "closed": frozenset({"closed", "determined", "disputed", "amended"}),
    "settled": frozenset({"finalized"}),
}
"""What a status filter matches: its words are not the field's (Kalshi, Market lifecycle)."""


class RestLeg(NamedTuple):
    """One part of a combo."""

    event_ticker: str
    market_ticker: str
    side: str


class RestEvent(NamedTuple):
    """What several markets are about. Times are Unix seconds."""

    ticker: str
    series_ticker: str
    title: str
    sub_title: str
    mutually_exclusive: bool
    strike_s: int
    updated_s: int


class RestMarket(NamedTuple):
    """Prices are thousandths of a dollar, sizes hundredths of a contract, times Unix seconds."""

    ticker: str
    event: RestEvent
    yes_sub_title: str
    status: str
    result: str
    created_s: int
    updated_s: int
    open_s: int
    close_s: int
    settled_s: int
    """0 while it is not settled."""
    strike_type: str
    floor_strike: float | None
    cap_strike: float | None
    rules_secondary: str
    tick: int
    whole_contracts: bool
    yes_bid: int
    yes_bid_size: int
    yes_ask: int
    yes_ask_size: int
    last_price: int
    volume: int
    open_interest: int
    collection: str = ""
    legs: tuple[RestLeg, ...] = ()

    def has_status(self, word: str) -> bool:
        """Whether a status filter matches."""
        return self.status in STATUS_WORDS[word]


def live_event(event: Event) -> RestEvent:
    """An event whose markets trade on the WebSocket."""
    return RestEvent(
        event.ticker,
        event.series_ticker,
        event.title,
        event.sub_title,
        event.mutually_exclusive,
        event.close_s,
        event.open_s,
    )


def live_market(market: Market) -> RestMarket:
    """A market that trades on the WebSocket, as it stands."""
    event = market.event
    bid, no_bid = market.best_yes, market.best_no
    return RestMarket(
        ticker=market.ticker,
        event=live_event(event),
        yes_sub_title=market.yes_sub_title,
        status=market.status,
        result=market.result,
        created_s=market.created_s or event.open_s,
        updated_s=market.updated_s or event.open_s,
        open_s=event.open_s,
        close_s=market.close_s,
        settled_s=market.settled_s,
        strike_type=market.strike_type,
        floor_strike=market.floor_strike,
        cap_strike=market.cap_strike,
        rules_secondary="",
        tick=market.tick,
        whole_contracts=market.whole_contracts,
        yes_bid=bid,
        yes_bid_size=market.yes.get(bid, 0),
        yes_ask=ONE_DOLLAR - no_bid,
        yes_ask_size=market.no.get(no_bid, 0),
        last_price=market.last_price,
        volume=market.volume,
        open_interest=market.open_interest,
    )
