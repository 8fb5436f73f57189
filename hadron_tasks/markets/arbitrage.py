"""Sets of contracts that pay more than they cost, whatever happens.

Every kind is the same thing: legs to buy, and an assumption from which follows what one of each
pays at least. The detectors differ only in the assumption; what a set earns is computed in one
place, with the sizes that are on the books and the exchange's fees and rounding.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import NamedTuple

from hadron_tasks.markets.fees import cost_of
from hadron_tasks.markets.prices import Quote, Side

_ONE = Decimal(1)


class Kind(StrEnum):
    """What was found, by the assumption it rests on."""

    CROSSED = "crossed"
    """YES and NO of one market together cost less than the dollar that one of them pays."""
    EXHAUSTIVE_SET = "exhaustive_set"
    """One of these markets comes true for sure, and all of them cost less than a dollar."""
    EXCLUSIVE_SET = "exclusive_set"
    """At most one of these comes true: NO on each of n pays n - 1 at least."""
    IMPLICATION = "implication"
    """One outcome implies another: NO on the first and YES on the second pay a dollar at least."""
    COMBO_FLOOR = "combo_floor"
    """A combo, and the opposite of each of its legs: one of them pays."""
    CERTAIN = "certain"
    """The outcome is known, and is still sold for less than a dollar."""


class Claim(NamedTuple):
    """A side of a market: what a leg of a set is on."""

    ticker: str
    side: Side

    @property
    def opposite(self) -> Claim:
        """What pays when this does not."""
        return Claim(self.ticker, self.side.opposite)


class Leg(NamedTuple):
    """One contract of a set, as it can be bought now."""

    claim: Claim
    price: Decimal
    size: Decimal
    """How many are offered at that price."""


class Finding(NamedTuple):
    """A set that earns something."""

    kind: Kind
    assumption: str
    """What has to be true for it, in words."""
    legs: tuple[Leg, ...]
    pays: Decimal
    """What one of each leg pays at least, dollars."""
    sets: Decimal
    """How many sets the books offer: whole contracts."""
    fees: Decimal
    """For all sets, with the exchange's rounding."""
    profit: Decimal
    """For all sets, dollars, after fees: at least."""

    @property
    def profit_per_set(self) -> Decimal:
        """Of one set among :attr:`sets`."""
        return self.profit / self.sets

    @property
    def identity(self) -> tuple[str, ...]:
        """The same while it lives, whatever its prices are."""
        return (self.kind, *sorted(f"{leg.claim.ticker}:{leg.claim.side}" for leg in self.legs))


Quotes = Mapping[str, Quote]
"""By ticker."""


def crossed(quotes: Quotes, ticker: str, now: datetime) -> Finding | None:
    """YES and NO of one market for less than a dollar."""
    claims = (Claim(ticker, Side.YES), Claim(ticker, Side.NO))
    return _finding(quotes, Kind.CROSSED, "a market settles YES or NO", claims, _ONE, now)


def exhaustive_set(quotes: Quotes, tickers: Sequence[str], now: datetime) -> Finding | None:
    """YES on each market of a set of which exactly one comes true."""
    if len(tickers) < 2:
        return None
    claims = tuple(Claim(ticker, Side.YES) for ticker in tickers)
    assumption = f"exactly one of these {len(tickers)} markets settles YES"
    return _finding(quotes, Kind.EXHAUSTIVE_SET, assumption, claims, _ONE, now)


def exclusive_set(quotes: Quotes, tickers: Sequence[str], now: datetime) -> Finding | None:
    """NO on those markets, of a set of which at most one comes true, that earn the most together.

    With n legs a set pays n - 1: a leg is worth having if it costs less than the dollar it adds,
    and a market on which little is offered is left out where the others earn more without it.
    """
    legs = [leg for ticker in tickers if (leg := _leg(quotes, Claim(ticker, Side.NO), now))]
    if sum(_ONE - leg.price for leg in legs) <= _ONE:
        return None
    best: Finding | None = None
    for sets in {leg.size.to_integral_value(ROUND_FLOOR) for leg in legs}:
        worth_having = tuple(
            leg for leg in legs if leg.size >= sets and _cost(quotes, leg, sets) < sets
        )
        assumption = f"at most one of these {len(worth_having)} markets settles YES"
        pays = Decimal(len(worth_having) - 1)
        found = _set_of(quotes, Kind.EXCLUSIVE_SET, assumption, worth_having, pays)
        if found is not None and (best is None or found.profit > best.profit):
            best = found
    return best


