"""What can go wrong in reading a ticker: one error, with the reason."""

from __future__ import annotations

from hadron_tasks.errors import HadronError

SHOWN_CHARS = 60
"""How much of a ticker an error repeats; a hostile one may be very long."""


class TickerError(HadronError):
    """The text cannot be a Kalshi ticker; the message says what is wrong with it."""

    def __init__(self, ticker: object, reason: str) -> None:
        shown = repr(ticker)
        if len(shown) > SHOWN_CHARS:
            shown = shown[:SHOWN_CHARS] + "..."
        super().__init__(f"{shown} is not a ticker: {reason}")
        self.ticker = ticker
        self.reason = reason
