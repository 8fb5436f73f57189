"""The gaps that a comparison opens: to fetch what is missing, to tell what disagrees. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid5

from hadron_tasks.backfill.compare import Discrepancy, Finding, TradeFacts
from hadron_tasks.raw_stream import GapCause
from hadron_tasks.store.feed_gaps import FoundGap
from hadron_tasks.times import from_ns

MOST_TICKERS = 10
"""Fetched one by one; when more have trades missing, all are fetched."""
_GAPS = UUID("8d3c34a1-54a5-4d27-9c44-7d1d3f7c9b57")

ChannelOf = Callable[[str], str]
"""A ticker to the venue's channel that carries its trades."""


def missing_gaps(
    audit_id: int,
    venue: str,
    found: Sequence[Discrepancy],
    channel_of: ChannelOf,
    *,
    has_list: bool,
) -> list[FoundGap]:
    """A gap for each channel with trades that are not stored.

    Args:
        has_list: Whether the venue tells the trades of all instruments in one list.
    """
    by_channel: dict[str, list[Discrepancy]] = defaultdict(list)
    for each in found:
        if each.finding is Finding.MISSING:
            by_channel[channel_of(each.trade.ticker)].append(each)
    return [
        _gap(
            audit_id,
            venue,
            channel,
            lost,
            missing=len(lost),
            is_of_all=has_list and len(_tickers(lost)) > MOST_TICKERS,
            detail=f"audit {audit_id}: the exchange tells of {len(lost):,} trades that were not"
            " stored",
        )
        for channel, lost in sorted(by_channel.items())
    ]


def disagreements(
    audit_id: int, venue: str, found: Sequence[Discrepancy], channel_of: ChannelOf
) -> list[FoundGap]:
    """A gap for each channel with stored trades that the exchange does not tell of, or otherwise.

    Its ``detail`` says which. Nothing is fetched for it: both are what the exchange has said.
    """
    by_channel: dict[str, list[Discrepancy]] = defaultdict(list)
    for each in found:
        if each.finding is not Finding.MISSING:
            by_channel[channel_of(each.trade.ticker)].append(each)
    return [
        _gap(audit_id, venue, channel, odd, missing=0, is_of_all=False, detail=_told(audit_id, odd))
        for channel, odd in sorted(by_channel.items())
    ]


def finding_document(each: Discrepancy) -> dict[str, Any]:
    """A discrepancy for people and programs."""
    told = each.theirs or each.ours
    assert told is not None
    return {
        "finding": each.finding.value,
        "ticker": each.trade.ticker,
        "trade_id": told.trade_id,
        "at": from_ns(each.at_us * 1000).isoformat(),
        "fields": list(each.fields),
        "exchange": _facts(each.theirs),
        "stored": _facts(each.ours),
    }


def _gap(
    audit_id: int,
    venue: str,
    channel: str,
    found: Sequence[Discrepancy],
    *,
    missing: int,
    is_of_all: bool,
    detail: str,
) -> FoundGap:
    first, last = min(each.at_us for each in found), max(each.at_us for each in found)
    name = f"{audit_id}/{channel}/{first}/{last}/{found[0].finding}"
    return FoundGap(
        # The same part compared twice, as after a lost worker, finds the same gap.
        id=uuid5(_GAPS, name),
        venue=venue,
        channel=channel,
        tickers=None if is_of_all else _tickers(found),
        cause=GapCause.AUDIT,
        from_time=from_ns(first * 1000),
        to_time=from_ns(last * 1000),
        missing=missing,
        detail=detail,
    )


def _tickers(found: Sequence[Discrepancy]) -> list[str]:
    return sorted({each.trade.ticker for each in found})


def _told(audit_id: int, odd: Sequence[Discrepancy]) -> str:
    counts = Counter(each.finding for each in odd)
    differing = sorted({field for each in odd for field in each.fields})
    words = []
    if counts[Finding.EXTRA]:
        words.append(f"{counts[Finding.EXTRA]:,} stored trades are none of the exchange's")
    if counts[Finding.DIFFERENT]:
        words.append(f"{counts[Finding.DIFFERENT]:,} differ from them in {', '.join(differing)}")
    told = odd[0].ours or odd[0].theirs
    assert told is not None
    first = f"{odd[0].trade.ticker} {told.trade_id or odd[0].trade.trade_key}"
    return f"audit {audit_id}: {' and '.join(words)}; the first is {first}"


def _facts(told: TradeFacts | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "time": from_ns(told.at_us * 1000).isoformat(),
        "price": None if told.price is None else str(told.price),
        "size": None if told.size is None else str(told.size),
        "side": told.side,
    }
