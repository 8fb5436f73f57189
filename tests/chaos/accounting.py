"""What became of every message that the simulated exchanges sent. Pure.

A message is stored once; or it was lost, and a gap record of its connection tells so; or it is a
dead letter. Whatever else is unexplained. A gap explains a message only where the message can have
arrived: after the message before it on its connection that is stored, and before the one after it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from hadron_tasks.raw_stream import connection_of

STATES_NO_TIME = frozenset({"book_snapshot", "lifecycle"})
"""Kinds that state no time of their own: each connection's is another message."""

SKIPPED_SLACK_NS = 1_000_000_000
"""What is held back is noted when it is made, its neighbours when they are handed to the socket."""

FOREVER_NS = 2**63


class Fate(StrEnum):
    """What became of a message."""

    STORED = "stored as it came"
    BACKFILLED = "backfilled"
    IN_GAP = "in a gap marked unrecoverable"
    DEAD_LETTER = "in a dead letter"
    UNEXPLAINED = "unexplained"


class Message(NamedTuple):
    """What makes a message itself; see :mod:`hadron_tasks.local.ledger`."""

    venue: str
    kind: str
    ticker: str
    stated: tuple[object, ...] = ()
    """What else it says: its time, prices, trade id."""
    sequence: int | None = None


class Copy(NamedTuple):
    """A message on its way over one connection."""

    message: Message
    life: str
    """``kalshi-2#7``: the connection, and which of its lives."""
    sent_ns: int
    held_back: bool = False
    """By a fault that used up its sequence number: it was never sent."""


class Kept(NamedTuple):
    """A message as the database has it."""

    times: int
    """How often it is stored."""
    received_ns: int
    is_backfilled: bool = False


class Hole(NamedTuple):
    """A gap record that is settled, as far as it says that something cannot be recovered."""

    connection: str
    from_ns: int
    to_ns: int
    lost: frozenset[str]
    """Kinds of messages that it says are lost for good."""
    is_whole: bool = True
    """It is of all that the connection carries."""
    from_seq: int | None = None
    to_seq: int | None = None


