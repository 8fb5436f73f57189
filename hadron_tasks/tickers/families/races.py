"""Races for an office as one code: ``WYSENR``, ``TX34R``, ``NYGOVD``, ``WYAL``, ``06R26``.

State, office or House district, and at the end the party it is about; primaries have their state in
the series and their year behind (``KXFLPRIMARY-06R26``).
"""

from __future__ import annotations

import re

from hadron_tasks.tickers import tables
from hadron_tasks.tickers.dates import read_date
from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.series_rules import PARTIES

_CODE = re.compile(
    r"(?P<race>(?P<state>[A-Z]{2})?(?P<office>SEN|GOV|AL|AG|SOS|\d{2})?(?P<party>[DR])?)"
    r"(?P<year>2\d)?"
)
_OFFICES = {
    "SEN": "Senate",
    "GOV": "governor",
    "AL": "at-large district",
    "AG": "attorney general",
    "SOS": "secretary of state",
}


def read_race(draft: Draft, index: int, segment: str) -> bool:
    """Read a race's code and note its words; False where the segment is none."""
    match = _CODE.fullmatch(segment)
    if match is None or not (match["office"] or match["party"]):
        return False
    if not match["state"] and not (match["party"] or match["year"]):
        return False  # two bare digits are a year, not a district
    state = tables.words("state").get(match["state"] or "")
    if match["state"] and state is None:
        return False
    draft.piece(index, "race", match["race"])
    draft.saw_scope(match["race"])
    draft.scope_words = _in_words(match, state)
    if match["year"] and (moment := read_date(match["year"])) is not None:
        draft.piece(index, "date", match["year"])
        draft.saw_date(moment)
    return True


def _in_words(match: re.Match[str], state: str | None) -> str:
    office = match["office"]
    if office and office.isdigit():
        office = f"district {int(office)}"
    place = " ".join(part for part in (state, _OFFICES.get(office, office)) if part)
    party = PARTIES.get(match["party"] or "")
    return ", ".join(part for part in (place, party) if part)
