"""The raw stream, what became of the frames, PostgreSQL and disks."""

from __future__ import annotations

from panels import Dashboard, Panel

STORAGE = Dashboard(
    "hadron-storage",
    "Hadron: storage",
    {
        "The raw stream": [
            Panel("Entries", {"{{venue}}": "hadron_stream_entries"}),
            Panel(
                "Not read yet, and read but not committed",
                {
                    "{{venue}} not read": "hadron_stream_lag_entries",
                    "{{venue}} being stored": "hadron_stream_pending_entries",
                },
            ),
            Panel(
                "Age of the oldest entry",
                {"{{venue}}": "hadron_stream_oldest_entry_age_seconds"},
                "s",
            ),
            Panel("Drains at work", {"{{venue}}": "hadron_stream_drains"}),
            Panel(
                "Redis memory",
                {
                    "used": "hadron_redis_memory_used_bytes",
                    "limit": "hadron_redis_memory_limit_bytes",
                },
                "bytes",
            ),
            Panel(
                "Redis is durable",
                {"durable": "hadron_redis_durable"},
                kind="state-timeline",
            ),
        ],
        "What became of the frames": [
            Panel(
                "Normalised",
                {
                    "{{venue}} {{type}}": "sum by (venue, type) "
                    "(rate(hadron_normalised_total[$__rate_interval]))"
                },
                "ops",
                stacked=True,
            ),
            Panel(
                "Could not be normalised or stored",
                {
                    "{{venue}} {{error}}": "sum by (venue, error) "
                    "(rate(hadron_normalisation_failures_total[$__rate_interval]))"
                },
                "ops",
            ),
            Panel(
                "Dead letters",
                {
                    "{{venue}} {{kind}} {{status}}": "sum by (venue, kind, status) "
                    "(hadron_dead_letters) > 0",
                    "waiting in Redis": "hadron_dead_letters_waiting > 0",
                },
            ),
            Panel(
                "Of unknown types, in an hour",
                {"{{venue}} {{type}}": "increase(hadron_ingest_unknown_total[1h]) > 0"},
            ),
            Panel(
                "Lifecycle and control messages",
                {
                    "{{venue}} lifecycle": "rate(hadron_ingest_lifecycle_total[$__rate_interval])",
                    "{{venue}} control": "rate(hadron_ingest_control_total[$__rate_interval])",
                },
                "ops",
            ),
            Panel(
                "Instruments found in the cache",
                {
                    "{{venue}}": "sum by (venue) "
                    '(rate(hadron_instrument_lookups_total{result="hit"}[$__rate_interval]))'
                    " / sum by (venue) "
                    "(rate(hadron_instrument_lookups_total[$__rate_interval]))"
                },
                "percentunit",
            ),
        ],
        "PostgreSQL and disks": [
            Panel("Size of the database", {"size": "hadron_database_size_bytes"}, "bytes"),
            Panel(
                "Growth a day",
                {"growth": "deriv(hadron_database_size_bytes[1h]) * 86400"},
                "bytes",
            ),
            Panel(
                "Connections",
                {
                    "{{state}}": "hadron_database_connections",
                    "limit": "hadron_database_connections_limit",
                },
            ),
            Panel(
                "Free on disks",
                {"{{volume}}": "hadron_disk_free_bytes / hadron_disk_size_bytes"},
                "percentunit",
            ),
            Panel("Daily partitions", {"partitions": "hadron_database_partitions"}),
            Panel("Days that stand ready", {"days": "hadron_database_partitions_ahead"}),
        ],
    },
)
