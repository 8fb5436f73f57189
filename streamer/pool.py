"""One venue's connections in this process: which keys it holds, and what each connection carries.

A loop of small steps, twice a second: renew the leases, claim free ones, look at the fleet's
shared notes, plan, and note what is confirmed. Everything it decides follows from what Redis
says, so every streamer process comes to the same plan without talking to the others. While Redis
is away nothing changes: the connections stay as they are and their frames go to the spool.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from hadron_tasks.errors import StreamUnavailable
from hadron_tasks.feed_health import ConnectionHealth
from hadron_tasks.raw_stream import GapCause
from streamer.append_link import CONTINUITY_KEY
from streamer.carriers import (
    CarrierRecord,
    FleetView,
    Up,
    cause_of_end,
    look,
    note_record,
    note_up,
    up_key,
)
from streamer.continuity import History
from streamer.conversation import Endpoint
from streamer.health import purge_waiting, withdraw, write_reports
from streamer.leases import Leases, Renewal
from streamer.open_markets import OpenMarkets
from streamer.plan import Target, books_of, target_of
from streamer.publisher import Publisher
from streamer.session import Session, SessionOptions
from streamer.sharing import Move, Surplus, moved_gaps
from streamer.standstill import Standstill

log = structlog.get_logger()

STEP_S = 0.5
STEP_WHILE_AWAY_S = 0.25
REPORT_EVERY_S = 1.0
PLAN_HOLDOFF_S = 2.0
"""After Redis was away, the time for every streamer to say again that its connections are up."""
PURGE_EVERY_S = 60.0

Planner = Callable[[Collection[str]], Mapping[str, str]]
"""Which connection carries each item, given the connections that are up."""


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """What a pool is set up with."""

    venue: str
    streamer: str
    redis_url: str
    lease_ttl_s: float
    stale_after_s: float
    endpoints: Sequence[Endpoint]
    planner: Planner
    movable: bool = False
    """Whether the planner can spare a connection, so that its key may go to another streamer."""
    books: Collection[str] = ()
    """The selection of order books: series, event and market tickers."""
    most_books: int = 0
    """Most books on one connection."""


@dataclass(slots=True)
class _Member:
    """A connection of this process."""

    session: Session
    task: asyncio.Task[None]
    noted: frozenset[str] = frozenset()
    """The items last noted in Redis: carried, or asked for."""
    settled: set[str] = field(default_factory=set)
    """Items for which it was checked whether a dead connection's hole ends here."""


