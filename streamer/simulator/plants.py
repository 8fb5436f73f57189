"""Arbitrages planted on the simulated exchange, with the profit that each is worth.

The profit is worked out here, in whole hundredths of a cent and in another way than Hadron does,
so that a fault of one is not the other's too. A planted event stands still: its books move no
more, nobody trades in it, it does not end.

What connections of one exchange carry reaches a recorder in no order between them, so planting
has two steps: an event is cleared, and what happens to its markets happens; later the planted
offers are made. Who lets a recorder catch up in between knows what it saw first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from streamer.simulator.combo_markets import SERIES as COMBO_SERIES
from streamer.simulator.kalshi_exchange import KalshiExchange
from streamer.simulator.lifecycle import Lifecycle
from streamer.simulator.market import ONE_DOLLAR, Event, Market, Terms
from streamer.simulator.rest_market import RestLeg, RestMarket

PlantKind = Literal[
    "crossed", "exhaustive_set", "exclusive_set", "implication", "combo_floor", "certain"
]
Spoiler = Literal["fees", "size", "halt", "hole"]
"""Why a near miss is none: fees eat it, less than a contract is offered, a market does not trade,
or something else can happen (of a set that only looks exhaustive)."""

_SIZE = 100


class Plant(NamedTuple):
    """What was planted."""

    kind: PlantKind
    tickers: list[str]
    """The markets to buy in."""
    sets: int
    profit_cents: int
    """Of all sets, after fees; 0 for a near miss."""


class _Offer(NamedTuple):
    """What a planted market will offer, in thousandths; 0 for a side that nobody offers."""

    market: Market
    bid: int
    ask: int
    hundredths: int


class _Buy(NamedTuple):
    """A contract of a planted set: what it costs, in thousandths."""

    ticker: str
    price: int


class Plants:
    """Plants arbitrages and near misses, each in an event of its own."""

    def __init__(
        self,
        exchange: KalshiExchange,
        lifecycle: Lifecycle,
        combos: Callable[[], Iterable[RestMarket]],
    ) -> None:
        self._exchange = exchange
        self._lifecycle = lifecycle
        self._combos = combos
        self._taken: set[str] = set()
        self._coming: list[_Offer] = []

    def plant(self, kind: PlantKind, spoiled_by: Spoiler | None = None) -> Plant:
        """Clear an event for one; :meth:`offer` makes its offers.

        Raises:
            LookupError: No open event is left that it could be planted in, or it cannot be
                spoiled so.
        """
        if spoiled_by == "hole" and kind != "exhaustive_set":
            raise LookupError("Only an exhaustive set can have a hole.")
        buys, pays = {
            "crossed": self._crossed,
            "exhaustive_set": self._exhaustive,
            "exclusive_set": self._exclusive,
            "implication": self._implication,
            "combo_floor": self._combo,
            "certain": self._certain,
        }[kind](spoiled_by)
        profit = 0 if spoiled_by else _profit_cents(buys, pays)
        return Plant(kind, [buy.ticker for buy in buys], _SIZE, profit)

    def offer(self) -> int:
        """Make the offers of all that was planted since; returns how many there are."""
        made = len(self._coming)
        for market, bid, ask, hundredths in self._coming:
            market.yes = {bid: hundredths} if bid else {}
            market.no = {ONE_DOLLAR - ask: hundredths} if ask else {}
            self._exchange.tell_book(market)
            self._exchange.tell_quote(market)
        self._coming.clear()
        return made

    def _crossed(self, spoiled_by: Spoiler | None) -> tuple[list[_Buy], int]:
        event = self._take(lambda one: _is_ladder(one) and len(one.markets) >= 3)
        chosen = event.markets[len(event.markets) // 2]
        bid, ask = (510, 500) if spoiled_by == "fees" else (550, 500)
        for market in event.markets:
            if market is not chosen:
                self._quote(market)
        self._quote(chosen, bid=bid, ask=ask, spoiled_by=spoiled_by)
        return [_Buy(chosen.ticker, ask), _Buy(chosen.ticker, ONE_DOLLAR - bid)], ONE_DOLLAR

    def _exhaustive(self, spoiled_by: Spoiler | None) -> tuple[list[_Buy], int]:
        def wanted(one: Event) -> bool:
            tails = one.markets[0].strike_type == "less"
            return one.mutually_exclusive and _is_buckets(one) and tails != (spoiled_by == "hole")

        event = self._take(wanted)
        total = 980 if spoiled_by == "fees" else 880
        price = total // len(event.markets) // 10 * 10
        for number, market in enumerate(event.markets):
            self._quote(market, ask=price, spoiled_by=spoiled_by if number == 0 else None)
        return [_Buy(market.ticker, price) for market in event.markets], ONE_DOLLAR

    def _exclusive(self, spoiled_by: Spoiler | None) -> tuple[list[_Buy], int]:
        event = self._take(lambda one: one.mutually_exclusive and _is_buckets(one))
        chosen = event.markets[1:3]
        bid = 505 if spoiled_by == "fees" else 580
        for market in event.markets:
            if market not in chosen:
                self._quote(market)
        for number, market in enumerate(chosen):
            self._quote(market, bid=bid, spoiled_by=spoiled_by if number == 0 else None)
        return [_Buy(market.ticker, ONE_DOLLAR - bid) for market in chosen], ONE_DOLLAR

    def _implication(self, spoiled_by: Spoiler | None) -> tuple[list[_Buy], int]:
        event = self._take(lambda one: _is_ladder(one) and len(one.markets) >= 3)
        implied, implying = event.markets[1], event.markets[2]
        bid, ask = (510, 500) if spoiled_by == "fees" else (600, 520)
        for market in event.markets:
            if market not in (implied, implying):
                self._quote(market)
        self._quote(implied, ask=ask, spoiled_by=spoiled_by)
        self._quote(implying, bid=bid)
        return [_Buy(implying.ticker, ONE_DOLLAR - bid), _Buy(implied.ticker, ask)], ONE_DOLLAR

    def _combo(self, spoiled_by: Spoiler | None) -> tuple[list[_Buy], int]:
        def wanted(combo: RestMarket) -> bool:
            legs = [self._exchange.markets.get(leg.market_ticker) for leg in combo.legs]
            events = {leg.event.ticker for leg in legs if leg is not None}
            return (
                combo.ticker not in self._taken
                and len(events) == len(legs)
                and all(leg is not None and self._is_free(leg.event) for leg in legs)
            )

        combo = next((one for one in self._combos() if wanted(one)), None)
        if combo is None:
            raise LookupError("There is no combo left whose legs trade; start with more combos.")
        self._taken.add(combo.ticker)
        events = {self._exchange.markets[leg.market_ticker].event.ticker for leg in combo.legs}
        for ticker in events:
            self._hold(self._exchange.all_events[ticker])
        against = {leg.market_ticker: leg for leg in combo.legs}
        # The combo and the opposite of each leg: one of them pays.
        total = 985 if spoiled_by == "fees" else 900
        price = total // (len(combo.legs) + 1) // 10 * 10
        for ticker in events:
            for market in self._exchange.all_events[ticker].markets:
                leg = against.get(market.ticker)
                if leg is None:
                    self._quote(market)
                else:
                    self._quote_against(market, leg, price)
        whole = _combo_market(combo, self._exchange.markets[combo.legs[0].market_ticker].terms)
        self._quote(whole, ask=price, spoiled_by=None if spoiled_by == "halt" else spoiled_by)
        if spoiled_by == "halt":
            self._halt(self._exchange.markets[combo.legs[0].market_ticker])
        buys = [_Buy(combo.ticker, price), *(_Buy(ticker, price) for ticker in against)]
        return buys, ONE_DOLLAR

    def _certain(self, spoiled_by: Spoiler | None) -> tuple[list[_Buy], int]:
        event = self._take(lambda one: one.mutually_exclusive and _is_buckets(one))
        won, lost = event.markets[0], event.markets[1]
        # The fee alone is less than what is earned; rounded up to the cent, of one contract, not.
        bid, size = (1, 1) if spoiled_by == "fees" else (100, _SIZE)
        for market in event.markets:
            if market is not lost:
                self._quote(market)
        self._quote(lost, bid=bid, size=size, spoiled_by=spoiled_by)
        self._lifecycle.determine(won, "yes")
        return [_Buy(lost.ticker, ONE_DOLLAR - bid)], ONE_DOLLAR

    def _take(self, wanted: Callable[[Event], bool]) -> Event:
        # The youngest first: the eldest may be about to end.
        for event in reversed(self._exchange.events):
            if event.markets and self._is_free(event) and wanted(event):
                self._hold(event)
                return event
        raise LookupError("No open event is left to plant it in; start with more markets.")

    def _is_free(self, event: Event) -> bool:
        return event.ticker not in self._taken and event in self._exchange.events

    def _hold(self, event: Event) -> None:
        self._taken.add(event.ticker)
        self._exchange.events.remove(event)

    def _quote_against(self, market: Market, leg: RestLeg, price: int) -> None:
        """Offer the opposite of what a combo needs."""
        if leg.side == "no":
            self._quote(market, ask=price)
        else:
            self._quote(market, bid=ONE_DOLLAR - price)

    def _quote(
        self,
        market: Market,
        *,
        bid: int = 0,
        ask: int = 0,
        size: int = _SIZE,
        spoiled_by: Spoiler | None = None,
    ) -> None:
        """Clear a market, which stands still from now on; later it is to have these prices."""
        market.has_book = True
        market.yes, market.no = {}, {}
        self._exchange.tell_book(market)
        self._exchange.tell_quote(market)
        self._exchange.close_market(market)
        if bid or ask:
            hundredths = 50 if spoiled_by == "size" else size * 100
            self._coming.append(_Offer(market, bid, ask, hundredths))
        if spoiled_by == "halt":
            self._halt(market)

    def _halt(self, market: Market) -> None:
        self._lifecycle.deactivate(market)


def _is_ladder(event: Event) -> bool:
    """One underlying's strikes, in order. Of a game's spreads each team has its own ladder."""
    return (
        not event.mutually_exclusive
        and not event.series_ticker.endswith("SPREAD")
        and all(market.strike_type == "greater" for market in event.markets)
    )


def _is_buckets(event: Event) -> bool:
    """Ranges of one number."""
    return len(event.markets) >= 3 and all(
        market.strike_type in ("less", "between", "greater") for market in event.markets
    )


def _combo_market(combo: RestMarket, terms: Terms) -> Market:
    """A combo as the WebSocket knows it."""
    event = Event(
        combo.event.ticker,
        COMBO_SERIES,
        combo.event.title,
        combo.event.sub_title,
        mutually_exclusive=False,
        open_s=combo.open_s,
        close_s=combo.close_s,
    )
    return Market(
        ticker=combo.ticker,
        event=event,
        yes_sub_title=combo.yes_sub_title,
        strike_type="custom",
        floor_strike=None,
        cap_strike=None,
        terms=terms,
        close_s=combo.close_s,
    )


def _profit_cents(buys: list[_Buy], pays: int) -> int:
    """What all sets earn: what they pay, less the price and the fee of each, up to whole cents."""
    earned = _SIZE * pays // 10
    for buy in buys:
        fee = -(-7 * _SIZE * buy.price * (ONE_DOLLAR - buy.price) // 10_000)
        earned -= -(-(_SIZE * buy.price * 10 + fee) // 100)
    return earned