class Broken(NamedTuple):
    """A frame sent broken on purpose."""

    venue: str
    life: str
    sent_ns: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known after a run."""

    copies: Sequence[Copy]
    kept: Mapping[Message, Kept]
    holes: Sequence[Hole]
    broken: Sequence[Broken] = ()
    letters: Sequence[bytes] = ()
    """Frames of dead letters."""


@dataclass(slots=True)
class Account:
    """Every message with its fate."""

    fates: Counter[tuple[str, str, Fate]] = field(default_factory=Counter)
    """By venue and kind."""
    unexplained: list[str] = field(default_factory=list)
    """Each in words."""

    def add(self, message: Message, fate: Fate) -> None:
        """Count a message."""
        self.fates[message.venue, message.kind, fate] += 1

    def accuse(self, venue: str, kind: str, words: str) -> None:
        """Count a message that nothing explains."""
        self.fates[venue, kind, Fate.UNEXPLAINED] += 1
        self.unexplained.append(f"{venue} {kind} {words}")

    def total(self, fate: Fate) -> int:
        """How many messages ended so."""
        return sum(count for (_, _, each), count in self.fates.items() if each is fate)


def account(evidence: Evidence) -> Account:
    """Explain every message, or say that nothing does."""
    made = Account()
    copies: dict[Message, list[Copy]] = defaultdict(list)
    for copy in evidence.copies:
        copies[copy.message].append(copy)
    lines = _Lines(copies, evidence.kept, evidence.holes)
    for message, sent in copies.items():
        _explain(made, message, sent, evidence.kept.get(message), lines)
    for message, kept in evidence.kept.items():
        # Backfill also brings trades of just before and after a gap that nobody was subscribed to.
        if message not in copies and not kept.is_backfilled:
            made.accuse(message.venue, message.kind, f"{_words(message)}: stored but never sent")
    _explain_broken(made, evidence, lines)
    return made


def _explain(
    made: Account, message: Message, sent: Sequence[Copy], kept: Kept | None, lines: _Lines
) -> None:
    stored = kept.times if kept else 0
    due = _due(message, sent)
    if kept is not None:
        fate = Fate.BACKFILLED if kept.is_backfilled else Fate.STORED
        for _ in range(min(stored, due)):
            made.add(message, fate)
    if stored > due:
        made.accuse(message.venue, message.kind, f"{_words(message)}: {due} sent, {stored} stored")
    if stored >= due:
        return
    lost = [copy for copy in sent if lines.tell_lost(copy)]
    # Of a message that may come by several connections, each copy must have been lost.
    enough = len(lost) >= due - stored if message.kind in STATES_NO_TIME else len(lost) == len(sent)
    for _ in range(due - stored):
        if enough:
            made.add(message, Fate.IN_GAP)
        else:
            ways = ", ".join(f"{copy.life} at {copy.sent_ns / 1e9:.3f}" for copy in sent)
            made.accuse(
                message.venue, message.kind, f"{_words(message)}: not stored; sent by {ways}"
            )


def _due(message: Message, sent: Sequence[Copy]) -> int:
    """How often a message is to be stored."""
    if message.kind in STATES_NO_TIME:
        return len(sent)
    return max(Counter(copy.life for copy in sent).values())


def _explain_broken(made: Account, evidence: Evidence, lines: _Lines) -> None:
    letters = Counter(evidence.letters)
    for broken in evidence.broken:
        message = Message(broken.venue, "broken frame", "")
        if letters[broken.frame] == 1:
            made.add(message, Fate.DEAD_LETTER)
        elif letters[broken.frame]:
            made.accuse(broken.venue, "broken frame", f"{broken.frame!r}: several dead letters")
        elif lines.tell_silent(broken):
            made.add(message, Fate.IN_GAP)
        else:
            made.accuse(broken.venue, "broken frame", f"{broken.frame!r}: neither letter nor gap")
    known = {broken.frame for broken in evidence.broken}
    for frame in letters.keys() - known:
        made.accuse("", "dead letter", f"{frame!r}: a good frame that could not be read")


class _Lines:
    """When messages can have arrived, connection by connection, and the gaps of each."""

    def __init__(
        self,
        copies: Mapping[Message, Sequence[Copy]],
        kept: Mapping[Message, Kept],
        holes: Iterable[Hole],
    ) -> None:
        anchors: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for message, sent in copies.items():
            found = kept.get(message)
            # Only what came one way, once, tells when that way worked.
            if found is None or found.is_backfilled or len(sent) > 1:
                continue
            anchors[connection_of(sent[0].life)].append((sent[0].sent_ns, found.received_ns))
        self._sent = {}
        self._received = {}
        for connection, points in anchors.items():
            points.sort()
            self._sent[connection] = [sent_ns for sent_ns, _ in points]
            self._received[connection] = [received_ns for _, received_ns in points]
        self._holes: dict[str, list[Hole]] = defaultdict(list)
        for hole in holes:
            self._holes[hole.connection].append(hole)

    def tell_lost(self, copy: Copy) -> bool:
        """Whether a gap record says that this copy was lost for good."""
        kind, sequence = copy.message.kind, copy.message.sequence
        return any(
            kind in hole.lost and _numbers_fit(hole, sequence)
            for hole in self._around(copy.life, copy.sent_ns, slack=copy.held_back)
        )

    def tell_silent(self, broken: Broken) -> bool:
        """Whether a gap record says that a connection lost everything when a frame was sent."""
        return any(hole.is_whole for hole in self._around(broken.life, broken.sent_ns, slack=True))

    def _around(self, life: str, sent_ns: int, *, slack: bool) -> Iterable[Hole]:
        connection = connection_of(life)
        earliest, latest = self._arrival(connection, sent_ns, SKIPPED_SLACK_NS if slack else 0)
        for hole in self._holes[connection]:
            if hole.from_ns <= latest and hole.to_ns >= earliest:
                yield hole

    def _arrival(self, connection: str, sent_ns: int, slack_ns: int) -> tuple[int, int]:
        """Between which times a message can have been received."""
        sent, received = self._sent.get(connection, []), self._received.get(connection, [])
        before = bisect_left(sent, sent_ns - slack_ns) - 1
        after = bisect_right(sent, sent_ns + slack_ns)
        earliest = max(sent_ns - slack_ns, received[before] if before >= 0 else 0)
        return earliest, received[after] if after < len(received) else FOREVER_NS


def _numbers_fit(hole: Hole, sequence: int | None) -> bool:
    if hole.from_seq is None or hole.to_seq is None or sequence is None:
        return True
    return hole.from_seq < sequence < hole.to_seq


def _words(message: Message) -> str:
    number = "" if message.sequence is None else f" number {message.sequence}"
    return f"{message.ticker}{number} {message.stated}"
