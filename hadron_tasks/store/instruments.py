"""Instruments by their name at a venue: found in a cache, in the mapping, or made on sight."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from uuid import UUID, uuid5

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

_NAMESPACE = UUID("6b1f3d2a-0f5e-5d0c-9d53-7b6c3a4e9f10")

# Name by name by the index, which OFFSET 0 keeps the planner to: of thousands of names it would
# read the whole mapping instead, and take ten times as long where there are many instruments.
_LOOK_UP = """
    SELECT wanted.name, found.id, found.elsewhere
    FROM unnest(%(names)s::text[]) AS wanted (name) CROSS JOIN LATERAL (
        SELECT m.instrument_id::text AS id, i.primary_source <> m.venue AS elsewhere
        FROM instrument_venue_mapping m JOIN instruments i ON i.id = m.instrument_id
        WHERE m.venue = %(venue)s AND m.venue_instrument_id = wanted.name OFFSET 0
    ) AS found
"""
_CREATE = """
    INSERT INTO instruments (id, ticker, asset_class, primary_source, venue, name)
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    ORDER BY 1
    ON CONFLICT DO NOTHING
"""
# Through the instruments table: one made under another id (by hand, say) is mapped, not doubled.
_MAP = """
    INSERT INTO instrument_venue_mapping (instrument_id, venue, venue_instrument_id)
    SELECT id, venue, ticker FROM instruments
    WHERE primary_source = %s AND ticker = ANY(%s) ORDER BY ticker
    ON CONFLICT DO NOTHING
"""
_MAP_BY_ID = """
    INSERT INTO instrument_venue_mapping (instrument_id, venue, venue_instrument_id)
    SELECT id, venue, ticker FROM instruments WHERE id = ANY(%s::uuid[]) ORDER BY ticker
    ON CONFLICT DO NOTHING
"""


def instrument_id(venue: str, ticker: str) -> UUID:
    """An instrument's id, derived from venue and ticker.

    So the same instrument has the same id in every database, and two workers that meet it at once
    agree.
    """
    return uuid5(_NAMESPACE, f"{venue}\x1f{ticker}")


@dataclass(frozen=True, slots=True)
class NewInstrument:
    """The little that is known of an instrument seen for the first time."""

    venue: str
    ticker: str
    asset_class: str
    name: str

    @property
    def id(self) -> UUID:
        """See :func:`instrument_id`."""
        return instrument_id(self.venue, self.ticker)


Describe = Callable[[str, str], NewInstrument]
"""From a venue and a ticker to what is known of an instrument by its ticker alone."""


class InstrumentCache:
    """Instrument ids by venue and ticker, in this process, bounded.

    When full it forgets what it learnt first: cheaper on the hot path than keeping track of use,
    and a forgotten one costs one row in the next batch's look-up.
    """

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._ids: dict[str, dict[str, str]] = {}
        self._elsewhere: dict[str, set[str]] = {}
        self._version: int | None = None
        self.lock = Lock()
        """Held from :meth:`keep_up` to the end of :func:`resolve_instruments` by who shares it."""

    def __len__(self) -> int:
        return sum(map(len, self._ids.values()))

    def known(self, venue: str) -> Mapping[str, str]:
        """The ids that are known here of a venue's instruments, by ticker.

        What is learnt later is in it, too, until everything is forgotten: then it stays as it is.
        """
        return self._ids.setdefault(venue, {})

    def put(self, venue: str, ids: Mapping[str, str], elsewhere: Iterable[str] = ()) -> None:
        """Remember ids by ticker, and those of them whose prices another venue is trusted for."""
        # These first: whoever finds an id here, in another thread, finds that too.
        self._elsewhere.setdefault(venue, set()).update(elsewhere)
        known = self._ids.setdefault(venue, {})
        known.update(ids)
        while (surplus := len(self) - self._max_size) > 0:
            most = max(self._ids.values(), key=len)
            for ticker in list(islice(most, max(surplus, self._max_size // 10))):
                del most[ticker]

    def elsewhere(self, venue: str) -> Collection[str]:
        """The instruments met at ``venue`` whose prices another venue is trusted for.

        Those of all that :meth:`known` holds, now and later.
        """
        return self._elsewhere.setdefault(venue, set())

    def keep_up(self, version: int) -> None:
        """Forget everything if the mapping's version is not the one that was seen last."""
        if self._version not in (None, version):
            self.clear()
        self._version = version

    def clear(self) -> None:
        """Forget everything: the mapping was changed elsewhere."""
        self._ids.clear()
        self._elsewhere.clear()


def resolve_instruments(
    connection: PgConnection,
    cache: InstrumentCache,
    venue: str,
    tickers: Iterable[str],
    describe: Describe,
) -> dict[str, str]:
    """The ids of ``tickers`` at ``venue``; unknown ones are created.

    Creates in a transaction of its own, so that no other worker waits for this one's batch.

    Returns:
        Ticker to instrument id, one entry for every ticker given.
    """
    known = cache.known(venue)
    found: dict[str, str] = {}
    unknown: list[str] = []
    for ticker in tickers:
        instrument_id = known.get(ticker)
        if instrument_id is None:
            unknown.append(ticker)
        else:
            found[ticker] = instrument_id
    if unknown:
        looked_up, elsewhere = _look_up_or_create(connection, venue, unknown, describe)
        cache.put(venue, looked_up, elsewhere)
        found.update(looked_up)
    return found


def map_instruments(cursor: Cursor, instrument_ids: list[str]) -> None:
    """Give new instruments the names that their venues know them by: their tickers."""
    cursor.execute(_MAP_BY_ID, (instrument_ids,))


def _look_up_or_create(
    connection: PgConnection, venue: str, tickers: list[str], describe: Describe
) -> tuple[dict[str, str], list[str]]:
    """Instrument ids by ticker, and those of them whose prices another venue is trusted for."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_LOOK_UP, {"venue": venue, "names": tickers})
        rows = cursor.fetchall()
        found: dict[str, str] = {name: instrument for name, instrument, _ in rows}
        elsewhere: list[str] = [instrument for _, instrument, other in rows if other]
        missing = [ticker for ticker in tickers if ticker not in found]
        if missing:
            new = [describe(venue, ticker) for ticker in missing]
            cursor.execute(
                _CREATE,
                (
                    [str(one.id) for one in new],
                    [one.ticker for one in new],
                    [one.asset_class for one in new],
                    [one.venue for one in new],
                    [one.venue for one in new],
                    [one.name for one in new],
                ),
            )
            cursor.execute(_MAP, (venue, missing))
            cursor.execute(_LOOK_UP, {"venue": venue, "names": missing})
            found.update((name, instrument) for name, instrument, _ in cursor.fetchall())
    return found, elsewhere
