"""The publisher's connection to Redis: appends a batch to a raw stream in one round trip.

A batch is one pipeline of XADDs, then the connections' continuity and two questions about the
stream. It is written and its replies are read in bulk, because a pipeline of the client library
costs more for each frame than everything else the streamer does with it. (A script that appends
a batch would be one command, but Lua keeps its strings in a hash table that reads only every
n-th character: frames that differ in a few digits collide there, and Redis stands still.)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import redis.asyncio as redis
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio.connection import AbstractConnection, DefaultParser
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.frame_pack import MAX_FRAMES
from hadron_tasks.raw_stream import (
    GAP_KIND,
    FeedGap,
    Fields,
    active_drains_key,
    connection_of,
    entry_fields,
    pack_fields,
    stream_key,
)
from streamer.spool import Entry

CONTINUITY_KEY = "hadron:feed:continuity"
"""Redis hash: connection -> receive time in nanoseconds of its last frame in the stream."""

# Sent again: the connection may be another streamer's by now, and its word newer. The numbers have
# more digits than a number of Lua.
_RAISE = b"""
local known = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if #known < #ARGV[2] or (#known == #ARGV[2] and known < ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return 0
"""

ANSWER_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 2.0


class Appended(NamedTuple):
    """What Redis said of the stream after a batch."""

    backlog: int
    active_drains: int


def gap_entry(gap: FeedGap) -> Entry:
    """A gap record as an entry for the spool and the stream."""
    return gap.model_dump_json().encode(), gap.to_ns, gap.connection.encode(), GAP_KIND


def pipeline_of(
    venue: str, entries: Sequence[Entry], now_s: float, *, again: bool = False
) -> tuple[bytes, int]:
    """The pipeline that appends ``entries``, in Redis' protocol (RESP), and its commands' number.

    Args:
        now_s: Unix seconds, by which a drain task counts as at work.
        again: Whether they were appended before, to another life of Redis.
    """
    stream = stream_key(venue).encode()
    commands = [
        _command(b"XADD", stream, b"*", *_flat(fields)) for fields in _stream_entries(entries)
    ]
    # After the frames, so that it never says more than the stream holds. A connection's last
    # frame wins; gap records say nothing about what was received.
    for life, received_ns in {e[2]: e[1] for e in entries if not e[3]}.items():
        name = connection_of(life.decode()).encode()
        say = (b"EVAL", _RAISE, b"1") if again else (b"HSET",)
        commands.append(_command(*say, CONTINUITY_KEY.encode(), name, b"%d" % received_ns))
    drains = active_drains_key(venue).encode()
    commands.append(_command(b"XLEN", stream))
    commands.append(_command(b"ZCOUNT", drains, b"%.3f" % now_s, b"+inf"))
    return b"".join(commands), len(commands)


def _stream_entries(entries: Sequence[Entry]) -> Iterator[Fields]:
    """What to append: the frames of a connection side by side, in their order.

    A gap record stays between the frames that came before it and those that came after.
    """
    together: dict[bytes, list[Entry]] = {}
    for entry in entries:
        connection = entry[2]
        if entry[3]:
            yield from map(_one_entry, together.values())
            together.clear()
            yield entry_fields(*entry)
        elif (run := together.get(connection)) is None:
            together[connection] = [entry]
        elif len(run) < MAX_FRAMES:
            run.append(entry)
        else:
            yield _one_entry(run)
            together[connection] = [entry]
    yield from map(_one_entry, together.values())


def _one_entry(run: list[Entry]) -> Fields:
    if len(run) == 1:
        return entry_fields(*run[0])
    return pack_fields([entry[0] for entry in run], [entry[1] for entry in run], run[0][2])


def _flat(fields: Fields) -> Iterator[bytes]:
    for name, value in fields.items():
        yield name
        yield value if isinstance(value, bytes) else b"%d" % value


class _BulkParser(DefaultParser):  # type: ignore[misc,valid-type]
    """The client library's parser, but several replies a call: ``expected`` of them."""

    expected = 1

    async def read_response(
        self, disable_decoding: bool = False, push_request: bool = False
    ) -> Any:
        """One reply as it is, or a list of the ``expected`` replies, errors among them."""
        if self.expected == 1:
            return await super().read_response(disable_decoding, push_request)
        next_reply = self._reader.gets
        replies: list[Any] = []
        while len(replies) < self.expected:
            reply = next_reply(False)
            if reply is NOT_ENOUGH_DATA:
                await self.read_from_socket()
            else:
                replies.append(reply)
        return replies


