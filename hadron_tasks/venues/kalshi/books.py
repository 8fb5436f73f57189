"""``orderbook_snapshot`` and ``orderbook_delta`` messages.

Both sides of a book are bids: a NO bid at q is a YES ask at 1 - q. A book is one subscription's
snapshot and the deltas of the same subscription after it, so these ticks remember in ``metadata``
what they came by (``via``: connection, life and sid). It is no part of their keys.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.tick import HadronTick, TickType, content_key, joined_key
from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import complement, mid
from hadron_tasks.venues.kalshi import fields
from hadron_tasks.venues.kalshi.fields import VENUE, Message, StatedPrice
from hadron_tasks.venues.kalshi.records import DeltaRecord, SnapshotRecord

_DELTA, _SNAPSHOT = TickType.BOOK_DELTA, TickType.BOOK_SNAPSHOT

Level = tuple[Decimal, Decimal]
"""Price in dollars, and size."""

_DELTA_KNOWN = frozenset(
    {
        "market_ticker",
        "market_id",
        "price_dollars",
        "price",
        "delta_fp",
        "delta",
        "side",
        "ts",
        "ts_ms",
        "time",
    }
)
_SNAPSHOT_KNOWN = frozenset(
    {
        "market_ticker",
        "market_id",
        "yes_dollars_fp",
        "no_dollars_fp",
        "yes_dollars",
        "no_dollars",
        "yes",
        "no",
        "ts",
        "ts_ms",
        "time",
    }
)


def read_delta(msg: Message, sequence: int | None, received_ns: int, via: str | None) -> HadronTick:
    """A change of one level: its price, and by how much its size grew or shrank."""
    name = "delta_fp" if msg.get("delta_fp") not in (None, "") else "delta"
    change = wire.number(msg.get(name), name)
    return _delta(
        fields.price(msg, "price_dollars", "price"),
        (change, str(change)),
        msg.get("side"),
        fields.with_extras(
            {"market_id": fields.text(msg, "market_id"), "via": via}, msg, _DELTA_KNOWN
        ),
        fields.ticker(msg),
        fields.event_us(msg, received_ns),
        received_ns,
        sequence,
    )


def read_delta_record(
    record: DeltaRecord, sequence: int | None, received_ns: int, via: str | None
) -> HadronTick:
    """The same of a message of today's form."""
    metadata = {"market_id": record.market_id or None, "via": via}
    return _delta(
        fields.stated_price(record.price_dollars, "price_dollars"),
        wire.written_number(record.delta_fp, "delta_fp"),
        record.side,
        fields.said(metadata) or None,
        record.market_ticker,
        record.event_us(received_ns),
        received_ns,
        sequence,
    )


def _delta(
    stated: StatedPrice,
    change: tuple[Decimal, str],
    side: Any,
    metadata: dict[str, Any] | None,
    ticker: str,
    event_us: int,
    received_ns: int,
    sequence: int | None,
) -> HadronTick:
    price, raw_price = stated
    size, written_size = change
    if price is None:
        raise MalformedFrame("a delta without a price", place="price_dollars")
    if side not in ("yes", "no"):
        raise MalformedFrame(f"should be yes or no, is {wire.shown(side)}", place="side")
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=_DELTA,
        event_us=event_us,
        event_key=joined_key(
            f"delta\x1f{_witness(sequence, received_ns)}\x1f{side}\x1f{raw_price}\x1f{written_size}"
        ),
        received_ns=received_ns,
        price=price,
        raw_price=raw_price,
        size=size,
        side=side,
        sequence=sequence,
        metadata=metadata,
    )