class Pool:
    """The connections of one venue in this process."""

    def __init__(self, options: PoolOptions, publisher: Publisher) -> None:
        self._options = options
        self._publisher = publisher
        self._losses_seen = 0
        self._log = log.bind(venue=options.venue)
        # No retries inside the client: that Redis is away is to be noticed here, at once.
        self._redis = redis.Redis.from_url(
            options.redis_url,
            socket_timeout=5,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
        self._endpoints = {endpoint.lease: endpoint for endpoint in options.endpoints}
        self._leases = Leases(
            self._redis,
            options.venue,
            list(self._endpoints),
            options.streamer,
            options.lease_ttl_s,
        )
        self._members: dict[str, _Member] = {}
        self._markets = OpenMarkets(options.books)
        self._leaving: set[str] = set()
        self._surplus = Surplus()
        self._next_report = 0.0
        self._next_purge = 0.0
        self._plan_after = 0.0
        self._run_id: str | None = None
        self._away = False
        self._standstill = Standstill()
        self._over = 0

    async def run(self) -> None:
        """Hold connections until cancelled."""
        self._standstill.attend()
        while True:
            try:
                await self._step()
                if self._away:
                    self._away = False
                    self._log.info("Redis is back")
            except (RedisError, OSError) as error:
                self._redis_was_away()
                if not self._away:
                    self._away = True
                    self._log.warning("Redis is away; connections stay", reason=str(error))
            self._raise_faults()
            self._standstill.attend()
            await asyncio.sleep(STEP_WHILE_AWAY_S if self._away else STEP_S)

    async def stop_reading(self) -> None:
        """Close all connections."""
        for member in self._members.values():
            member.session.stop()
        tasks = [member.task for member in self._members.values()]
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=3.0)
            for task in late:
                task.cancel()

    async def leave(self) -> None:
        """Say goodbye in Redis, if it is there: records, health, leases."""
        try:
            pipeline = self._redis.pipeline(transaction=False)
            for member in self._members.values():
                session = member.session
                name = session.endpoint.name
                record = self._record(member).model_copy(update={"clean": True})
                note_record(pipeline, name, record)
                pipeline.delete(up_key(name))
            await pipeline.execute()
            await withdraw(self._redis, self._options.venue, self._options.streamer, self.reports())
            await self._leases.leave()
        except (RedisError, OSError) as error:
            self._log.warning("Redis is away; leases run out by themselves", reason=str(error))
        await self._redis.aclose()

    def reports(self) -> list[ConnectionHealth]:
        """Every connection's health now."""
        return [member.session.report() for member in self._members.values()]

    # One step

    async def _step(self) -> None:
        self._notice_standstill()
        await self._notice_restart()
        await self._keep_leases()
        await self._markets.exchange(self._redis)
        view = await self._view()
        self._notice_standstill()
        if time.monotonic() < self._plan_after:
            targets = {lease: m.session.target for lease, m in self._members.items()}
        else:
            targets = self._targets(view)
            await self._settle(view)
        await self._note(targets)
        # After the note: whoever finds our record must find in it all that was ever asked for.
        for lease, target in targets.items():
            self._members[lease].session.retarget(target)
        await self._refresh_books()
        await self._hand_over(targets)
        if time.monotonic() >= self._next_report:
            self._next_report = time.monotonic() + REPORT_EVERY_S
            await self._report()

    async def _notice_restart(self) -> None:
        """Redis may have come back empty so quickly that nothing failed."""
        run_id = (await self._redis.info("server"))["run_id"]
        if self._run_id not in (None, run_id):
            self._redis_was_away()
        self._run_id = run_id

    def _notice_standstill(self) -> None:
        """All on a machine that slept must write their notes again before anybody reads them."""
        if self._standstill.noticed():
            self._log.warning("this process stood still; connections stay")
            self._redis_was_away()

    def _redis_was_away(self) -> None:
        """Let every streamer renew its leases and notes before deciding from what is missing."""
        self._leases.redis_was_away()
        self._plan_after = time.monotonic() + PLAN_HOLDOFF_S

    async def _keep_leases(self) -> None:
        for lease, renewal in (await self._leases.renew()).items():
            if renewal is Renewal.LOST:
                self._log.error("the lease went to another streamer; closing", lease=lease)
                await self._drop(lease)
        for lease in await self._leases.claim():
            self._start(lease)
        if self._options.movable:
            self._leaving = self._surplus.choose(self._members, self._leases.share)

    async def _hand_over(self, targets: Mapping[str, Target]) -> None:
        """Give up the keys of leaving connections of which other connections carry everything."""
        for lease in sorted(self._leaving & targets.keys()):
            session = self._members[lease].session
            if targets[lease].items or session.carried or not session.connected:
                continue
            name = session.endpoint.name
            self._log.info("handing an API key over to another streamer", connection=name)
            session.stop()
            await asyncio.wait({self._members.pop(lease).task}, timeout=2.0)
            await self._redis.delete(up_key(name))
            await self._leases.release(lease)
            self._leaving.discard(lease)

    async def _refresh_books(self) -> None:
        """Have the exchange send books anew that are carried here.

        Those that somebody wants; all, when frames were lost between the sockets and Redis: of
        those the exchange knows nothing.
        """
        wanted = await self._markets.wanted_snapshots(self._redis)
        losses = self._publisher.losses_told
        if losses != self._losses_seen:
            self._losses_seen = losses
            wanted |= self._markets.tickers
        asked: set[str] = set()
        for member in self._members.values():
            asked.update(member.session.refresh(wanted) if wanted else ())
        await self._markets.snapshots_asked(self._redis, asked)

    def _start(self, lease: str) -> None:
        endpoint = self._endpoints[lease]
        self._log.info("took the lease of an API key", connection=endpoint.name)

        async def history() -> History:
            return await self._history(lease)

        options = SessionOptions(
            streamer=self._options.streamer,
            stale_after_s=self._options.stale_after_s,
            on_market=self._markets.on_market,
            history=history,
        )
        session = Session(endpoint, self._publisher, options)
        task = asyncio.create_task(session.run(), name=endpoint.name)
        self._members[lease] = _Member(session, task)

    async def _drop(self, lease: str) -> None:
        member = self._members.pop(lease)
        member.session.abort()
        await asyncio.wait({member.task}, timeout=1.0)
        member.task.cancel()

    async def _view(self) -> FleetView:
        """The shared notes, with this process' own connections as they are now."""
        seen = await look(self._redis, self._options.venue)
        up = dict(seen.up)
        for lease, member in self._members.items():
            if member.session.connected:
                up[member.session.endpoint.name] = self._up(lease)
        return FleetView(seen.records, seen.last_ns, up)

    def _up(self, lease: str) -> Up:
        session = self._members[lease].session
        return Up(items=session.carried, leaving=lease in self._leaving)

    def _targets(self, view: FleetView) -> dict[str, Target]:
        """What each connection of this process is to carry, by its lease."""
        plan = self._options.planner(view.staying())
        targets = {}
        over = 0
        for lease, member in self._members.items():
            session = member.session
            name = session.endpoint.name
            elsewhere = {
                item
                for item, carrier in plan.items()
                if carrier != name and view.carries(carrier, item)
            }
            items = target_of(name, plan, session.carried | session.inherited, elsewhere)
            books, left_out = books_of(items, self._markets.tickers, self._options.most_books)
            over += left_out
            targets[lease] = Target(items, books)
        if over > self._over:
            self._log.error(
                "more order books are wanted than the connections may carry",
                left_out=over,
                remedy="add API keys, or raise HADRON_KALSHI_MAX_BOOKS_PER_CONNECTION",
            )
        self._over = over
        return targets

    async def _note(self, targets: Mapping[str, Target]) -> None:
        """Write what is confirmed and what is about to be asked for."""
        pipeline = self._redis.pipeline(transaction=False)
        for lease, member in self._members.items():
            session = member.session
            if not session.connected:
                continue
            name = session.endpoint.name
            member.noted = session.carried | session.inherited | targets[lease].items
            note_up(pipeline, name, self._up(lease))
            note_record(pipeline, name, self._record(member))
            heard = session.heard_ns
            safe = self._publisher.idle and self._publisher.judged_run_id == self._run_id
            if safe and heard and session.continuity.open_since_ns is None:
                # A quiet connection that still hears pings has no hole before now.
                pipeline.hset(CONTINUITY_KEY, name, heard)
        if len(pipeline):
            await pipeline.execute()

    async def _settle(self, view: FleetView) -> None:
        """Record the holes of connections that are down, in what is carried here now."""
        for member in self._members.values():
            session = member.session
            fresh = session.carried - member.settled if session.connected else frozenset()
            member.settled = set(session.carried) if session.connected else set()
            for name, record in view.records.items():
                taken = record.items & fresh
                if taken and name != session.endpoint.name and name not in view.up:
                    await self._take_over(name, record, taken, view, session.endpoint.name)

    async def _take_over(
        self,
        name: str,
        record: CarrierRecord,
        taken: frozenset[str],
        view: FleetView,
        to_name: str,
    ) -> None:
        from_ns = view.hole_from(name)
        if from_ns is not None:
            cause = cause_of_end(record, await self._leases.holders())
            for gap in moved_gaps(self._options.venue, name, taken, Move(cause, from_ns, to_name)):
                self._publisher.put_gap(gap)
        left = record.model_copy(update={"items": record.items - taken})
        pipeline = self._redis.pipeline(transaction=False)
        note_record(pipeline, name, left)
        await pipeline.execute()

    async def _report(self) -> None:
        await write_reports(
            self._redis, self._options.venue, self._options.streamer, self.reports()
        )
        if time.monotonic() >= self._next_purge:
            self._next_purge = time.monotonic() + PURGE_EVERY_S
            await purge_waiting(self._redis, PURGE_EVERY_S)

    # The past of a connection

    def _record(self, member: _Member) -> CarrierRecord:
        session = member.session
        return CarrierRecord(
            venue=self._options.venue,
            lease=session.endpoint.lease,
            streamer=self._options.streamer,
            items=member.noted,
            hole_from_ns=session.continuity.open_since_ns,
        )

    async def _history(self, lease: str) -> History:
        """What the shared notes say of a connection that is about to connect.

        Raises:
            StreamUnavailable: Redis is away, and this process has no memory of its own.
        """
        member = self._members[lease]
        name = member.session.endpoint.name
        carried = member.session.carried
        try:
            view = await look(self._redis, self._options.venue)
        except (RedisError, OSError) as error:
            if carried:
                return History(None, GapCause.DISCONNECT)
            raise StreamUnavailable(f"the connection's past cannot be read: {error}") from error
        if not carried:
            return view.history(name)
        all_noted = bool(member.noted) and carried <= member.noted
        taken = all_noted and not view.history(name).items
        return History(None, GapCause.DISCONNECT, everything_taken=taken)

    def _raise_faults(self) -> None:
        """A connection's task ends only when it is stopped; anything else is a fault of ours."""
        for member in self._members.values():
            if member.task.done() and not member.task.cancelled():
                error = member.task.exception()
                if error is not None:
                    raise error