class AppendLink:
    """One connection to Redis. Any failure makes it useless: close it and open another."""

    def __init__(self, connection: AbstractConnection, parser: _BulkParser, run_id: str) -> None:
        self._connection = connection
        self._parser = parser
        self.run_id = run_id
        """Which life of Redis this link is to: another one may have lost acknowledged writes."""

    @classmethod
    async def open(cls, redis_url: str) -> Self:
        """Connect.

        Raises:
            StreamUnavailable: Redis cannot be reached.
        """
        parsers: list[_BulkParser] = []

        def parser(socket_read_size: int) -> _BulkParser:
            parsers.append(_BulkParser(socket_read_size))
            return parsers[-1]

        pool: redis.ConnectionPool = redis.ConnectionPool.from_url(
            redis_url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=ANSWER_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            client_name="hadron-streamer",
            parser_class=parser,
        )
        connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("INFO", "server")
            info = await connection.read_response(disable_decoding=True)
        except (RedisError, OSError) as error:
            await connection.disconnect(nowait=True)
            raise StreamUnavailable(f"Redis cannot be reached: {error}") from error
        return cls(connection, parsers[-1], _run_id(info))

    async def append(
        self, venue: str, entries: Sequence[Entry], *, again: bool = False
    ) -> Appended:
        """Append a batch; ``again``, one that another life of Redis had acknowledged.

        Raises:
            StreamUnavailable: Not all of it is acknowledged: the connection broke, or Redis
                refused (out of memory, read-only). Some of it may be in the stream.
        """
        packed, self._parser.expected = pipeline_of(venue, entries, time.time(), again=again)
        try:
            await self._connection.send_packed_command(packed, check_health=False)
            replies = await self._connection.read_response(disable_decoding=True)
        except (RedisError, OSError) as error:
            raise StreamUnavailable(f"Redis took no batch: {error}") from error
        for reply in replies:
            if isinstance(reply, Exception):
                raise StreamUnavailable(f"Redis took no batch: {reply}") from reply
        backlog, active = replies[-2:]
        return Appended(backlog, active)

    async def continuity(self) -> dict[str, int]:
        """Of each connection, up to when Redis says that its feed is safe (nanoseconds).

        Raises:
            StreamUnavailable: Redis does not answer.
        """
        self._parser.expected = 1
        try:
            await self._connection.send_command("HGETALL", CONTINUITY_KEY)
            reply = await self._connection.read_response(disable_decoding=True)
        except (RedisError, OSError) as error:
            raise StreamUnavailable(f"Redis does not say what it has: {error}") from error
        names, times = reply[::2], reply[1::2]  # the link speaks RESP2
        return {name.decode(): int(at) for name, at in zip(names, times, strict=True)}

    async def close(self) -> None:
        """Drop the connection."""
        await self._connection.disconnect(nowait=True)


def _bulk(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)


def _command(*arguments: bytes) -> bytes:
    return b"*%d\r\n%b" % (len(arguments), b"".join(map(_bulk, arguments)))


def _run_id(info: bytes) -> str:
    for line in info.decode().splitlines():
        if line.startswith("run_id:"):
            return line.removeprefix("run_id:").strip()
    raise StreamUnavailable("INFO of this server names no run_id; is it a Redis?")
