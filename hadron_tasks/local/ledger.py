"""The simulators' ledger: every data message they sent, to be compared with what was stored.

Text, one message a line, in the format of PostgreSQL's COPY (tab separated, ``\\N`` for null),
so that the comparison can load it as it is. It holds what the simulator *meant*, not what any
normaliser read. Which columns a kind fills:

============== ======== ======== ===== ==== ======== ========
kind           event_us sequence price size bid, ask trade_id
============== ======== ======== ===== ==== ======== ========
trade          yes               yes   yes           yes
quote          yes                          yes
bar            start             close volume
index_value    yes               yes
book_snapshot           yes
book_delta     yes      yes      yes   yes
lifecycle               yes
============== ======== ======== ===== ==== ======== ========
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

NULL = "\\N"

LIFECYCLE = "lifecycle"
"""The kind of a message about an instrument; every other kind is a TickType's value."""


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One data message as sent; column order is field order."""

    sent_ns: int
    """When it was handed to the socket, nanoseconds since the Unix epoch."""
    venue: str
    connection: str
    """The simulator's name for the connection: the API key's name and an ordinal."""
    kind: str
    ticker: str
    """The market's or symbol's ticker; for an event's lifecycle, the event's."""
    event_us: int | None = None
    """The time the message itself states, in microseconds; None where it states none."""
    sequence: int | None = None
    price: str | None = None
    size: str | None = None
    bid: str | None = None
    ask: str | None = None
    trade_id: str | None = None

    def encode(self) -> str:
        """The line, with its newline. Fields hold no tab, newline or backslash."""
        return "\t".join(NULL if v is None else str(v) for v in astuple(self)) + "\n"
