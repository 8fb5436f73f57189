"""Which open gaps can be filled now, and the runs that fill them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.backfill.losses import Loss, LossRules, State, state_of
from hadron_tasks.backfill.scope import MOST_SEEN, Scope, around
from hadron_tasks.backfill.windows import Window, joined, ripe_before, window_of
from hadron_tasks.raw_stream import LOST_BY_US
from hadron_tasks.store import backfills, feed_gaps, trades_stored
from hadron_tasks.store.feed_gaps import ChannelOfGap, Gap

MOST_GAPS = 500
"""Gaps looked at in one transaction; the rest a few seconds later."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What became of the open gaps."""

    gaps: int
    """That were looked at."""
    channels_cut: frozenset[str]
    """Channels of which messages were lost although their connection lived on: what is built from
    them is wrong until the exchange tells the whole again, which it does by itself only to a new
    connection."""


def plan_gaps(
    connection: PgConnection,
    venue: str,
    rules: LossRules,
    recorded: Collection[str],
    now: datetime,
) -> Planned:
    """Say of each open gap that is over what it lost, and begin runs for what can be fetched.

    Args:
        recorded: What the settings say is recorded of the venue.
    """
    with connection, connection.cursor() as cursor:
        gaps = feed_gaps.take_open(cursor, venue, ripe_before(now), MOST_GAPS)
        to_fetch: dict[Scope, list[Gap]] = defaultdict(list)
        settled: list[tuple[str, str]] = []
        channels: list[ChannelOfGap] = []
        cut: set[str] = set()
        for gap in gaps:
            losses = [_located(cursor, gap, loss) for loss in rules(gap, recorded)]
            found = [_channel(gap, loss) for loss in losses]
            channels += found
            if gap.cause in LOST_BY_US:
                cut.update(each.channel for each in found)
            fetched = next((loss for loss in losses if loss.is_fetched), None)
            if fetched is not None:
                to_fetch[fetched.tickers].append(gap)
            else:
                settled.append((gap.id, state_of([State(each.state) for each in found])))
        feed_gaps.add_channels(cursor, channels)
        feed_gaps.settle(cursor, settled)
        for tickers, together in to_fetch.items():
            _begin_runs(cursor, venue, tickers, together)
    return Planned(len(gaps), frozenset(cut))


def _begin_runs(cursor: Cursor, venue: str, tickers: Scope, gaps: list[Gap]) -> None:
    windows = [window_of(gap.from_time, gap.to_time) for gap in gaps]
    for window, places in joined(windows):
        run_id = backfills.begin(cursor, venue, "gap", window, tickers)
        feed_gaps.attach(cursor, [gaps[place].id for place in places], run_id)


def _channel(gap: Gap, loss: Loss) -> ChannelOfGap:
    state = State.OPEN if loss.is_fetched else State.UNRECOVERABLE
    return ChannelOfGap(gap.id, loss.channel, state, loss.reason)


def _located(cursor: Cursor, gap: Gap, loss: Loss) -> Loss:
    """The loss, with the instruments that traded around the gap where it asks for those."""
    if loss.seen_of is None:
        return loss
    nearby = around(Window(gap.from_time, gap.to_time))
    seen = trades_stored.traded(cursor, gap.venue, *nearby, MOST_SEEN + 1, loss.seen_of)
    if len(seen) > MOST_SEEN:
        reason = f"only the {MOST_SEEN:,} instruments that traded most are fetched; {loss.reason}"
        loss = replace(loss, reason=reason)
    return replace(loss, tickers=tuple(sorted(seen[:MOST_SEEN])))
