"""One connection's life, whatever the venue: connect, subscribe, read, back off, begin again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import structlog
from websockets.exceptions import WebSocketException
from websockets.protocol import State

from hadron_tasks.errors import AuthenticationRefused, StreamUnavailable
from hadron_tasks.feed_health import ConnectionHealth, ConnectionState
from hadron_tasks.raw_stream import GapCause, connection_life
from streamer.backoff import Backoff
from streamer.continuity import Continuity, History, Hole, gap_record
from streamer.conversation import (
    CommandRefused,
    ConnectionUseless,
    Conversation,
    CredentialsRefused,
    Endpoint,
    Event,
    MarketDelisted,
    MarketListed,
    SequenceJumped,
    SubscriptionEnded,
)
from streamer.frame_socket import FrameSocket
from streamer.handshake import open_socket
from streamer.latency_sampler import LatencySampler
from streamer.plan import Target, channels_of
from streamer.publisher import Publisher

log = structlog.get_logger()

CHECK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What a session is set up with."""

    streamer: str
    stale_after_s: float
    on_market: Callable[[MarketListed | MarketDelisted], None]
    history: Callable[[], Awaitable[History]]
    """Asked before each connect."""


class _Lost(Exception):  # noqa: N818
    """The connection is over, or of no use."""

    def __init__(self, reason: str, cause: GapCause = GapCause.DISCONNECT) -> None:
        super().__init__(reason)
        self.cause = cause