def read_snapshot(
    msg: Message, sequence: int | None, received_ns: int, via: str | None
) -> HadronTick:
    """A whole book: every level in ``metadata``, in dollars, the best in the columns.

    ``sent_in`` says so where the levels came in cents.
    """
    yes, yes_in_cents = _levels(msg, "yes")
    no, no_in_cents = _levels(msg, "no")
    metadata = {
        "market_id": fields.text(msg, "market_id"),
        "via": via,
        "yes": [[str(price), str(size)] for price, size in yes],
        "no": [[str(price), str(size)] for price, size in no],
        "sent_in": "cents" if yes_in_cents or no_in_cents else None,
    }
    return _snapshot(
        yes,
        no,
        fields.with_extras(metadata, msg, _SNAPSHOT_KNOWN) or {},
        fields.ticker(msg),
        fields.event_us(msg, received_ns),
        received_ns,
        sequence,
    )


def read_snapshot_record(
    record: SnapshotRecord, sequence: int | None, received_ns: int, via: str | None
) -> HadronTick:
    """The same of a message of today's form."""
    yes, written_yes = _stated_levels(record.yes_dollars_fp, "yes_dollars_fp")
    no, written_no = _stated_levels(record.no_dollars_fp, "no_dollars_fp")
    return _snapshot(
        yes,
        no,
        fields.said(
            {
                "market_id": record.market_id or None,
                "via": via,
                "yes": written_yes,
                "no": written_no,
            }
        ),
        record.market_ticker,
        record.event_us(received_ns),
        received_ns,
        sequence,
    )


def _snapshot(
    yes: list[Level],
    no: list[Level],
    metadata: dict[str, Any],
    ticker: str,
    event_us: int,
    received_ns: int,
    sequence: int | None,
) -> HadronTick:
    bid, bid_size = _best(yes)
    no_bid, ask_size = _best(no)
    ask = None if no_bid is None else complement(no_bid)
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=_SNAPSHOT,
        event_us=event_us,
        event_key=content_key(
            "snapshot", _witness(sequence, received_ns), metadata["yes"], metadata["no"]
        ),
        received_ns=received_ns,
        price=mid(bid, ask),
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        sequence=sequence,
        metadata=metadata,
    )


def _witness(sequence: int | None, received_ns: int) -> int | str:
    # Content alone repeats: the same level may change by the same amount twice in a millisecond.
    return sequence if sequence is not None else f"received {received_ns}"


def _best(levels: list[Level]) -> tuple[Decimal | None, Decimal | None]:
    """The highest bid that holds anything."""
    return max([level for level in levels if level[0] and level[1]], default=(None, None))


def _stated_levels(
    stated: list[tuple[str, str]] | None, place: str
) -> tuple[list[Level], list[list[str]]]:
    """The levels of a record, texts in dollars; and digit for digit as Decimal writes them."""
    levels: list[Level] = []
    written: list[list[str]] = []
    for stated_price, stated_size in stated or ():
        price, written_price = fields.written_price(stated_price, place)
        size, written_size = wire.written_quantity(stated_size, place)
        if price is None or size is None:
            price, size = _level([stated_price, stated_size], place, in_cents=False)
            written_price, written_size = str(price), str(size)
        levels.append((price, size))
        written.append([written_price, written_size])
    return levels, written


def _levels(msg: Message, side: str) -> tuple[list[Level], bool]:
    """One side's levels, and whether they came in cents; a side without orders is left out."""
    for name, in_cents in ((f"{side}_dollars_fp", False), (f"{side}_dollars", False), (side, True)):
        listed = msg.get(name)
        if listed is None:
            continue
        if type(listed) is not list:
            raise MalformedFrame(f"should be a list, is {wire.shown(listed)}", place=name)
        return [_level(level, name, in_cents=in_cents) for level in listed], in_cents
    return [], False


def _level(level: Any, place: str, *, in_cents: bool) -> Level:
    if type(level) is not list or len(level) != 2:
        raise MalformedFrame(
            f"a level should be price and size, is {wire.shown(level)}", place=place
        )
    price, size = fields.dollars_of(level[0], place, in_cents=in_cents), level[1]
    found = wire.quantity(size, place)
    if found is None:
        raise MalformedFrame(f"a level without a size: {wire.shown(level)}", place=place)
    return price, found
