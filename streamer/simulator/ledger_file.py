"""The ledger on disk: what was sent, what a fault kept back, and what was sent broken.

Files of one run stand side by side and are never overwritten; ``simulator.json`` names the
ledger. See :mod:`hadron_tasks.local.ledger` for the columns.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from hadron_tasks.local.ledger import NULL, LedgerLine


class LedgerFile:
    """A file of ledger lines, written a batch at a time.

    Lines come without their first column, so that adding a batch is one join: the time at which
    it is handed to the socket goes before each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[str] = []
        self._file = path.open("xb", buffering=0)

    def add(self, sent_ns: int, tails: Iterable[str]) -> None:
        """Keep lines, each beginning with a tab and ending with a newline."""
        stamp = str(sent_ns)
        body = stamp.join(tails)
        if body:
            self._waiting.append(stamp + body)

    def flush(self) -> None:
        """Write what waits; afterwards a reader of the file sees every line added so far."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            remaining = memoryview("".join(waiting).encode())
            while remaining:
                remaining = remaining[self._file.write(remaining) or 0 :]

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._file.close()


def ledger_tail(line: LedgerLine) -> str:
    """The columns of a line after the first, for :meth:`LedgerFile.add`."""
    return line.encode()[len(str(line.sent_ns)) :]


def read_ledger(path: Path) -> list[LedgerLine]:
    """Every line of a ledger file."""
    with path.open(encoding="utf-8") as file:
        return [_parse(line.rstrip("\n")) for line in file]


def _parse(line: str) -> LedgerLine:
    sent, venue, connection, kind, ticker, event, sequence, price, size, bid, ask, trade_id = (
        None if field == NULL else field for field in line.split("\t")
    )
    return LedgerLine(
        sent_ns=int(sent or 0),
        venue=venue or "",
        connection=connection or "",
        kind=kind or "",
        ticker=ticker or "",
        event_us=None if event is None else int(event),
        sequence=None if sequence is None else int(sequence),
        price=price,
        size=size,
        bid=bid,
        ask=ask,
        trade_id=trade_id,
    )


class MalformedRecord:
    """Frames that were sent broken on purpose, so that dead letters can be compared with them.

    One line a frame, tab separated: nanoseconds since the Unix epoch, venue, connection, what is
    wrong with it, and its bytes in base64.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb", buffering=0)

    def add(self, sent_ns: int, venue: str, connection: str, fault: str, frame: bytes) -> None:
        """Record one frame, at once."""
        encoded = base64.b64encode(frame).decode()
        self._file.write(f"{sent_ns}\t{venue}\t{connection}\t{fault}\t{encoded}\n".encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_malformed(path: Path) -> list[bytes]:
    """The frames of a malformed record, in the order they were sent."""
    lines = path.read_text(encoding="ascii").splitlines()
    return [base64.b64decode(line.rpartition("\t")[2]) for line in lines]
