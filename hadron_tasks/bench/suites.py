"""The benchmarks: which rounds alternate, and which ratios they are to show."""

from __future__ import annotations

import time
from dataclasses import replace

from hadron_tasks.bench import cryptofeed_backend, floors, pipeline, sockets, usual
from hadron_tasks.bench.frames import FrameMix, market_ticker
from hadron_tasks.bench.measure import Figure, Ratio, Report
from hadron_tasks.bench.pipeline import Workers
from hadron_tasks.bench.plan import Plan
from hadron_tasks.bench.services import Services
from hadron_tasks.raw_stream import RawFrame
from hadron_tasks.tickers import EventMetadata, MarketMetadata, parse_ticker

BATCH = 5000
"""Frames in a transaction: the default of HADRON_DRAIN_BATCH."""


def normalise(plan: Plan, services: Services) -> Report:
    """Reading frames, beside the standard library's JSON decoder."""
    del services
    bare, ours = Figure("bare json.loads"), Figure("normalise only")
    for number, frames in _rounds(plan, "normalise"):
        floors.decode_json(bare, frames)
        pipeline.normalise(ours, frames)
        _drop_warm_up(number, bare, ours)
    return Report([bare, ours], [Ratio("normalise / bare json.loads", ours, bare)])


def ingest(plan: Plan, services: Services) -> Report:
    """The streamer, beside a client that throws away what it receives; and Redis by itself."""
    bare = Figure("websockets client, frames dropped")
    ours = Figure("streamer: socket to stream, one connection")
    append, read = Figure("pipelined XADD"), Figure("XREADGROUP, XACK, XDEL")
    client = services.redis()
    for number, frames in _rounds(plan, "ingest"):
        floors.append_frames(append, client, frames, BATCH)
        floors.read_frames(read, client, len(frames), BATCH)
        with sockets.flooding_exchange(services) as exchange:
            sockets.receive_and_drop(bare, exchange, plan.seconds)
        with sockets.flooding_exchange(services) as exchange:
            sockets.receive_and_keep(ours, services, exchange, plan.seconds)
        _drop_warm_up(number, append, read, bare, ours)
    return Report(
        [append, read, bare, ours], [Ratio("streamer / bare client", ours, bare, wanted=0.6)]
    )


def write(plan: Plan, services: Services) -> Report:
    """Reading and writing in one process, beside COPY of ready rows and ``execute_values``."""
    copy, ours = Figure("COPY of ready rows"), Figure("normalise and write, one process")
    pages = Figure("json.loads and execute_values")
    others = (
        [Figure("cryptofeed's PostgreSQL backend")] if cryptofeed_backend.is_installed() else []
    )
    if not others:
        plan.say("cryptofeed is not installed (pip install 'hadron[bench]'): not compared with it")
    with services.connect() as connection:
        usual.make_table(services)
        for number, frames in _rounds(plan, "write"):
            rows = pipeline.ready_rows(connection, frames)
            services.empty_tables()
            floors.copy_ready_rows(copy, connection, rows, BATCH)
            services.empty_tables()
            pipeline.write(ours, connection, frames, BATCH)
            usual.insert_in_pages(pages, connection, frames)
            for other in others:
                cryptofeed_backend.make_tables(services)
                cryptofeed_backend.store(other, services, frames)
            _drop_warm_up(number, copy, ours, pages, *others)
    ratios = [Ratio("write / COPY", ours, copy), Ratio("write / execute_values", ours, pages)]
    ratios += [Ratio("write / cryptofeed", ours, other) for other in others]
    return Report([copy, ours, pages, *others], list(ratios))


def drain(plan: Plan, services: Services) -> Report:
    """Real workers from the stream to committed rows, beside COPY and one task a frame."""
    each = Figure("one Celery task and one INSERT a frame")
    report = Report([each])
    one: Figure | None = None
    share = {1: 0.25, 2: 0.4}
    for count in plan.workers:
        who = f"{count} worker{'s' if count > 1 else ''}"
        ours = Figure(f"stream to committed rows, {who}")
        # One for each: a machine is not as fast now as it was when other workers were measured.
        copy = Figure(f"COPY of ready rows, in turns with {who}")
        workers = Workers(services, count)
        with workers.running(), services.connect() as connection:
            for number, frames in _rounds(plan, f"drain, {count} workers"):
                rows = pipeline.ready_rows(connection, frames)
                services.empty_tables()
                floors.copy_ready_rows(copy, connection, rows, BATCH)
                services.empty_tables()
                before = workers.cpu_s()
                workers.drain(ours, frames)
                _note_cost(ours, workers, workers.cpu_s() - before, len(frames))
                _drop_warm_up(number, copy, ours)
        one = ours if count == 1 else one
        report.figures += [copy, ours]
        report.verdicts.append(Ratio(f"{ours.name} / COPY", ours, copy, share.get(count)))
    usual.make_table(services)
    few = replace(plan, frames=max(500, plan.frames // 100))
    with usual.task_worker(services) as app:
        for number, frames in _rounds(few, "one task a frame"):
            usual.one_task_a_frame(each, services, app, frames)
            _drop_warm_up(number, each)
    if one is not None:
        report.verdicts.append(Ratio("1 worker / one task a frame", one, each, wanted=30))
    return report


def tickers(plan: Plan, services: Services) -> Report:
    """Reading tickers: from the text to facts and a display name, by one core's time."""
    del services
    bare = Figure("tickers read", "tickers/CPU s")
    given = Figure("tickers read, with metadata", "tickers/CPU s")
    event = EventMetadata(title="Bitcoin price", category="Crypto")
    market = MarketMetadata(title="Bitcoin price", yes_sub_title="$50,000 or above")
    for number in range(plan.rounds + 1):
        names = [market_ticker(number * plan.frames + at) for at in range(plan.frames // 4)]
        with bare.timing(len(names), time.process_time):
            for name in names:
                parse_ticker(name)
        with given.timing(len(names), time.process_time):
            for name in names:
                parse_ticker(name, market, event)
        _drop_warm_up(number, bare, given)
    return Report([bare, given])


def _rounds(plan: Plan, what: str) -> list[tuple[int, list[RawFrame]]]:
    """The frames of each round, none of which repeats another's."""
    mix = FrameMix(plan.markets, time.time_ns())
    rounds = []
    for number in range(plan.rounds + 1):
        rounds.append((number, mix.take(plan.frames if number else plan.frames // 4)))
    plan.say(f"{what}: {plan.rounds} rounds of {plan.frames:,} frames")
    return rounds


def _drop_warm_up(number: int, *figures: Figure) -> None:
    """The first round fills caches and makes partitions; it does not count."""
    if number == 0:
        for figure in figures:
            figure.rounds.pop()


def _note_cost(figure: Figure, workers: Workers, cpu_s: float, frames: int) -> None:
    figure.remarks = {
        "CPU s a million frames": f"{cpu_s / frames * 1e6:.1f}",
        "peak MB a worker": f"{workers.peak_memory_mb():.0f}",
    }