def implication(quotes: Quotes, if_this: Claim, then_that: Claim, now: datetime) -> Finding | None:
    """``if_this`` implies ``then_that``, and is dearer: strikes, dates, a combo and its legs."""
    assumption = f"{if_this.ticker} {if_this.side} implies {then_that.ticker} {then_that.side}"
    claims = (if_this.opposite, then_that)
    return _finding(quotes, Kind.IMPLICATION, assumption, claims, _ONE, now)


def ladder(quotes: Quotes, rungs: Sequence[Claim], now: datetime) -> Iterator[Finding]:
    """Rungs of which each implies every one after it: above 60, above 50, above 40 ...

    A rung's opposite is compared with the cheapest rungs after it, as long as both together cost
    less than a dollar: a ladder in order takes one pass, and none of its pairs is looked at.
    """
    cheap: list[tuple[Decimal, int]] = []
    """The prices at which rungs are offered, cheapest last, of those behind the one looked at."""
    for at in range(len(rungs) - 1, -1, -1):
        quote = quotes.get(rungs[at].ticker)
        if quote is None:
            continue
        against = quote.offer(rungs[at].side.opposite)
        if against is not None and cheap and against.price + cheap[-1][0] < _ONE:
            for price, behind in reversed(cheap):
                if against.price + price >= _ONE:
                    break
                found = implication(quotes, rungs[at], rungs[behind], now)
                if found is not None:
                    yield found
        offer = quote.offer(rungs[at].side)
        if offer is not None:
            insort(cheap, (offer.price, at), key=lambda entry: -entry[0])


def combo(quotes: Quotes, ticker: str, legs: Sequence[Claim], now: datetime) -> Iterator[Finding]:
    """A combo outside of what its legs allow, whatever their dependence (Frechet's bounds)."""
    whole = Claim(ticker, Side.YES)
    for leg in legs:
        found = implication(quotes, whole, leg, now)
        if found is not None:
            yield found
    claims = (whole, *(leg.opposite for leg in legs))
    assumption = f"{ticker} settles YES if all its {len(legs)} legs come true"
    found = _finding(quotes, Kind.COMBO_FLOOR, assumption, claims, _ONE, now)
    if found is not None:
        yield found


def certain(quotes: Quotes, outcome: Claim, why: str, now: datetime) -> Finding | None:
    """An outcome that is known already."""
    return _finding(quotes, Kind.CERTAIN, why, (outcome,), _ONE, now)


def _finding(
    quotes: Quotes,
    kind: Kind,
    assumption: str,
    claims: Sequence[Claim],
    pays: Decimal,
    now: datetime,
) -> Finding | None:
    """What buying all of ``claims`` earns; None where one cannot be bought, or nothing is left."""
    legs = []
    for claim in claims:
        leg = _leg(quotes, claim, now)
        if leg is None:
            return None
        legs.append(leg)
    return _set_of(quotes, kind, assumption, tuple(legs), pays)


def _leg(quotes: Quotes, claim: Claim, now: datetime) -> Leg | None:
    """The claim as it can be bought now; None where it cannot, or nobody knows at what cost."""
    quote = quotes.get(claim.ticker)
    if quote is None or not quote.is_fresh(now) or not quote.fees.is_known:
        return None
    offer = quote.offer(claim.side)
    return None if offer is None else Leg(claim, offer.price, offer.size)


def _set_of(
    quotes: Quotes, kind: Kind, assumption: str, legs: tuple[Leg, ...], pays: Decimal
) -> Finding | None:
    paid = sum((leg.price for leg in legs), Decimal(0))
    if not legs or paid >= pays:
        return None
    # Fees are rounded up once a leg, so nothing is better than to buy all there is.
    sets = min(leg.size for leg in legs).to_integral_value(ROUND_FLOOR)
    if sets < 1:
        return None
    cost = sum((_cost(quotes, leg, sets) for leg in legs), Decimal(0))
    profit = sets * pays - cost
    if profit <= 0:
        return None
    return Finding(kind, assumption, legs, pays, sets, cost - sets * paid, profit)


def _cost(quotes: Quotes, leg: Leg, sets: Decimal) -> Decimal:
    return cost_of(sets, leg.price, quotes[leg.claim.ticker].fees)
