"""Every metric there is: the one table that the code, the documentation and the tests go by.

Names follow Prometheus' rules: base units (seconds, bytes), ``_total`` for what only grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What Prometheus calls a metric's type."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Endpoint(StrEnum):
    """Which process answers with a metric."""

    FLEET = "fleet"
    """``hadron metrics serve``: one for the fleet."""
    STREAMER = "streamer"
    """``python -m streamer run --metrics-port``: each streamer its own."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name as Prometheus shows it, and what its value means."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    group: str
    endpoint: Endpoint


_FLEET: dict[str, list[tuple[str, Kind, str, str]]] = {
    "The exporter": [
        ("hadron_up", Kind.GAUGE, "part", "Whether a part of the fleet could be read just now."),
        ("hadron_build_info", Kind.GAUGE, "version", "Always 1; the label is what counts."),
    ],
    "Feeds": [
        (
            "hadron_feed_frames_total",
            Kind.COUNTER,
            "venue connection channel",
            "Frames received, by the exchange's message type, since the streamer started.",
        ),
        (
            "hadron_feed_bytes_total",
            Kind.COUNTER,
            "venue connection channel",
            "Bytes of frames received, by the exchange's message type, since the streamer started.",
        ),
        (
            "hadron_feed_connection_state",
            Kind.GAUGE,
            "venue connection state",
            "1 for the state that a connection is in, 0 for the others.",
        ),
        (
            "hadron_feed_connection_age_seconds",
            Kind.GAUGE,
            "venue connection",
            "Since the connection was opened; only while it is open.",
        ),
        (
            "hadron_feed_last_frame_age_seconds",
            Kind.GAUGE,
            "venue connection",
            "Since the connection's last frame.",
        ),
        (
            "hadron_feed_reconnects_total",
            Kind.COUNTER,
            "venue connection",
            "Connections lost and opened again.",
        ),
        (
            "hadron_feed_authentication_failures_total",
            Kind.COUNTER,
            "venue connection",
            "Credentials refused by the exchange.",
        ),
        (
            "hadron_feed_holes_total",
            Kind.COUNTER,
            "venue connection",
            "Gap records written by the streamer that holds the connection.",
        ),
        (
            "hadron_feed_subscriptions",
            Kind.GAUGE,
            "venue connection",
            "Channels confirmed by the exchange.",
        ),
        (
            "hadron_feed_books",
            Kind.GAUGE,
            "venue connection",
            "Order books confirmed by the exchange.",
        ),
        (
            "hadron_feed_exchange_latency_seconds",
            Kind.HISTOGRAM,
            "venue connection",
            "From the exchange's own time of a message to its receipt, sampled twice a second;"
            " what the two clocks differ by is in it.",
        ),
        (
            "hadron_venue_live_connections",
            Kind.GAUGE,
            "venue",
            "Connections that are live by a fresh report.",
        ),
        ("hadron_venue_streamers", Kind.GAUGE, "venue", "Streamer processes that report."),
        (
            "hadron_venue_trading",
            Kind.GAUGE,
            "venue",
            "Whether frames are to be expected now: 1 in the hours of any market that is recorded.",
        ),
        (
            "hadron_feed_trading",
            Kind.GAUGE,
            "venue connection",
            "Whether a connection must receive frames now: 1 in the hours of its asset class;"
            " absent where several connections share one feed.",
        ),
        (
            "hadron_venue_silence_seconds",
            Kind.GAUGE,
            "venue",
            "Since the last frame of any connection; +Inf when none is known.",
        ),
        (
            "hadron_spool_bytes",
            Kind.GAUGE,
            "venue streamer",
            "Bytes of frames that wait on a streamer's disk because Redis took none.",
        ),
    ],
    "The raw stream": [
        (
            "hadron_stream_entries",
            Kind.GAUGE,
            "venue",
            "Length of the stream: entries not read yet, or read and not committed yet.",
        ),
        (
            "hadron_stream_pending_entries",
            Kind.GAUGE,
            "venue",
            "Entries read by a drain and not committed yet.",
        ),
        ("hadron_stream_lag_entries", Kind.GAUGE, "venue", "Entries that no drain has read yet."),
        (
            "hadron_stream_oldest_entry_age_seconds",
            Kind.GAUGE,
            "venue",
            "Age of the oldest entry; 0 when the stream is empty.",
        ),
        ("hadron_stream_drains", Kind.GAUGE, "venue", "Drain tasks at work."),
    ],
    "What became of the frames": [
        (
            "hadron_ingest_commit_latency_seconds",
            Kind.HISTOGRAM,
            "venue",
            "From a frame's receipt to the commit of its rows.",
        ),
        ("hadron_ingest_frames_total", Kind.COUNTER, "venue", "Frames and gap records stored."),
        ("hadron_ingest_ticks_total", Kind.COUNTER, "venue", "Ticks written."),
        (
            "hadron_ingest_duplicates_total",
            Kind.COUNTER,
            "venue",
            "Messages that were delivered again and not written twice.",
        ),
        ("hadron_ingest_lifecycle_total", Kind.COUNTER, "venue", "Lifecycle messages written."),
        (
            "hadron_ingest_control_total",
            Kind.COUNTER,
            "venue",
            "Acknowledgements, status and error messages: not for the record.",
        ),
        (
            "hadron_ingest_dead_letters_total",
            Kind.COUNTER,
            "venue",
            "Frames that became dead letters.",
        ),
        (
            "hadron_ingest_unknown_total",
            Kind.COUNTER,
            "venue type",
            "Messages of a type that no normaliser knows.",
        ),
        (
            "hadron_normalised_total",
            Kind.COUNTER,
            "venue type",
            "Messages normalised and stored, by tick type or lifecycle kind.",
        ),
        (
            "hadron_normalisation_failures_total",
            Kind.COUNTER,
            "venue error",
            "Frames that could not be normalised or stored, by kind of error.",
        ),
        (
            "hadron_instrument_lookups_total",
            Kind.COUNTER,
            "venue result",
            "Instruments of batches looked for in a worker's cache: hit or miss.",
        ),
    ],
    "Dead letters and gaps": [
        (
            "hadron_dead_letters",
            Kind.GAUGE,
            "venue kind status",
            "Dead letters kept, by state: dead, retrying, resolved or discarded.",
        ),
        (
            "hadron_dead_letters_waiting",
            Kind.GAUGE,
            "",
            "Dead letters of tasks that wait in Redis for PostgreSQL.",
        ),
        (
            "hadron_feed_gaps",
            Kind.GAUGE,
            "venue cause state",
            "Gap records, by cause and state: open, backfilled or unrecoverable.",
        ),
        (
            "hadron_feed_gap_missing_messages",
            Kind.GAUGE,
            "venue state",
            "Messages known to be missing in gaps, where sequence numbers tell.",
        ),
    ],
    "Arbitrage": [
        ("hadron_arbitrage_found_total", Kind.COUNTER, "kind", "Arbitrages that were found."),
        ("hadron_arbitrage_live", Kind.GAUGE, "kind", "Arbitrages that are there now."),
        (
            "hadron_arbitrage_live_profit_dollars",
            Kind.GAUGE,
            "kind",
            "What those that are there now would earn together, after fees.",
        ),
    ],
    "Tasks and beat": [
        ("hadron_tasks_total", Kind.COUNTER, "task state", "Tasks that ended, by how they ended."),
        (
            "hadron_task_duration_seconds",
            Kind.HISTOGRAM,
            "task",
            "How long tasks ran, however they ended.",
        ),
        ("hadron_queue_messages", Kind.GAUGE, "queue", "Celery messages that wait for a worker."),
        (
            "hadron_queue_unacknowledged_messages",
            Kind.GAUGE,
            "",
            "Celery messages that a worker holds.",
        ),
        ("hadron_workers", Kind.GAUGE, "queue", "Worker nodes that consume a queue."),
        ("hadron_worker_processes", Kind.GAUGE, "queue", "Pool processes of these nodes."),
        ("hadron_worker_tasks_active", Kind.GAUGE, "queue", "Tasks these nodes run just now."),
        (
            "hadron_beat_tick_age_seconds",
            Kind.GAUGE,
            "",
            "Since any beat last looked at its schedule; +Inf when none ever did.",
        ),
        (
            "hadron_schedule_overdue_seconds",
            Kind.GAUGE,
            "entry",
            "How late a schedule entry is; 0 when it is not.",
        ),
    ],
    "REST": [
        (
            "hadron_rest_requests_total",
            Kind.COUNTER,
            "venue endpoint status",
            "Requests to an exchange's REST API, by HTTP status, or unreachable or unreadable.",
        ),
        (
            "hadron_rest_bucket_tokens",
            Kind.GAUGE,
            "account",
            "Tokens in the shared rate limit's bucket; below 0 is what waiting requests owe.",
        ),
        ("hadron_rest_bucket_capacity_tokens", Kind.GAUGE, "account", "Most tokens it holds."),
        (
            "hadron_rest_bucket_pace_ratio",
            Kind.GAUGE,
            "account",
            "Share of the refill in use: 1 unless the exchange answered 429 lately.",
        ),
        (
            "hadron_rest_bucket_closed_seconds",
            Kind.GAUGE,
            "account",
            "How long a 429 keeps the bucket closed from now; 0 when it is open.",
        ),
        (
            "hadron_rest_tokens_spent_total",
            Kind.COUNTER,
            "account",
            "Tokens that requests cost.",
        ),
        (
            "hadron_rest_limited_total",
            Kind.COUNTER,
            "account",
            "Requests that the exchange answered with 429.",
        ),
    ],
    "Crawls": [
        (
            "hadron_crawl_success_age_seconds",
            Kind.GAUGE,
            "venue kind",
            "Since a crawl of this kind last ended complete; absent when none ever did.",
        ),
        (
            "hadron_crawl_failed",
            Kind.GAUGE,
            "venue kind",
            "Whether the newest crawl that ended misses something.",
        ),
        ("hadron_crawl_running", Kind.GAUGE, "venue kind", "Whether a crawl is under way."),
        (
            "hadron_crawl_running_seconds",
            Kind.GAUGE,
            "venue kind",
            "Since the crawl under way began; 0 when there is none.",
        ),
        ("hadron_crawl_pages", Kind.GAUGE, "venue kind", "Pages read by the newest crawl."),
        ("hadron_crawl_seen", Kind.GAUGE, "venue kind", "Objects seen by the newest crawl."),
        (
            "hadron_crawl_changed",
            Kind.GAUGE,
            "venue kind",
            "Of these, objects that were new or had changed.",
        ),
        (
            "hadron_crawl_requests",
            Kind.GAUGE,
            "venue kind",
            "Requests sent by the newest crawl.",
        ),
    ],
    "Storage": [
        ("hadron_database_size_bytes", Kind.GAUGE, "", "Size of the database on disk."),
        ("hadron_database_partitions", Kind.GAUGE, "", "Daily partitions of ticks."),
        (
            "hadron_database_partitions_ahead",
            Kind.GAUGE,
            "",
            "Days after today (UTC) whose partition stands ready.",
        ),
        (
            "hadron_database_connections",
            Kind.GAUGE,
            "state",
            "Connections to the database, by state.",
        ),
        (
            "hadron_database_connections_limit",
            Kind.GAUGE,
            "",
            "Most connections that the server takes.",
        ),
        ("hadron_redis_memory_used_bytes", Kind.GAUGE, "", "Memory that Redis uses for data."),
        (
            "hadron_redis_memory_limit_bytes",
            Kind.GAUGE,
            "",
            "Redis' maxmemory; the machine's memory where none is set.",
        ),
        ("hadron_redis_clients", Kind.GAUGE, "", "Connections to Redis."),
        (
            "hadron_redis_evicted_keys_total",
            Kind.COUNTER,
            "",
            "Keys that Redis dropped to make room: must stay 0.",
        ),
        (
            "hadron_redis_durable",
            Kind.GAUGE,
            "",
            "1 when Redis writes an append-only file, did so without error, and never evicts.",
        ),
        (
            "hadron_disk_free_bytes",
            Kind.GAUGE,
            "volume",
            "Free space of the volumes named in HADRON_METRICS_DISKS.",
        ),
        ("hadron_disk_size_bytes", Kind.GAUGE, "volume", "Size of these volumes."),
    ],
}