class Session:
    """One connection, kept open until :meth:`stop`."""

    def __init__(
        self,
        endpoint: Endpoint,
        publisher: Publisher,
        options: SessionOptions,
        backoff: Backoff | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.continuity = Continuity(endpoint.venue, endpoint.name)
        self._publisher = publisher
        self._options = options
        self._backoff = backoff or Backoff()
        self._log = log.bind(connection=endpoint.name)
        self._life = b""
        """What its frames say they came by; a new one with each connect."""
        self._target = Target()
        self._conversation: Conversation = endpoint.converse()
        self._socket: FrameSocket | None = None
        self._events: list[tuple[Event, int | None, int]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._was_whole = False
        self._misunderstood = False
        self.carried: frozenset[str] = frozenset()
        """Items confirmed on this connection; after a break, those before it."""
        self.inherited: frozenset[str] = frozenset()
        """Items of the connection's earlier holder, until this session has its own confirmed."""
        # Plain counters, for they change with every frame.
        self._frames = 0
        self._bytes = 0
        self._last_frame_ns: int | None = None
        self._last_frame = b""
        self._latency = LatencySampler(endpoint.sent_ns)
        self._report = ConnectionHealth(
            venue=endpoint.venue,
            connection=endpoint.name,
            streamer=options.streamer,
            state=ConnectionState.CONNECTING,
            reported_ns=0,
        )

    @property
    def connected(self) -> bool:
        """Whether the exchange accepted us and takes subscriptions."""
        return self._socket is not None and self._conversation.ready

    @property
    def heard_ns(self) -> int | None:
        """When anything was last received, pings included; None when not connected."""
        if self._socket is None:
            return None
        return max(self._socket.heard_ns, self._last_frame_ns or 0)

    @property
    def target(self) -> Target:
        """What it is to carry."""
        return self._target

    def retarget(self, target: Target) -> None:
        """What to carry from now on."""
        if target != self._target:
            self._target = target
            self._conversation.retarget(target)
            self._wake.set()

    def refresh(self, markets: Collection[str]) -> Collection[str]:
        """Ask for fresh snapshots of these markets' books; returns those carried here."""
        carried = self._conversation.refresh(markets) if self._socket is not None else ()
        if carried:
            self._wake.set()
        return carried

    async def run(self) -> None:
        """Keep the connection until :meth:`stop`."""
        while not self._stopping:
            began = time.monotonic()
            try:
                await self._connect_and_read()
            except AuthenticationRefused as error:
                await self._after_refusal(error)
            except (_Lost, StreamUnavailable, WebSocketException, OSError) as error:
                lived = time.monotonic() - began if self._was_whole else 0.0
                await self._after_loss(error, lived)
        self._set_state(ConnectionState.STOPPED)

    def stop(self) -> None:
        """Stop reading and close the connection."""
        self._stopping = True
        self._wake.set()

    def abort(self) -> None:
        """Close at once, without the closing handshake: the key is another's."""
        self.stop()
        if self._socket is not None:
            self._socket.transport.abort()

    def report(self) -> ConnectionHealth:
        """This connection's health now."""
        conversation = self._conversation
        return self._report.model_copy(
            update={
                "reported_ns": time.time_ns(),
                "last_heard_ns": self.heard_ns,
                "last_frame_ns": self._last_frame_ns,
                "hole_from_ns": self.continuity.open_since_ns,
                "frames": self._frames,
                "bytes": self._bytes,
                "spool_bytes": self._publisher.spool_bytes,
                "subscriptions": conversation.subscriptions if self._socket else 0,
                "markets": conversation.markets if self._socket else 0,
                "frames_by_type": _sum(self._report.frames_by_type, conversation.frames_by_type),
                "bytes_by_type": _sum(self._report.bytes_by_type, conversation.bytes_by_type),
                "exchange_latency": dict(self._latency.buckets),
            }
        )

    # One connection

    async def _connect_and_read(self) -> None:
        self._set_state(ConnectionState.CONNECTING)
        await self._recall()
        self._begin_conversation()
        self._life = connection_life(self.endpoint.name, time.time_ns()).encode()
        socket = self._socket = await open_socket(
            self.endpoint, self._publisher, self._take, self._options.stale_after_s
        )
        self._report.connected_ns = time.time_ns()
        self._set_state(ConnectionState.SUBSCRIBING)
        closed = asyncio.create_task(socket.wait_closed())
        closed.add_done_callback(lambda _task: self._wake.set())
        cause = GapCause.DISCONNECT
        try:
            await self._attend(socket)
        except _Lost as lost:
            cause = lost.cause
            raise
        finally:
            self._note_break(cause)
            closed.cancel()
            await socket.close()

    async def _attend(self, socket: FrameSocket) -> None:
        """Everything but the frames themselves, which :meth:`_take` takes."""
        while not self._stopping:
            self._handle_events()
            if socket.state is State.CLOSED:
                raise _Lost(f"the connection was closed ({_close_reason(socket)})")
            now = time.monotonic()
            while (command := self._conversation.next_command(now)) is not None:
                await socket.send(command)
            self._note_whole()
            self._check_alive(socket, now)
            if self._last_frame_ns is not None:
                self._latency.sample(self._last_frame, self._last_frame_ns)
            self._wake.clear()
            if self._events:
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), CHECK_EVERY_S)

    def _take(self, data: bytes) -> None:
        """The hot path: one frame from the socket to the publisher."""
        now_ns = time.time_ns()
        self._publisher.put((data, now_ns, self._life, b""))
        previous_ns, self._last_frame_ns = self._last_frame_ns, now_ns
        self._last_frame = data
        self._frames += 1
        self._bytes += len(data)
        try:
            events = self._conversation.receive(data, now_ns)
        except Exception:  # noqa: BLE001 - a fault of ours must not end the recording
            self._note_misunderstood()
            return
        if events:
            self._events += [(event, previous_ns, now_ns) for event in events]
            self._wake.set()

    def _note_misunderstood(self) -> None:
        if not self._misunderstood:
            self._misunderstood = True
            self._log.exception("a frame was not understood; it is recorded all the same")

    def _handle_events(self) -> None:
        events, self._events = self._events, []
        for event, previous_ns, now_ns in events:
            self._handle(event, previous_ns or now_ns, now_ns)

    def _handle(self, event: Event, previous_ns: int, now_ns: int) -> None:
        match event:
            case SequenceJumped(channel, jump):
                gap = gap_record(
                    venue=self.endpoint.venue,
                    connection=self.endpoint.name,
                    cause=GapCause.SEQUENCE_JUMP,
                    # Not the frame before: that may be of another subscription, and far later.
                    from_ns=jump.since_ns,
                    to_ns=now_ns,
                    channel=channel,
                    sid=jump.sid,
                    jump=jump,
                )
                self._report.gaps += 1
                self._publisher.put_gap(gap)
            case SubscriptionEnded(channel, sid, cause, detail):
                self._report.last_error = detail
                self._log.warning("the exchange ended a subscription", channel=channel, why=detail)
                self.continuity.broke(channel, Hole(previous_ns, cause, sid, detail))
            case CommandRefused(what, reason):
                self._report.last_error = f"{what}: {reason}"
                self._log.error("the exchange refused a command", what=what, reason=reason)
            case ConnectionUseless(cause, reason):
                raise _Lost(reason, cause)
            case CredentialsRefused(reason):
                raise AuthenticationRefused(reason)
            case MarketListed() | MarketDelisted():
                self._options.on_market(event)

    def _check_alive(self, socket: FrameSocket, now: float) -> None:
        silent = now - socket.heard_at
        if silent > self._options.stale_after_s:
            raise _Lost(f"nothing received for {silent:.1f} s, not even a ping")
        unanswered = self._conversation.unanswered(now)
        if unanswered is not None:
            raise _Lost(f"no answer from the exchange: {unanswered}")

    # Holes

    async def _recall(self) -> None:
        """Before connecting: what an earlier life of this connection left open."""
        history = await self._options.history()
        self.inherited = history.items
        if history.everything_taken:
            self.continuity.discard()
        elif history.last_ns is not None and not self.carried:
            carried = channels_of(history.items) or None
            self.continuity.broke(None, Hole(history.last_ns, history.cause, carried=carried))

    def _note_whole(self) -> None:
        """When all that is to be carried is confirmed, the holes end."""
        if not self._conversation.ready:
            return
        confirmed = self._conversation.confirmed
        if not self._target.items <= confirmed:
            self.carried |= confirmed
            if not self._was_whole:
                # Later it only takes on more: what it carried flows all the while.
                self._set_state(ConnectionState.SUBSCRIBING)
            return
        self.carried = confirmed
        self._set_state(ConnectionState.LIVE)
        self._was_whole = True
        if not self._target.items:
            return
        self.inherited = frozenset()
        now_ns = time.time_ns()
        for channel in self.continuity.channels:
            gap = self.continuity.whole(channel, now_ns)
            if gap is not None:
                self._report.gaps += 1
                self._publisher.put_gap(gap)

    def _note_break(self, cause: GapCause) -> None:
        """The connection ends: events not yet handled count, and the hole begins."""
        with contextlib.suppress(_Lost, AuthenticationRefused):
            self._handle_events()
        heard_ns = self.heard_ns
        if self.carried and heard_ns is not None:
            carried = channels_of(self.carried)
            self.continuity.broke(None, Hole(heard_ns, cause, carried=carried))
        self._socket = None

    # Between connections

    def _begin_conversation(self) -> None:
        report, conversation = self._report, self._conversation
        report.frames_by_type = _sum(report.frames_by_type, conversation.frames_by_type)
        report.bytes_by_type = _sum(report.bytes_by_type, conversation.bytes_by_type)
        self._conversation = self.endpoint.converse()
        self._conversation.retarget(self._target)
        self._events.clear()
        self._was_whole = False

    async def _after_refusal(self, error: AuthenticationRefused) -> None:
        delay = self._backoff.after_refusal()
        self._report.authentication_failures += 1
        self._report.last_error = f"authentication refused: {error}"
        self._log.error(
            "the exchange refused the credentials",
            reason=str(error),
            failures=self._report.authentication_failures,
            next_try_s=round(delay, 1),
            remedy=self.endpoint.remedy,
        )
        self._set_state(ConnectionState.AUTHENTICATION_REFUSED)
        await self._rest(delay)

    async def _after_loss(self, error: Exception, lived_s: float) -> None:
        if self._stopping:
            return
        delay = self._backoff.after_failure(lived_s)
        self._report.reconnects += 1
        self._report.last_error = str(error) or type(error).__name__
        self._log.warning(
            "connection lost", reason=self._report.last_error, next_try_s=round(delay, 2)
        )
        self._set_state(ConnectionState.BACKING_OFF)
        await self._rest(delay)

    async def _rest(self, delay: float) -> None:
        until = time.monotonic() + delay
        while not self._stopping and (left := until - time.monotonic()) > 0:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)

    def _set_state(self, state: ConnectionState) -> None:
        self._report.state = state


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))


def _close_reason(socket: FrameSocket) -> str:
    return f"code {socket.close_code} {socket.close_reason or ''}".strip()
