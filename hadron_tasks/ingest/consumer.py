"""Reading a raw stream as a consumer group: new entries, entries of the dead, acknowledging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import redis

from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.raw_stream import GROUP, Entry, RawFrame, parse_entries, stream_key

CLAIM_AFTER_MS = 15_000
"""An entry that was read but not acknowledged for so long is taken from its reader: several times
what a batch takes, so that a slow reader's entries are rarely done twice (and then harmlessly)."""

RELEASED = "released"
"""The consumer that holds entries given back: nobody reads as it, anybody may claim from it."""

GONE_AFTER_MS = 3600 * 1000
"""A consumer that has not read for so long was a process that is gone."""

_LONG_IDLE_MS = 24 * 3600 * 1000

_Result = TypeVar("_Result")
_RawEntry = tuple[bytes, dict[bytes, bytes] | None]


class Delivery(NamedTuple):
    """An entry of the stream as delivered to this consumer."""

    entry_id: bytes
    entries: list[Entry]
    """The frames, or the gap record, that it holds."""


class StreamConsumer:
    """One consumer of a venue's raw stream.

    Args:
        client: A Redis client without ``decode_responses``.
        venue: Whose stream.
        name: Unique to this process; entries it read stay with the name until acknowledged.
    """

    def __init__(self, client: redis.Redis, venue: str, name: str) -> None:
        self._client = client
        self._stream = stream_key(venue)
        self._name = name

    def read(self, count: int, block_ms: int) -> list[Delivery]:
        """New entries, at most ``count``; waits up to ``block_ms`` for the first.

        Raises:
            StreamUnavailable: Redis cannot be reached.
        """

        def read_new() -> list[_RawEntry]:
            reply = self._client.xreadgroup(
                GROUP, self._name, {self._stream: ">"}, count=count, block=max(1, block_ms)
            )
            return reply[0][1] if reply else []  # type: ignore[index]

        return self._deliveries(self._with_group(read_new))

    def claim_abandoned(self, count: int) -> list[Delivery]:
        """Entries that another reader took and neither finished nor lives to finish.

        Raises:
            StreamUnavailable: Redis cannot be reached.
        """

        def claim() -> list[_RawEntry]:
            reply = self._client.xautoclaim(
                self._stream, GROUP, self._name, CLAIM_AFTER_MS, start_id="0-0", count=count
            )
            return reply[1]  # type: ignore[index,no-any-return]

        return self._deliveries(self._with_group(claim))

    def acknowledge(self, entry_ids: Sequence[bytes]) -> None:
        """Take entries off the stream: what they held is committed.

        Raises:
            StreamUnavailable: Redis cannot be reached; the entries will be delivered again.
        """

        def acknowledge_and_delete() -> None:
            # Both or neither: one that is acknowledged and still there is delivered to nobody, and
            # would count as backlog for ever, should this process or Redis end in between.
            with self._client.pipeline(transaction=True) as pipeline:
                pipeline.xack(self._stream, GROUP, *entry_ids)
                pipeline.xdel(self._stream, *entry_ids)
                pipeline.execute()

        self._with_group(acknowledge_and_delete)

    def release(self, entry_ids: Sequence[bytes]) -> None:
        """Give entries back, so that whoever comes next claims them at once.

        When Redis cannot be reached they are claimed after :data:`CLAIM_AFTER_MS` instead.
        """
        with suppress(StreamUnavailable):
            self._with_group(
                lambda: self._client.xclaim(
                    self._stream,
                    GROUP,
                    RELEASED,
                    min_idle_time=0,
                    message_ids=list(entry_ids),
                    idle=_LONG_IDLE_MS,
                    justid=True,
                )
            )

    def _with_group(self, action: Callable[[], _Result]) -> _Result:
        try:
            try:
                return action()
            except redis.ResponseError as error:
                if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                    raise
                # The first reader ever, or Redis came back without its data.
                self._make_group()
                return action()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise StreamUnavailable(
                f"Redis is not available now ({error}). Frames wait in the stream."
            ) from error

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _deliveries(self, raw: list[_RawEntry]) -> list[Delivery]:
        deliveries = []
        for entry_id, fields in raw:
            if not fields:
                # Deleted by hand while it was pending. Redis 6.2 gives no id, later ones none at
                # all: there is nothing to deliver and nothing to acknowledge.
                continue
            try:
                deliveries.append(Delivery(entry_id, parse_entries(fields)))
            except (KeyError, ValueError):
                deliveries.append(Delivery(entry_id, [_alien(entry_id, fields)]))
        return deliveries


def forget_gone_consumers(client: redis.Redis, venue: str) -> int:
    """Take consumers of ended processes off the group; returns how many.

    One that still holds entries stays until they are claimed: deleting it would lose them.
    """
    stream = stream_key(venue)
    try:
        consumers: list[dict[str, Any]] = client.xinfo_consumers(stream, GROUP)  # type: ignore[assignment]
    except redis.ResponseError:  # no stream or no group yet
        return 0
    gone = [
        one["name"]
        for one in consumers
        if one["pending"] == 0 and one["idle"] > GONE_AFTER_MS and one["name"] != RELEASED.encode()
    ]
    for name in gone:
        client.xgroup_delconsumer(stream, GROUP, name)
    return len(gone)


def _alien(entry_id: bytes, fields: dict[bytes, bytes]) -> RawFrame:
    """An entry that no streamer wrote, as a frame that no normaliser takes: a dead letter."""
    text = b" ".join(key + b"=" + value for key, value in fields.items())
    written_ms = int(entry_id.partition(b"-")[0])
    return RawFrame(b"not a stream entry of ours: " + text, written_ms * 1_000_000, "unknown")
