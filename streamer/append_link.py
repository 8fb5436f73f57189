"""The publisher's connection to Redis: appends a batch to a raw stream in one round trip.

A batch goes as one call of a script, not as a pipeline of XADDs: Redis takes all of it or none,
the connections' continuity moves with it, and there is one reply to read instead of thousands,
which in Python would cost more than everything else the streamer does with a frame.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import sha1
from typing import NamedTuple, Self
from uuid import UUID

import redis.asyncio as redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.raw_stream import (
    FeedGap,
    GapCause,
    RawFrame,
    active_drains_key,
    frame_fields,
    gap_fields,
    stream_key,
)
from streamer.spool import Entry

CONTINUITY_KEY = "hadron:feed:continuity"
"""Redis hash: connection -> receive time in nanoseconds of its last frame in the stream."""

ANSWER_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 2.0


def _contract_fields() -> tuple[str, str, str, str, bytes]:
    """The stream's field names (frame, receive time, connection, kind) and a gap's kind."""
    frame, received, connection = frame_fields(RawFrame(b"", 0, ""))
    gap = FeedGap(
        gap_id=UUID(int=0), venue="", connection="", cause=GapCause.SHUTDOWN, from_ns=0, to_ns=0
    )
    fields = gap_fields(gap)
    (kind,) = fields.keys() - {frame, received, connection}
    value = fields[kind]
    assert isinstance(value, bytes)
    return frame.decode(), received.decode(), connection.decode(), kind.decode(), value


_FRAME, _RECEIVED, _CONNECTION, _KIND, GAP_KIND = _contract_fields()

# KEYS: stream, continuity hash, active drains. ARGV: now in Unix seconds, the number of
# continuity fields, those as name and value, then four arguments an entry.
_SCRIPT = f"""
local first = 3 + 2 * ARGV[2]
for i = 3, first - 2, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = first, #ARGV, 4 do
  if ARGV[i + 3] == '' then
    redis.call('XADD', KEYS[1], '*', '{_FRAME}', ARGV[i], '{_RECEIVED}', ARGV[i + 1],
      '{_CONNECTION}', ARGV[i + 2])
  else
    redis.call('XADD', KEYS[1], '*', '{_FRAME}', ARGV[i], '{_RECEIVED}', ARGV[i + 1],
      '{_CONNECTION}', ARGV[i + 2], '{_KIND}', ARGV[i + 3])
  end
end
return {{redis.call('XLEN', KEYS[1]), redis.call('ZCOUNT', KEYS[3], ARGV[1], '+inf')}}
""".encode()
_SHA = sha1(_SCRIPT, usedforsecurity=False).hexdigest().encode()


class Appended(NamedTuple):
    """What Redis said of the stream after a batch."""

    backlog: int
    active_drains: int


def gap_entry(gap: FeedGap) -> Entry:
    """A gap record as an entry for the spool and the stream."""
    return gap.model_dump_json().encode(), gap.to_ns, gap.connection.encode(), GAP_KIND


def pack(venue: str, entries: Sequence[Entry], now_s: float) -> list[bytes]:
    """The script call that appends ``entries``, in Redis' protocol (RESP)."""
    # The last frame of each connection wins; gap records say nothing about what was received.
    last = {entry[2]: entry[1] for entry in entries if not entry[3]}
    head = [b"EVALSHA", _SHA, b"3"]
    keys = (stream_key(venue), CONTINUITY_KEY, active_drains_key(venue))
    head += [key.encode() for key in keys]
    head += [b"%.3f" % now_s, b"%d" % len(last)]
    for connection, received_ns in last.items():
        head += (connection, b"%d" % received_ns)
    parts = [b"*%d\r\n" % (len(head) + 4 * len(entries))]
    parts += [b"$%d\r\n%b\r\n" % (len(part), part) for part in head]
    # From here on it is the hot path: one formatting a frame.
    tails: dict[tuple[bytes, bytes], bytes] = {}
    for data, received_ns, connection, kind in entries:
        tail = tails.get((connection, kind))
        if tail is None:
            tail = b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(connection), connection, len(kind), kind)
            tails[connection, kind] = tail
        time_text = b"%d" % received_ns
        parts.append(
            b"$%d\r\n%b\r\n$%d\r\n%b\r\n%b" % (len(data), data, len(time_text), time_text, tail)
        )
    return [b"".join(parts)]


class AppendLink:
    """One connection to Redis. Any failure makes it useless: close it and open another."""

    def __init__(self, connection: AbstractConnection, run_id: str) -> None:
        self._connection = connection
        self.run_id = run_id
        """Which life of Redis this link is to: another one may have lost acknowledged writes."""

    @classmethod
    async def open(cls, redis_url: str) -> Self:
        """Connect and load the script.

        Raises:
            StreamUnavailable: Redis cannot be reached.
        """
        pool: redis.ConnectionPool = redis.ConnectionPool.from_url(
            redis_url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=ANSWER_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            client_name="hadron-streamer",
        )
        connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("SCRIPT", "LOAD", _SCRIPT)
            await connection.read_response()
            await connection.send_command("INFO", "server")
            info = await connection.read_response(disable_decoding=True)
        except (RedisError, OSError) as error:
            await connection.disconnect(nowait=True)
            raise StreamUnavailable(f"Redis cannot be reached: {error}") from error
        return cls(connection, _run_id(info))

    async def append(self, venue: str, entries: Sequence[Entry]) -> Appended:
        """Append a batch, all of it or none.

        Raises:
            StreamUnavailable: No acknowledgement, so whether Redis has it is not known, or Redis
                refused it (out of memory, read-only).
        """
        packed = pack(venue, entries, time.time())
        try:
            answer = await self._send(packed)
        except NoScriptError:
            answer = await self._reload_and_send(packed)
        except (RedisError, OSError) as error:
            raise StreamUnavailable(f"Redis took no batch: {error}") from error
        backlog, active = answer
        return Appended(backlog, active)

    async def close(self) -> None:
        """Drop the connection."""
        await self._connection.disconnect(nowait=True)

    async def _send(self, packed: list[bytes]) -> tuple[int, int]:
        await self._connection.send_packed_command(packed, check_health=False)
        answer: tuple[int, int] = await self._connection.read_response()
        return answer

    async def _reload_and_send(self, packed: list[bytes]) -> tuple[int, int]:
        """Somebody flushed the scripts."""
        try:
            await self._connection.send_command("SCRIPT", "LOAD", _SCRIPT)
            await self._connection.read_response()
            return await self._send(packed)
        except (RedisError, OSError) as error:
            raise StreamUnavailable(f"Redis took no batch: {error}") from error


def _run_id(info: bytes) -> str:
    for line in info.decode().splitlines():
        if line.startswith("run_id:"):
            return line.removeprefix("run_id:").strip()
    raise StreamUnavailable("INFO of this server names no run_id; is it a Redis?")
