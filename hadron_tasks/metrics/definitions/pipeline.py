"""From the raw stream to stored rows, and what did not become one."""

from __future__ import annotations

from hadron_tasks.metrics.definitions.metric import Endpoint, Group, Kind

RAW_STREAM = Group(
    "The raw stream",
    Endpoint.FLEET,
    [
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
)

FRAMES = Group(
    "What became of the frames",
    Endpoint.FLEET,
    [
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
            "Instruments of messages looked for in a worker's cache: hit or miss.",
        ),
    ],
)

LETTERS_AND_GAPS = Group(
    "Dead letters and gaps",
    Endpoint.FLEET,
    [
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
)