_STREAMER: dict[str, list[tuple[str, Kind, str, str]]] = {
    "Each streamer's own": [
        (
            "hadron_streamer_frames_total",
            Kind.COUNTER,
            "venue connection channel",
            "Frames received by this process, by the exchange's message type.",
        ),
        (
            "hadron_streamer_bytes_total",
            Kind.COUNTER,
            "venue connection channel",
            "Bytes of frames received by this process, by the exchange's message type.",
        ),
        (
            "hadron_streamer_connection_state",
            Kind.GAUGE,
            "venue connection state",
            "1 for the state that a connection of this process is in, 0 for the others.",
        ),
        (
            "hadron_streamer_last_frame_age_seconds",
            Kind.GAUGE,
            "venue connection",
            "Since the connection's last frame.",
        ),
        (
            "hadron_streamer_reconnects_total",
            Kind.COUNTER,
            "venue connection",
            "Connections lost and opened again.",
        ),
        (
            "hadron_streamer_authentication_failures_total",
            Kind.COUNTER,
            "venue connection",
            "Credentials refused by the exchange.",
        ),
        (
            "hadron_streamer_exchange_latency_seconds",
            Kind.HISTOGRAM,
            "venue connection",
            "From the exchange's own time of a message to its receipt, sampled twice a second.",
        ),
        (
            "hadron_streamer_published_entries_total",
            Kind.COUNTER,
            "venue",
            "Entries that Redis acknowledged.",
        ),
        (
            "hadron_streamer_queue_entries",
            Kind.GAUGE,
            "venue",
            "Entries that wait in memory for the next write to Redis.",
        ),
        (
            "hadron_streamer_spool_bytes",
            Kind.GAUGE,
            "venue",
            "Bytes of frames that wait on disk because Redis took none.",
        ),
    ],
}


def _table() -> dict[str, Metric]:
    found = {}
    for endpoint, groups in ((Endpoint.FLEET, _FLEET), (Endpoint.STREAMER, _STREAMER)):
        for group, rows in groups.items():
            for name, kind, labels, text in rows:
                found[name] = Metric(name, kind, tuple(labels.split()), text, group, endpoint)
    return found


METRICS = _table()
"""By name."""


_TABLE_HEAD = ("| metric | type | labels | meaning |", "|---|---|---|---|")


def as_markdown() -> str:
    """The table as the body of ``docs/metrics.md``: a section a group."""
    lines: list[str] = []
    group = ""
    for metric in METRICS.values():
        if metric.group != group:
            group = metric.group
            lines += [
                "",
                f"## {group}",
                "",
                "| metric | type | labels | meaning |",
                "|---|---|---|---|",
            ]
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(lines).strip() + "\n"
